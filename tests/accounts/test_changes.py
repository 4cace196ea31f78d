"""What administrators change at Kratos, and when this host sees it."""

from collections.abc import Callable

import pytest
from faultserver import FaultServer
from looking import a_round_later, client_key, command, getent, groups, passwd, run, seen, told, uid
from world.daemon import Daemon
from world.journal import Journal
from world.kratos import Identity, Json, Kratos
from world.ssh import Sshd, SshSession

Make = Callable[..., Identity]


def change(kratos: Kratos, person: Identity, field: str, value: Json) -> None:
    path = f"/metadata_public/posix/{field}"
    kratos.patch(person.id, {"op": "add", "path": path, "value": value})


def keys(name: str) -> str:
    return run("userdbctl", "ssh-authorized-keys", name).stdout


def test_changes_of_the_document(quick: Daemon, kratos: Kratos, make: Make) -> None:
    dora = make("dora", groups=["developers", "testers"])
    before = passwd("dora")
    change(kratos, dora, "shell", "/bin/sh")
    seen(lambda: passwd("dora")[6] == "/bin/sh", "the new shell")
    change(kratos, dora, "gecos", "Dora")
    seen(lambda: passwd("dora")[4] == "Dora", "the new gecos")
    gid = getent("group", "developers").split(":")[2]
    change(kratos, dora, "groups", ["developers", "writers"])
    seen(lambda: groups("dora") == {"dora", "developers", "writers"}, "the new groups")
    assert getent("group", "testers") == ""
    assert getent("group", "developers").split(":")[2] == gid
    assert passwd("dora")[2:4] == before[2:4]


def test_keys_come_and_go(quick: Daemon, kratos: Kratos, make: Make, keyed_sshd: Sshd) -> None:
    dora = make("dora")
    SshSession("dora", key=True).refused()
    change(kratos, dora, "sshKeys", [client_key()])
    seen(lambda: client_key() in keys("dora"), "the new key")
    SshSession("dora", key=True).shell().logout()
    kratos.set_state(dora.id, "inactive")
    seen(lambda: keys("dora") == "", "no keys of a disabled person")
    SshSession("dora", key=True).refused()
    assert passwd("dora"), "files keep their owner's name"
    kratos.set_state(dora.id, "active")
    seen(lambda: client_key() in keys("dora"), "the key again")
    change(kratos, dora, "sshKeys", [])
    seen(lambda: keys("dora") == "", "no keys any more")
    SshSession("dora", key=True).refused()


def test_rule_31_a_rename_needs_the_administrator(
    quick: Daemon, kratos: Kratos, make: Make, journal: Journal, keyed_sshd: Sshd
) -> None:
    dora = make("dora", sshKeys=[client_key()])
    number = uid("dora")
    change(kratos, dora, "name", "theodora")
    seen(lambda: told(journal, dora.id, "which was dora", "another name"), "the refusal")
    SshSession("dora", key=True).refused()
    assert passwd("theodora") == []
    assert command("--unpin", "dora").returncode == 0
    kratos.set_username(dora.id, "theodora")
    seen(lambda: passwd("theodora"), "the new name")
    assert uid("theodora") == number and passwd("dora") == []
    assert passwd(number)[0] == "theodora"
    SshSession("theodora", key=True).shell().logout()
    SshSession("theodora").login(dora.password).logout()


@pytest.mark.parametrize("running", [True, False], ids=["daemon", "no-daemon"])
def test_rule_1_deleted_and_made_again(
    quick: Daemon, kratos: Kratos, make: Make, journal: Journal, sshd: Sshd, running: bool
) -> None:
    """Under the same name it is somebody else, until the administrator says so."""
    old = make("dora")
    number = uid("dora")
    kratos.delete_identity(old.id)
    seen(lambda: passwd("dora") == [], "no dora")
    seen(lambda: told(journal, "dora is no account any more", old.id), "the message")
    new = make("dora")
    quick.reload()  # forgets that the name was nobody's a moment ago
    assert passwd("dora") == [] and passwd(number) == []
    seen(lambda: told(journal, new.id, "its name belongs to another identity here"), "the refusal")
    SshSession("dora").answer(new.password).refused()
    if running:
        done = command("--unpin", "dora")
    else:
        quick.stop()
        done = command("--unpin", "dora")
        quick.start()
    assert (done.returncode, done.stderr) == (0, "")
    SshSession("dora").login(new.password).logout()
    assert uid("dora") != number and passwd(number) == []


def test_unpin_says_what_is_wrong(quick: Daemon) -> None:
    for running in True, False:
        if not running:
            quick.stop()
        done = command("--unpin", "dora")
        assert done.returncode != 0 and "pinned to nobody here" in done.stderr
        assert command("--unpin", "no name").returncode == 64
    done = run("setpriv", "--reuid=2001", "--clear-groups", "/usr/sbin/kratosd", "--unpin", "dora")
    assert done.returncode == 77


def test_kratos_away_and_back(
    stopped_daemon: Daemon, proxy: FaultServer, kratos: Kratos, make: Make
) -> None:
    stopped_daemon.configure(Accounts={"RefreshSec": "1s"})
    stopped_daemon.start()
    dora = make("dora")
    entry = passwd("dora")
    proxy.refuse()
    a_round_later(2)
    assert passwd("dora") == entry
    stopped_daemon.restart()
    assert passwd("dora") == entry
    change(kratos, dora, "shell", "/bin/sh")
    proxy.listen()
    seen(lambda: passwd("dora")[6] == "/bin/sh", "the new shell")
