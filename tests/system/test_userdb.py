"""Who looks people up must not suffer from what becomes of kratosd, local people least of all: rules 17
and 23, and what systemd/kratosd.service says of each case."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from host import put_packages
from paying import added
from world.box import Box
from world.kratos import Identity
from world.processes import wait_until
from world.ssh import SshSession

PROGRAM = "/usr/sbin/kratosd"
UNIT = "/lib/systemd/system/kratosd.service"
MISTAKE = "/etc/kratosd/kratosd.conf.d/mistake.conf"
NAME = "/run/systemd/userdb/org.kratosd1"
SOCKET = "/run/kratosd/userdb"

# What a look-up takes at most where nobody waits, and how much more with us than without us.
AT_ONCE = 0.5
ADDED = 0.05
ROUNDS = 3
# With kratosd, and with an nss-systemd that passes over it.
WAYS = ["env"], ["env", "SYSTEMD_BYPASS_USERDB=org.kratosd1"]
FOUND, NOT_FOUND = 0, 2
# WatchdogSec= and TimeoutAbortSec=, and some time for a busy machine.
HANG_LASTS = 9.0
BACK_WITHIN = 10.0


def look_ups_take_no_time(box: Box) -> None:
    """Of root and a local person, whom the files know, and of a name and a number that nobody knows: no more
    than they take without kratosd, by turns."""
    wanted = {
        ("passwd", "root"): FOUND,
        ("passwd", "lokal"): FOUND,
        ("passwd", "nosuchname"): NOT_FOUND,
        ("passwd", "1999999999"): NOT_FOUND,
        ("group", "lokal"): FOUND,
        ("group", "nosuchname"): NOT_FOUND,
        ("initgroups", "lokal"): FOUND,
    }
    commands = [[*way, "getent", *key] for _ in range(ROUNDS) for key in wanted for way in WAYS]
    told = iter(box.timed(*commands))
    pairs: dict[tuple[str, str], list[tuple[float, float]]] = {key: [] for key in wanted}
    for _ in range(ROUNDS):
        for key, found in wanted.items():
            (ours, status), (theirs, same) = next(told), next(told)
            assert ours < AT_ONCE and status == same == found, (key, ours, status, same)
            pairs[key].append((ours, theirs))
    assert all(added(took) < ADDED for took in pairs.values()), pairs


def knows(box: Box, name: str) -> bool:
    return box.run("getent", "passwd", name, check=False).returncode == FOUND


def is_back(box: Box, name: str, timeout: float = BACK_WITHIN) -> None:
    wait_until(lambda: knows(box, name), f"{name} is known again", timeout)
    assert box.run("systemctl", "is-active", "kratosd").stdout == "active\n"
    assert box.run("readlink", NAME).stdout.strip() == SOCKET


def name_is_there(box: Box) -> bool:
    return box.run("test", "-L", NAME, check=False).returncode == 0


def main_pid(box: Box) -> str:
    (pid,) = box.show("kratosd.service", "MainPID")
    assert pid != "0"
    return pid


def kill(box: Box, signal: str = "KILL") -> None:
    box.run("kill", f"-{signal}", main_pid(box))


@contextmanager
def program(box: Box, script: str) -> Iterator[None]:
    """Another program in the place of kratosd."""
    box.run("mv", PROGRAM, f"{PROGRAM}.kept")
    box.write(PROGRAM, f"#!/bin/sh\n{script}\n", 0o755)
    yield
    box.run("mv", f"{PROGRAM}.kept", PROGRAM)


@pytest.fixture
def dora(box: Box, make: Callable[..., Identity]) -> str:
    """A person whom the running kratosd knows."""
    make("dora")
    assert knows(box, "dora")
    return "dora"


def test_rule_23_stopped(box: Box, dora: str) -> None:
    box.run("systemctl", "stop", "kratosd")
    assert not name_is_there(box)
    look_ups_take_no_time(box)
    assert not knows(box, dora)
    box.run("systemctl", "start", "kratosd")
    # What is ordered after us finds our people from the first moment on.
    assert name_is_there(box) and knows(box, dora)


def test_rule_23_restarted_often(box: Box, dora: str) -> None:
    """Look-ups that meet a restart are not held up."""
    loop = 'for i in 1 2 3 4 5; do systemctl restart kratosd; done; touch /run/done'
    box.run("systemd-run", "--quiet", "/bin/sh", "-c", loop)
    while box.run("test", "-e", "/run/done", check=False).returncode != 0:
        look_ups_take_no_time(box)
    is_back(box, dora)


def upgrade(box: Box) -> None:
    """Puts the packages' files in place of those there, and does all that follows on that but the restart."""
    for package in put_packages(box):
        box.sh(f"dpkg-deb --fsys-tarfile {package} | tar --extract --directory=/ --keep-directory-symlink")
    look_ups_take_no_time(box)
    box.run("systemd-sysusers")
    box.run("systemctl", "daemon-reload")
    box.run("systemctl", "reload", "dbus")
    look_ups_take_no_time(box)


def runs(box: Box, pid: str) -> str:
    return box.run("readlink", f"/proc/{pid}/exe").stdout.strip()


def test_rule_23_upgraded(box: Box, dora: str) -> None:
    """The old program runs on until it is restarted, or until it dies before somebody thinks of that."""
    for restart in "systemctl restart kratosd; touch /run/done", None:
        old = main_pid(box)
        upgrade(box)
        assert main_pid(box) == old and runs(box, old) == f"{PROGRAM} (deleted)"
        assert knows(box, dora)
        if restart:
            box.run("systemd-run", "--quiet", "/bin/sh", "-c", restart)
            while box.run("test", "-e", "/run/done", check=False).returncode != 0:
                look_ups_take_no_time(box)
        else:
            kill(box)
            look_ups_take_no_time(box)
        is_back(box, dora)
        assert main_pid(box) != old and runs(box, main_pid(box)) == PROGRAM


def test_rule_23_killed(box: Box, dora: str) -> None:
    """More often than any start limit would let pass."""
    for _ in range(6):
        kill(box)
        look_ups_take_no_time(box)
        is_back(box, dora)


def test_rule_23_killed_while_others_wait(box: Box, dora: str) -> None:
    """Who waits for an answer of a kratosd that is killed waits no longer."""
    kill(box, "STOP")
    box.run("systemd-run", "--quiet", "--unit=waits", "getent", "passwd", "nosuchname")
    time.sleep(0.3)
    assert box.show("waits.service", "ActiveState") == ["active"]
    kill(box)
    wait_until(lambda: box.show("waits.service", "ActiveState") != ["active"], "it waits no more", 1)
    is_back(box, dora)


@pytest.mark.parametrize(
    "script",
    ["exit 1", "kill -SEGV $$", "exec sleep 100", "systemd-notify --ready; exit 1"],
    ids=["fails", "crashes", "is_never_ready", "fails_when_it_is_ready"],
)
def test_rule_23_a_program_that_fails_again_and_again(box: Box, dora: str, script: str) -> None:
    with program(box, script):
        kill(box)
        for _ in range(4):
            look_ups_take_no_time(box)
    if "sleep" in script:
        box.run("systemctl", "kill", "--signal=KILL", "kratosd")
    is_back(box, dora)


def test_rule_23_masked(box: Box, dora: str) -> None:
    box.run("systemctl", "mask", "--now", "kratosd")
    look_ups_take_no_time(box)
    assert not knows(box, dora)
    assert box.run("test", "-e", NAME, check=False).returncode != 0
    box.run("systemctl", "unmask", "kratosd")
    box.run("systemctl", "start", "kratosd")
    is_back(box, dora)


def test_rule_23_masked_while_it_runs(box: Box, dora: str) -> None:
    box.run("systemctl", "mask", "kratosd")
    assert knows(box, dora)
    kill(box)
    look_ups_take_no_time(box)
    assert not knows(box, dora)
    box.run("systemctl", "unmask", "kratosd")
    box.run("systemctl", "start", "kratosd")
    is_back(box, dora)


def test_rule_23_a_mistake_in_the_configuration(box: Box, dora: str) -> None:
    box.write(MISTAKE, "[Kratos]\nTimeoutSec=soon\n")
    box.run("systemctl", "restart", "kratosd", check=False)
    assert box.show("kratosd.service", "ActiveState", "ExecMainStatus") == ["failed", "78"]
    assert not name_is_there(box)
    look_ups_take_no_time(box)
    assert not knows(box, dora)
    # Nobody who looks somebody up starts it again.
    assert box.show("kratosd.service", "ActiveState", "NRestarts") == ["failed", "0"]
    box.path(MISTAKE).unlink()
    box.run("systemctl", "start", "kratosd")
    is_back(box, dora)


def test_rule_23_removed(box: Box, dora: str) -> None:
    """As one should, and then once more without stopping it first."""
    unit = box.path(UNIT).read_text()
    box.run("systemctl", "disable", "--now", "kratosd")
    box.run("rm", UNIT)
    box.run("systemctl", "daemon-reload")
    assert not name_is_there(box)
    look_ups_take_no_time(box)

    box.write(UNIT, unit)
    box.run("systemctl", "daemon-reload")
    box.run("systemctl", "start", "kratosd")
    pid = main_pid(box)
    box.run("rm", UNIT, PROGRAM)
    box.run("systemctl", "daemon-reload")
    look_ups_take_no_time(box)
    box.run("kill", "-KILL", pid)
    look_ups_take_no_time(box)
    assert not knows(box, dora)


def test_rule_17_the_name_is_left_of_a_killed_daemon(box: Box, dora: str) -> None:
    """And the socket with it; none of them keeps the next one from starting."""
    box.run("systemctl", "stop", "kratosd")
    box.run("rm", "-f", SOCKET)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(box.live(SOCKET)))
    box.run("ln", "-s", SOCKET, NAME)
    look_ups_take_no_time(box)
    assert not knows(box, dora)
    box.run("systemctl", "start", "kratosd")
    is_back(box, dora)


def test_rule_17_the_bus_is_restarted(box: Box, dora: str) -> None:
    box.run("systemd-run", "--quiet", "/bin/sh", "-c", "systemctl restart dbus; touch /run/done")
    while box.run("test", "-e", "/run/done", check=False).returncode != 0:
        look_ups_take_no_time(box)
    look_ups_take_no_time(box)
    is_back(box, dora)


def test_rule_17_the_bus_is_stopped(box: Box, dora: str) -> None:
    """Our people are known without it."""
    box.run("systemctl", "stop", "dbus.socket", "dbus.service")
    look_ups_take_no_time(box)
    assert knows(box, dora)
    box.run("systemctl", "restart", "kratosd")
    look_ups_take_no_time(box)
    is_back(box, dora)
    box.run("systemctl", "start", "dbus.socket", "dbus.service")
    look_ups_take_no_time(box)
    is_back(box, dora)


def test_rule_17_hung(box: Box, dora: str) -> None:
    """Those whom the files know are found at once, others when the watchdog has seen it."""
    kill(box, "STOP")
    begun = time.monotonic()
    told = box.timed(*(["getent", "passwd", key] for key in ("root", "lokal", "nosuchname")))
    assert [status for _, status in told] == [FOUND, FOUND, NOT_FOUND]
    assert told[0][0] < AT_ONCE and told[1][0] < AT_ONCE and told[2][0] < HANG_LASTS
    is_back(box, dora, begun + BACK_WITHIN - time.monotonic())


def test_rule_17_local_people_log_in_while_it_hangs(box: Box, dora: str) -> None:
    """Later, for their groups are asked of everybody; but not later than the watchdog."""
    kill(box, "STOP")
    begun = time.monotonic()
    login = SshSession("lokal").login("the password of lokal")
    assert time.monotonic() - begun < BACK_WITHIN
    assert login.run("id -Gn") == "lokal"
    assert login.logout().status == 0
