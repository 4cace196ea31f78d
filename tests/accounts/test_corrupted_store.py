"""A store that somebody has tampered with: what stands in it is checked again at every answer."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from looking import getent, groups, passwd, run
from world import pam
from world.daemon import Daemon
from world.kratos import Identity, Json
from world.paths import STATE
from world.ssh import Sshd, SshSession

Make = Callable[..., Identity]

DOCUMENT = {"name": "dora", "groups": ["developers"], "shell": "/bin/bash"}

# What is done to dora's row, and whom it must not make.
CHANGES: dict[str, list[str]] = {
    "uid 0": ["UPDATE account SET uid = 0, gid = 0"],
    "uid of the system": ["UPDATE account SET uid = 33"],
    "uid of a local user": ["UPDATE account SET uid = 2001"],
    "uid of 64 bits": ["UPDATE account SET uid = 4294967296"],
    "uid below 0": ["UPDATE account SET uid = -1"],
    "uid no number": ["UPDATE account SET uid = 'root'"],
    "uid outside the range": ["UPDATE account SET uid = 70000"],
    "gid 0": ["UPDATE account SET gid = 0"],
    "gid of sudo": ["UPDATE account SET gid = 27"],
    "root": ["UPDATE account SET name = 'root'", "UPDATE pin SET name = 'root'"],
    "docker": ["UPDATE account SET name = 'docker'", "UPDATE pin SET name = 'docker'"],
    "newline": ["UPDATE account SET name = 'x' || char(10) || 'root::0:0::/:/bin/sh'"],
    "no name": ["UPDATE account SET name = ''"],
    "blob": ["UPDATE account SET name = x'726f6f74', document = x'00ff'"],
    "no document": ["UPDATE account SET document = ''"],
    "shell": ["UPDATE account SET document = '{\"shell\":\"/bin/sh -c id\"}'"],
    "home": ["UPDATE account SET document = '{\"home\":\"/root\"}'"],
    "key": ["UPDATE account SET document = '{\"sshKeys\":[\"environment=\\\"A=b\\\" x\"]}'"],
}  # fmt: skip


def tamper(daemon: Daemon, *statements: str) -> None:
    daemon.stop()
    connection = sqlite3.connect(STATE / "kratosd.db")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
    for file in STATE.glob("kratosd.db*"):
        shutil.chown(file, "kratosd", "kratosd")
    daemon.start()


@pytest.fixture
def alone(stopped_daemon: Daemon, make: Make) -> Daemon:
    """A host that knows dora, and then has nobody to ask."""
    stopped_daemon.start()
    make(**{"username": "dora"} | DOCUMENT)
    assert passwd("dora")
    stopped_daemon.configure(Kratos={"AdminURL": None})
    stopped_daemon.restart()
    assert passwd("dora")
    return stopped_daemon


def records(*argv: str) -> str:
    return run("userdbctl", *argv, "--json=short").stdout


@pytest.mark.parametrize("case", CHANGES)
def test_rule_37_a_row_that_cannot_be(
    alone: Daemon, sshd: Sshd, stack: str, case: str
) -> None:
    before = {name: (getent("passwd", name), getent("group", name)) for name in ("root", "docker")}
    numbers = {number: getent("passwd", number) for number in ("0", "33", "2001", "4294967295")}
    alone.configure(Accounts={"Enumerate": "yes"})
    tamper(alone, *CHANGES[case])
    ours = "org.kratosd1"
    for argv in ("user", "dora"), ("user", "root"), ("user", "0"), ("group", "dora"), ("user",):
        assert ours not in records(*argv), argv
    assert {name: (getent("passwd", name), getent("group", name)) for name in before} == before
    assert {number: getent("passwd", number) for number in numbers} == numbers
    for name in "dora", "root":
        done = pam.run(stack, name, ["authenticate", "acct_mgmt"], ["correct horse battery staple"])
        assert done.status != 0
    SshSession("dora", key=True).refused()
    assert alone.running


def test_rule_37_memberships(alone: Daemon, sshd: Sshd) -> None:
    """A membership of a privileged group is none, and a number makes no group a privileged one."""
    names = ["sudo", "root", "docker", "shadow", "disk"]
    before = {name: getent("group", name) for name in names}
    rows = [f"INSERT INTO membership SELECT '{name}', identity FROM account" for name in names]
    rows.append("UPDATE number SET number = 27 WHERE owner = 'group:developers'")
    tamper(alone, *rows)
    assert groups("dora") == {"dora"}
    assert {name: getent("group", name) for name in names} == before
    assert "dora" not in getent("group", "27")
    Path("/etc/sudoers").write_text("root ALL=(ALL:ALL) ALL\n%sudo ALL=(ALL:ALL) ALL\n")
    Path("/etc/sudoers").chmod(0o440)
    pam.pam_service("sudo")
    done = run("sudo", "-l", "-U", "dora")
    assert "not allowed to run sudo" in done.stdout + done.stderr
    login = SshSession("dora", key=True).shell()
    assert login.run("id -Gn") == "dora"
    login.logout()


def test_rule_37_the_document_in_the_store_is_read_anew(alone: Daemon, sshd: Sshd) -> None:
    """A whole one of somebody else's making is what the store is for; but it makes no more of them."""
    document: Json = DOCUMENT | {"gecos": "changed"}
    tamper(alone, f"UPDATE account SET document = '{json.dumps(document)}'")
    assert passwd("dora")[4] == "changed"


def test_rule_23_a_store_that_is_none(alone: Daemon, sshd: Sshd, make: Make) -> None:
    """Local people come in, and ours are known anew when Kratos can be asked."""
    alone.stop()
    (STATE / "kratosd.db").write_bytes(b"no database at all" * 1000)
    for file in STATE.glob("kratosd.db-*"):
        file.unlink()
    alone.start()
    assert passwd("alice")[2] == "2001" and passwd("dora") == []
    SshSession("lokal").login("the password of lokal").logout()
