"""The people of Kratos as the host's own programs see them."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from looking import client_key, getent, groups, passwd, run, told, uid
from world import pam
from world.daemon import Daemon
from world.journal import Journal
from world.kratos import Identity
from world.ssh import Sshd, SshSession

Make = Callable[..., Identity]

PRIVILEGED = ["sudo", "docker", "root", "adm", "disk", "shadow", "wheel", "lxd"]


def test_by_name_and_by_number(daemon: Daemon, make: Make) -> None:
    make("dora", groups=["developers"], gecos="Dora Ö", shell="/bin/sh", home="/home/dora")
    entry = passwd("dora")
    number = entry[2]
    assert entry == ["dora", "x", number, number, "Dora Ö", "/home/dora", "/bin/sh"]
    assert 1879048192 <= int(number) <= 2147352575
    assert passwd(number) == entry
    group = getent("group", "developers").split(":")
    assert group[0] == "developers" and group[3] == "dora"
    assert getent("group", group[2]).split(":") == group
    assert getent("group", "dora").split(":")[:3] == ["dora", "x", number]
    assert getent("group", number).split(":")[:3] == ["dora", "x", number]
    assert groups("dora") == {"dora", "developers"}
    # No password of ours is ever in shadow, so that pam_unix has nothing to compare with.
    assert getent("shadow", "dora").split(":")[1:2] in ([], ["!*"], ["!"], ["*"])


def test_numbers_of_the_document(stopped_daemon: Daemon, make: Make) -> None:
    stopped_daemon.configure(Accounts={"AllowUIDs": "5000-5999"})
    stopped_daemon.start()
    make("dora", uid=5001, gid=5100, groups=[{"name": "staff-of-us", "gid": 5100}])
    assert passwd("dora")[2:4] == ["5001", "5100"]
    assert getent("group", "5100").split(":")[0] == "staff-of-us"
    assert groups("dora") == {"staff-of-us"}


def test_userdbctl(daemon: Daemon, make: Make, sshd: Sshd) -> None:
    make("dora", groups=["developers"], sshKeys=[client_key()])
    shown = json.loads(run("userdbctl", "user", "--json=short", "dora").stdout)
    assert (shown["userName"], shown["service"]) == ("dora", "org.kratosd1")
    assert shown["privileged"]["sshAuthorizedKeys"] == [client_key()]
    shown = json.loads(run("userdbctl", "group", "--json=short", "developers").stdout)
    assert shown["groupName"] == "developers"
    members = run("userdbctl", "groups-of-user", "--no-legend", "dora").stdout
    assert "developers" in members
    keys = run("userdbctl", "ssh-authorized-keys", "dora").stdout
    assert keys.strip() == client_key()


def test_keys_are_the_owners_and_roots(daemon: Daemon, make: Make, sshd: Sshd) -> None:
    make("dora", sshKeys=[client_key()])
    number = uid("dora")

    def as_user(number: int) -> str:
        argv = ["setpriv", f"--reuid={number}", f"--regid={number}", "--clear-groups"]
        return run(*argv, "userdbctl", "user", "--json=short", "dora").stdout

    assert client_key() in as_user(number)
    shown = as_user(2001)
    assert '"dora"' in shown and client_key() not in shown


def test_files_show_their_owners(daemon: Daemon, make: Make) -> None:
    make("dora", groups=["developers"])
    number, group = uid("dora"), int(getent("group", "developers").split(":")[2])
    file = Path("/run/world/open/file-of-dora")
    file.write_text("")
    os.chown(file, number, group)
    assert run("ls", "-l", str(file)).stdout.split()[2:4] == ["dora", "developers"]


def test_nobody_is_listed_unless_it_is_said(stopped_daemon: Daemon, make: Make) -> None:
    stopped_daemon.start()
    make("dora")
    assert passwd("dora") and "dora:" not in getent("passwd")
    stopped_daemon.configure(Accounts={"Enumerate": "yes"})
    stopped_daemon.reload()
    assert "\ndora:" in getent("passwd") and "\ndora:" in getent("group")


def sudo_tells(name: str) -> str:
    Path("/etc/sudoers").write_text("root ALL=(ALL:ALL) ALL\n%sudo ALL=(ALL:ALL) ALL\n")
    os.chmod("/etc/sudoers", 0o440)
    done = subprocess.run(
        ["sudo", "-l", "-U", name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return done.stdout


def test_rule_11_no_privileged_group_by_a_document(
    daemon: Daemon, make: Make, sshd: Sshd, journal: Journal
) -> None:
    """Neither as a group of the document, nor as members of the host's own."""
    before = {name: getent("group", name) for name in PRIVILEGED}
    make("dora", groups=[*PRIVILEGED, "developers"])
    assert groups("dora") == {"dora", "developers"}, told(journal)
    assert {name: getent("group", name) for name in PRIVILEGED} == before
    pam.pam_service("sudo")
    assert "not allowed to run sudo" in sudo_tells("dora")
    login = SshSession("dora").login("correct horse battery staple")
    assert set(login.run("id -Gn").split()) == {"dora", "developers"}
    login.logout()


def test_rule_11_only_the_configuration_makes_members(
    stopped_daemon: Daemon, make: Make, sshd: Sshd
) -> None:
    stopped_daemon.configure(Groups={"wheel-admins": "sudo no-such-group"})
    stopped_daemon.start()
    make("dora", groups=["wheel-admins", "developers"])
    make("erik", groups=["developers"])
    assert groups("dora") == {"dora", "developers", "wheel-admins", "sudo"}
    assert groups("erik") == {"erik", "developers"}
    assert getent("group", "sudo").split(":")[3] == "dora"
    pam.pam_service("sudo")
    pam.pam_service("su")
    assert "(ALL : ALL) ALL" in sudo_tells("dora")
    assert "not allowed to run sudo" in sudo_tells("erik")
    told = run("su", "dora", "-c", "id -Gn", cwd="/").stdout.split()
    assert set(told) == {"dora", "developers", "wheel-admins", "sudo"}
    login = SshSession("dora").login("correct horse battery staple")
    assert "sudo" in login.run("id -Gn").split()
    login.logout()
    stopped_daemon.configure(Groups={"wheel-admins": None})
    stopped_daemon.reload()
    assert "sudo" not in groups("dora")
    assert "not allowed to run sudo" in sudo_tells("dora")
