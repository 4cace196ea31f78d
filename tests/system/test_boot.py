"""A Debian that boots with kratosd enabled, and people whom it has never seen."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from world.box import Box
from world.kratos import Identity, Kratos
from world.processes import wait_until
from world.ssh import SshSession

WANTED_BY_BOOT = "/etc/systemd/system/multi-user.target.wants/kratosd.service"
USERDB = "/run/systemd/userdb/org.kratosd1"
# More than a boot varies here, and far less than anybody who waits for somebody has to wait.
BOOT_MARGIN = 2.0

UNKNOWN_USER_POLICY = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <policy user="nosuchuser"><allow own="org.example.One"/></policy>
  <policy user="nosuchother"><allow own="org.example.Two"/></policy>
  <policy group="nosuchgroup"><allow send_destination="org.example.One"/></policy>
</busconfig>
"""


def boot_seconds(box: Box) -> float:
    """From the start of systemd until everything of a normal boot is there, by systemd's own clock."""
    begun = box.run("systemctl", "show", "--value", "--property=UserspaceTimestampMonotonic").stdout
    (done,) = box.show("multi-user.target", "ActiveEnterTimestampMonotonic")
    assert int(done), box.log()[-4000:]
    return (int(done) - int(begun)) / 1e6


@pytest.fixture(scope="module")
def without(_installed: Path) -> Iterator[float]:
    """The seconds of a boot without kratosd."""
    box = Box("without", _installed)
    try:
        box.path(WANTED_BY_BOOT).unlink()
        box.power_on()
        assert box.show("kratosd.service", "ActiveState") == ["inactive"]
        assert not box.live(USERDB).is_symlink()
        yield boot_seconds(box)
    finally:
        box.remove()


def test_it_is_there_after_a_boot(box: Box) -> None:
    assert box.run("systemctl", "is-system-running").stdout == "running\n"
    assert box.run("systemctl", "is-active", "kratosd.service").stdout == "active\n"
    assert box.run("test", "-S", USERDB)
    failed = box.run("systemctl", "--failed", "--quiet", "--no-legend").stdout
    assert failed == ""


def test_it_holds_up_no_boot(without: float, box: Box) -> None:
    assert boot_seconds(box) < without + BOOT_MARGIN
    chain = box.run("systemd-analyze", "critical-chain", "--no-pager").stdout
    assert "kratosd" not in chain or not re.search(r"kratosd\S* \S*@.*\+([1-9]\d*)s", chain), chain
    activated, requested = box.show(
        "kratosd.service", "ActiveEnterTimestampMonotonic", "InactiveExitTimestampMonotonic"
    )
    assert int(activated) - int(requested) < 1_000_000


def test_unknown_users_in_bus_policies_hold_up_no_boot(
    without: float, kratos: Kratos, off: Box
) -> None:
    """The bus asks for them while it starts, through NSS, and so of us: rule_17."""
    off.write("/etc/dbus-1/system.d/unknown.conf", UNKNOWN_USER_POLICY)
    off.power_on()
    assert boot_seconds(off) < without + BOOT_MARGIN
    assert off.show("kratosd.service", "ActiveState") == ["active"]
    assert "nosuchuser" in off.run("journalctl", "--unit=dbus.service").stdout


@pytest.mark.parametrize("policy", ["", UNKNOWN_USER_POLICY], ids=["", "unknown_users_in_bus_policies"])
def test_a_kratos_that_hangs_holds_up_no_boot(
    without: float, kratos: Kratos, off: Box, policy: str
) -> None:
    if policy:
        off.write("/etc/dbus-1/system.d/unknown.conf", policy)
    kratos.pause()
    off.power_on()
    assert boot_seconds(off) < without + BOOT_MARGIN
    assert off.show("kratosd.service", "ActiveState") == ["active"]


def test_without_kratos_local_people_log_in_after_a_boot(without: float, off: Box) -> None:
    """Rule_23: nothing answers where Kratos should be."""
    off.power_on()
    assert boot_seconds(off) < without + BOOT_MARGIN
    assert off.run("systemctl", "is-system-running").stdout == "running\n"
    login = SshSession("lokal").login("the password of lokal")
    assert login.run("id -un") == "lokal"
    assert login.logout().status == 0


def test_first_login_with_a_password(
    box: Box, kratos: Kratos, make: Callable[..., Identity]
) -> None:
    """Of a person whom the host has never seen, and who has no home."""
    dora = make("dora", gecos="Dora", groups=["developers"])
    login = SshSession("dora").login(dora.password)
    uid = int(login.run("id -u"))
    assert login.run("id -Gn") == "dora developers"
    assert login.run("pwd; stat -c '%U %a' .").split() == ["/home/dora", "dora", "700"]
    assert login.run("echo $XDG_RUNTIME_DIR") == f"/run/user/{uid}"
    assert login.run("stat -c %U $XDG_RUNTIME_DIR") == "dora"
    assert login.run("systemctl --user is-system-running --wait") == "running"
    assert box.run("systemctl", "is-active", f"user@{uid}.service").stdout == "active\n"
    told = box.run("loginctl", "user-status", "dora", "--no-pager").stdout
    assert f"dora ({uid})" in told and "sshd" in told
    told = box.run("userdbctl", "user", "dora").stdout
    assert "Service: org.kratosd1" in told and "Real Name: Dora" in told
    assert box.run("id", "dora").stdout.startswith(f"uid={uid}(dora) gid={uid}(dora)")
    assert box.run("stat", "-c", "%U", "/home/dora").stdout == "dora\n"

    (session,) = kratos.active_sessions(dora.id)
    assert login.logout().status == 0
    wait_until(lambda: not kratos.active_sessions(dora.id), "the session is revoked")
    assert not kratos.session(session["id"])["active"]


def test_first_login_with_a_key(box: Box, kratos: Kratos, make: Callable[..., Identity]) -> None:
    dora = make("dora")
    login = SshSession("dora", key=True).shell()
    uid = int(login.run("id -u"))
    assert login.run("stat -c %U $XDG_RUNTIME_DIR /home/dora").split() == ["dora", "dora"]
    assert box.run("systemctl", "is-active", f"user@{uid}.service").stdout == "active\n"
    assert kratos.active_sessions(dora.id) == []
    assert login.logout().status == 0

    # The key is of no use where the account is not.
    make("eve", hosts=["elsewhere"])
    assert SshSession("eve", key=True).finish().status == 255


def test_a_local_person_has_the_local_password(box: Box) -> None:
    login = SshSession("lokal").login("the password of lokal")
    assert login.run("systemctl --user is-system-running --wait") == "running"
    assert login.logout().status == 0
