"""What else can be wrong with a host, on which somebody of ours and a local person are logged in: root
and local people always get in, rule 23, and who is there stays."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from everybody import Console, boot_knowing, root_and_local_people_get_in
from host import INSTALL_TIMEOUT, LOCAL_PASSWORD
from sentences import AWAY
from world.box import Box
from world.kratos import Identity, Kratos
from world.processes import wait_until
from world.ssh import SshSession

CLOCK = "/usr/local/lib/clock.so"
YEAR = 365 * 24 * 3600
JOURNAL = ["systemd-journald-dev-log.socket", "systemd-journald.socket", "systemd-journald-audit.socket"]
# That of Debian 13 does not come back to a bus that was restarted, and then everybody who logs in waits
# 25 s for it, with us and without us.
LOGIND = "systemd-logind.service"
# What somebody waits for at most who logs in while logind cannot be asked.
WITHIN = 10.0


@pytest.fixture(scope="module")
def house(victim: Box, dora: Identity) -> Box:
    """A machine, booted, which knows dora."""
    source = Path(__file__).with_name("clock.c")
    library = victim.path(CLOCK)
    library.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cc", "-shared", "-fPIC", "-D_GNU_SOURCE", "-o", library, source], check=True)
    boot_knowing(victim, dora)
    return victim


# What is wrong.


@contextmanager
def disk_full(box: Box) -> Iterator[None]:
    """To the last byte, and not only ours."""
    told = box.run("/bin/sh", "-c", "cat /dev/zero >/var/filler", check=False).stdout
    try:
        assert "No space left on device" in told
        yield
    finally:
        box.path("/var/filler").unlink()


@contextmanager
def var_read_only(box: Box) -> Iterator[None]:
    """Since a boot."""
    box.power_cut()
    below = box.folder / "empty"
    below.mkdir(exist_ok=True)
    # A file system that cannot be written to, rather than a mount that is not to be: systemd undoes that.
    options = f"lowerdir={below}:{box.root}/var"
    subprocess.run(["mount", "-t", "overlay", "-o", options, "var", box.path("/var")], check=True)
    box.power_on(console=True)
    assert box.run("touch", "/var/new", check=False).returncode != 0
    try:
        yield
    finally:
        box.power_cut()
        subprocess.run(["umount", box.path("/var")], check=True)
        box.power_on(console=True)


@contextmanager
def clock(box: Box, offset: int) -> Iterator[None]:
    """For whatever starts from now on, kratosd too."""
    box.write("/etc/clock-offset", str(offset))
    box.write("/etc/ld.so.preload", CLOCK + "\n")
    box.run("systemctl", "restart", "kratosd")
    seen = int(box.run("date", "+%s").stdout) - int(subprocess.check_output(["date", "+%s"]))
    assert abs(seen - offset) < 60
    try:
        yield
    finally:
        box.path("/etc/ld.so.preload").unlink()
        box.run("systemctl", "restart", "kratosd")


def clock_ahead(box: Box) -> AbstractContextManager[None]:
    return clock(box, YEAR)


def clock_behind(box: Box) -> AbstractContextManager[None]:
    return clock(box, -YEAR)


@contextmanager
def journal_gone(box: Box) -> Iterator[None]:
    box.run("systemctl", "mask", "--runtime", "systemd-journald.service", *JOURNAL)
    box.run("systemctl", "stop", "systemd-journald.service", *JOURNAL)
    try:
        yield
    finally:
        box.run("systemctl", "unmask", "--runtime", "systemd-journald.service", *JOURNAL)
        box.run("systemctl", "start", *JOURNAL)


@contextmanager
def bus_restarted(box: Box) -> Iterator[None]:
    box.run("systemctl", "restart", "dbus.service", LOGIND)
    yield


@contextmanager
def bus_stopped(box: Box) -> Iterator[None]:
    box.run("systemctl", "stop", "dbus.socket", "dbus.service")
    try:
        yield
    finally:
        box.run("systemctl", "start", "dbus.socket", "dbus.service")
        box.run("systemctl", "restart", LOGIND)
        # It looks for the bus once a second.
        status = "busctl", "status", "org.kratosd1"
        wait_until(lambda: box.run(*status, check=False).returncode == 0, "kratosd is on the bus")


@contextmanager
def masked(box: Box) -> Iterator[None]:
    box.run("systemctl", "mask", "--now", "kratosd")
    try:
        yield
    finally:
        box.run("systemctl", "unmask", "kratosd")
        box.run("systemctl", "start", "kratosd")


Trouble = Callable[[Box], AbstractContextManager[None]]


@contextmanager
def both_logged_in(dora: Identity) -> Iterator[None]:
    """Before and after, and neither is thrown out."""
    ours = SshSession("dora").login(dora.password)
    local = SshSession("lokal").login(LOCAL_PASSWORD)
    yield
    for login, name in (ours, "dora"), (local, "lokal"):
        assert login.run("echo $USER") == name
        assert login.logout().status == 0


@pytest.mark.parametrize(
    "trouble",
    [disk_full, clock_ahead, clock_behind, journal_gone, bus_restarted, bus_stopped, masked],
)
def test_rule_23_root_and_local_people_get_in(
    house: Box, shared_kratos: Kratos, dora: Identity, trouble: Trouble
) -> None:
    with both_logged_in(dora):
        with trouble(house):
            root_and_local_people_get_in(house, WITHIN)
    wait_until(lambda: not shared_kratos.active_sessions(dora.id), "her session is revoked", 20)
    # Nothing of it has stayed.
    assert SshSession("dora").login(dora.password).logout().status == 0


def test_rule_23_root_and_local_people_get_in_with_a_read_only_disk(
    house: Box, dora: Identity
) -> None:
    with var_read_only(house):
        root_and_local_people_get_in(house, WITHIN)
        console = Console(house)
        console.refused("dora", dora.password)
        assert AWAY in console.text
    assert SshSession("dora").login(dora.password).logout().status == 0


def test_rule_23_the_package_is_removed(house: Box, dora: Identity) -> None:
    """The last test, for nothing of ours is there afterwards."""
    with both_logged_in(dora):
        remove = ["apt-get", "--quiet", "--yes", "remove", "libpam-kratos", "kratosd"]
        house.run(*remove, timeout=INSTALL_TIMEOUT)
        root_and_local_people_get_in(house, WITHIN)
