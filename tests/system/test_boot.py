"""A Debian that boots with kratosd enabled, and people whom it has never seen."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from everybody import SOON, lokal_with_a_password
from host import BOOT_ADDED, BOOT_MARGIN, boot_seconds, key_is_in_vain, put_key
from paying import added
from world.box import Box
from world.kratos import Identity, Kratos
from world.processes import wait_until
from world.ssh import SHELL_PROMPT, SshSession

WANTED_BY_BOOT = "/etc/systemd/system/multi-user.target.wants/kratosd.service"
USERDB = "/run/systemd/userdb/org.kratosd1"
EXPOSURE = 1.2
# TimeoutStartSec= of the unit.
START_TIMEOUT = 10.0
# An idle machine starts it in a tenth of a second, one that boots beside much else in six.
START_LASTS = 1.5
BOOTS = 3

UNKNOWN_USER_POLICY = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <policy user="nosuchuser"><allow own="org.example.One"/></policy>
  <policy user="nosuchother"><allow own="org.example.Two"/></policy>
  <policy group="nosuchgroup"><allow send_destination="org.example.One"/></policy>
</busconfig>
"""


def local_login() -> None:
    assert lokal_with_a_password() < SOON


@pytest.fixture(scope="module")
def plain(_prepared: Path, _installed: Path) -> Iterator[Box]:
    """A machine that starts no kratosd, powered off."""
    box = Box("plain", _installed, _prepared)
    try:
        box.path(WANTED_BY_BOOT).unlink()
        yield box
    finally:
        box.remove()


def boot_plainly(plain: Box) -> float:
    plain.power_on()
    assert plain.show("kratosd.service", "ActiveState") == ["inactive"]
    assert not plain.live(USERDB).is_symlink()
    seconds = boot_seconds(plain)
    plain.power_cut()
    return seconds


@pytest.fixture(scope="module")
def without(plain: Box) -> float:
    """The seconds of a boot without kratosd."""
    return boot_plainly(plain)


def start_seconds(box: Box) -> float:
    begun, ready = box.show("kratosd.service", "InactiveExitTimestampMonotonic", "ActiveEnterTimestampMonotonic")
    return (int(ready) - int(begun)) / 1e6


def test_it_is_there_after_a_boot(box: Box) -> None:
    assert box.run("systemctl", "is-system-running").stdout == "running\n"
    assert box.run("systemctl", "is-active", "kratosd.service").stdout == "active\n"
    assert box.run("test", "-S", USERDB)
    failed = box.run("systemctl", "--failed", "--quiet", "--no-legend").stdout
    assert failed == ""
    # As the system that runs it scores the sandbox.
    scores = box.run("systemd-analyze", "security", "--no-pager", "kratosd.service").stdout
    assert float(re.search(r"Overall exposure level for kratosd\.service: ([\d.]+)", scores)[1]) <= EXPOSURE, scores


def test_it_holds_up_no_boot(plain: Box, box: Box, record_property: Callable[[str, object], None]) -> None:
    boots, starts = [], []
    for _ in range(BOOTS):
        seconds = boot_seconds(box)
        starts.append(start_seconds(box))
        box.power_cut()
        boots.append((seconds, boot_plainly(plain)))
        box.power_on()
    record_property("boot_added_ms", round(added(boots) * 1000))
    record_property("start_ms", round(min(starts) * 1000))
    assert added(boots) < BOOT_ADDED, boots
    assert min(starts) < START_LASTS, starts
    # Whoever looks people up waits for us, and we for nothing that takes time.
    chain = box.run("systemd-analyze", "critical-chain", "--no-pager", "kratosd.service").stdout
    assert "dbus.service" not in chain and "network" not in chain, chain
    ready, looked_up = (
        int(box.show(unit, "ActiveEnterTimestampMonotonic")[0])
        for unit in ("kratosd.service", "nss-user-lookup.target")
    )
    assert ready <= looked_up


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
    local_login()


@pytest.mark.parametrize(
    "program",
    ["exit 1", "exit 78", "kill -SEGV $$"],
    ids=["fails", "has_a_mistake_in_its_configuration", "crashes"],
)
def test_rule_23_a_broken_kratosd_holds_up_no_boot(without: float, off: Box, program: str) -> None:
    off.write("/usr/sbin/kratosd", f"#!/bin/sh\n{program}\n", 0o755)
    off.power_on()
    assert boot_seconds(off) < without + BOOT_MARGIN
    local_login()


def test_rule_23_a_kratosd_that_is_never_ready_is_waited_for_once(without: float, off: Box) -> None:
    """Nobody may log in before people can be looked up, or before that has failed."""
    off.write("/usr/sbin/kratosd", "#!/bin/sh\nexec sleep 100\n", 0o755)
    off.power_on()
    waited = boot_seconds(off, "systemd-user-sessions.service")
    assert waited < without + START_TIMEOUT + BOOT_MARGIN
    local_login()


def test_who_lingers_is_there_after_a_boot(
    box: Box, kratos: Kratos, make: Callable[..., Identity]
) -> None:
    """logind starts the user manager at boot, and so must know the user; also while Kratos is away."""
    make("dora")
    uid = box.run("id", "-u", "dora").stdout.strip()
    box.run("loginctl", "enable-linger", "dora")
    kratos.pause()
    box.reboot()
    assert box.run("systemctl", "is-active", f"user@{uid}.service").stdout == "active\n"
    assert box.run("id", "-un", uid).stdout == "dora\n"


def test_first_login_on_the_console(
    off: Box, kratos: Kratos, make: Callable[..., Identity]
) -> None:
    dora = make("dora")
    off.power_on(console=True)
    console = off.console
    console.sendline("dora")
    console.expect("[Pp]assword: ")
    console.sendline(dora.password)
    console.expect(SHELL_PROMPT)
    assert len(kratos.active_sessions(dora.id)) == 1
    told = off.run("loginctl", "user-status", "dora", "--no-pager").stdout
    assert "login" in told, told
    console.sendline("exit")
    console.expect(" login: ")
    wait_until(lambda: not kratos.active_sessions(dora.id), "the session is revoked")


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

    # The key is of no use where the account is not: that of the document is not given out, and one in the home
    # does not help.
    make("eve", hosts=["elsewhere"])
    assert SshSession("eve", key=True).finish().status == 255
    put_key(box, "eve")
    key_is_in_vain(box, "eve")


def test_a_local_person_has_the_local_password(box: Box) -> None:
    login = SshSession("lokal").login("the password of lokal")
    assert login.run("systemctl --user is-system-running --wait") == "running"
    assert login.logout().status == 0
