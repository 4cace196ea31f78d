"""kratosd stopped, killed, masked or hung: root and local people come in as if it had never been there,
rule 23, and our people are told so."""

import re
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import pytest
from everybody import (
    Console,
    boot_knowing,
    lokal_with_a_password,
    on_the_console,
    root_and_local_people_get_in,
    root_with_a_key,
    told,
)
from host import LOCAL_PASSWORD, ROOT_PASSWORD
from paying import added
from sentences import AWAY
from world.box import Box
from world.fixtures import kept
from world.kratos import Identity
from world.paths import TREE
from world.processes import wait_until
from world.ssh import SHELL_PROMPT, SshSession

# Two seconds until it is clear that nobody answers, and what sshd and login add.
REFUSED_WITHIN = 7.0
BACK_WITHIN = 10.0

SOURCES = TREE / "tests/bench"
# What it may cost beside PAM and NSS themselves; and with logind, systemd and all they do, which takes 40 ms
# or, on a busy machine, 200.
ADDED_MS = 1.0
ADDED_WITH_LOGIND_MS = 100.0
PAIRS = 200
# It hangs for two seconds and a half at least.
PAIRS_WHILE_IT_HANGS = 80
TURNS = 5
LOGINS = 7
SSH_OF_THE_NEIGHBOUR = 2023
PEOPLE = {"root": ROOT_PASSWORD, "lokal": LOCAL_PASSWORD}


@pytest.fixture(scope="module")
def house(victim: Box, dora: Identity) -> Box:
    """A machine, booted, which knows dora."""
    boot_knowing(victim, dora)
    return victim


def main_pid(box: Box) -> str:
    (pid,) = box.show("kratosd.service", "MainPID")
    assert pid != "0"
    return pid


# What becomes of it.


@contextmanager
def stopped(box: Box) -> Iterator[None]:
    box.run("systemctl", "stop", "kratosd")
    try:
        yield
    finally:
        box.run("systemctl", "start", "kratosd")


@contextmanager
def killed(box: Box) -> Iterator[None]:
    """Again and again."""
    loop = "while :; do pkill -KILL -x kratosd; sleep 0.05; done"
    box.run("systemd-run", "--quiet", "--unit=killer", "/bin/sh", "-c", loop)
    try:
        yield
    finally:
        box.run("systemctl", "stop", "killer")
        wait_until(lambda: box.show("kratosd", "ActiveState") == ["active"], "it is back")


@contextmanager
def masked(box: Box) -> Iterator[None]:
    box.run("systemctl", "mask", "--now", "kratosd")
    try:
        yield
    finally:
        box.run("systemctl", "unmask", "kratosd")
        box.run("systemctl", "start", "kratosd")


@contextmanager
def hung(box: Box) -> Iterator[None]:
    """For as long as the watchdog lets it."""
    pid = main_pid(box)
    begun = time.monotonic()
    box.run("kill", "-STOP", pid)
    try:
        yield
    finally:
        left = begun + BACK_WITHIN - time.monotonic()
        wait_until(lambda: main_pid_or_none(box) not in ("0", pid), "it is back", max(left, 0.5))


def main_pid_or_none(box: Box) -> str:
    state, pid = box.show("kratosd.service", "ActiveState", "MainPID")
    return pid if state == "active" else "0"


Trouble = Callable[[Box], AbstractContextManager[None]]


@pytest.mark.parametrize("trouble", [stopped, killed, masked])
def test_rule_23_root_and_local_people_get_in(house: Box, trouble: Trouble) -> None:
    with trouble(house):
        root_and_local_people_get_in(house)


def test_rule_23_root_and_local_people_wait_for_the_watchdog_while_it_hangs(house: Box) -> None:
    """pam_systemd asks every provider about whoever logs in, root too, and NSS about the groups of all others."""
    for way in root_with_a_key, lambda: lokal_with_a_password(becomes_root=True), lambda: on_the_console(house):
        with hung(house):
            assert way() < BACK_WITHIN


@pytest.mark.parametrize("trouble", [stopped, killed, masked])
def test_ours_are_told_so(house: Box, dora: Identity, trouble: Trouble) -> None:
    with trouble(house):
        begun = time.monotonic()
        login = SshSession("dora", methods="keyboard-interactive", log_level="INFO")
        if trouble is killed and login.asks():
            login.type(dora.password)
        assert AWAY in told(login)
        assert time.monotonic() - begun < REFUSED_WITHIN
        console = Console(house)
        assert console.refused("dora", dora.password) < REFUSED_WITHIN
        assert AWAY in console.text
    assert SshSession("dora").login(dora.password).logout().status == 0


def test_ours_are_told_so_when_it_hangs_with_their_password(house: Box, dora: Identity) -> None:
    """They wait for the watchdog."""
    login = SshSession("dora", methods="keyboard-interactive", log_level="INFO").asked()
    with hung(house):
        begun = time.monotonic()
        assert AWAY in told(login.type(dora.password))
        assert time.monotonic() - begun < BACK_WITHIN
    assert SshSession("dora").login(dora.password).logout().status == 0


def test_ours_come_in_after_a_hang(house: Box, dora: Identity) -> None:
    """What becomes of a login that begins while it hangs depends on when the watchdog ends it. A look-up that
    was under way then finds nobody: sshd sends another password than the one that was typed, and the person
    is told that it was wrong, as the README says. Later ones are told the truth, or come in."""
    with hung(house):
        login = SshSession("dora", methods="keyboard-interactive", log_level="INFO")
        if login.asks():
            login.type(dora.password + "\n")
            login.child.sendline("exit")
        login.finish()
        if "Invalid user dora from" in house.run("journalctl", "--unit=ssh", "--since=-20s").stdout:
            assert "Permission denied" in login.output
        else:
            assert AWAY in login.output or re.search(SHELL_PROMPT, login.output), login.output
    assert SshSession("dora").login(dora.password).logout().status == 0


# What it costs: whole PAM transactions, by turns with us and without us.


def make_measurable(box: Box) -> None:
    """Passwords stay what they are, with hashes that take no time, and there is a service that has all that
    common-* have."""
    program = box.path("/usr/local/bin/local-user")
    sources = [SOURCES / "local-user.c", SOURCES / "person.c"]
    flags = ["-std=gnu11", "-D_GNU_SOURCE", f"-I{SOURCES}", f"-I{TREE}", f"-I{TREE}/common", "-O2"]
    subprocess.run(["cc", *flags, "-o", program, *sources, "-lpam"], check=True)
    stacks = "auth", "account", "session"
    box.write("/etc/pam.d/whole", "".join(f"@include common-{stack}\n" for stack in stacks))
    cheap = ["--crypt-method=SHA256", "--sha-rounds=1000"]
    box.run("chpasswd", *cheap, input="".join(f"{name}:{password}\n" for name, password in PEOPLE.items()))


@pytest.fixture(scope="module")
def measuring(house: Box) -> Box:
    """With two services, with our module and without it, in which nothing takes time: pam_unix, which runs
    a program, takes more than all else and is the same in both."""
    make_measurable(house)
    stacks = "common-auth", "common-account", "common-session-noninteractive"
    for service, root in ("with", house.root), ("without", house.layers[-1]):
        lines = "".join((root / "etc/pam.d" / name).read_text() for name in stacks)
        house.write(f"/etc/pam.d/{service}", lines.replace("pam_unix.so", "pam_permit.so"))
    assert "pam_kratos" in house.path("/etc/pam.d/with").read_text()
    return house


@pytest.fixture(scope="module")
def neighbour(_prepared: Path) -> Iterator[Box]:
    """A machine that has never had our software."""
    box = Box("neighbour", _prepared)
    try:
        with kept(box):
            box.write("/etc/ssh/sshd_config.d/port.conf", f"Port {SSH_OF_THE_NEIGHBOUR}\n")
            box.power_on()
            make_measurable(box)
            yield box
    finally:
        box.remove()


def visits(box: Box, *arguments: str, logins: int = 1) -> list[tuple[float, ...]]:
    """What local-user prints, in milliseconds; of so many, which are processes of their own as logins are."""
    told = box.sh(f"for i in $(seq {logins}); do local-user {shlex.join(arguments)}; done")
    rows = [tuple(float(us) / 1000 for us in line.split()) for line in told.splitlines()]
    # The first one brings what stays in memory.
    return rows[1:]


def running(box: Box) -> AbstractContextManager[None]:
    return nullcontext()


Property = Callable[[str, object], None]


@pytest.mark.parametrize("name", PEOPLE)
@pytest.mark.parametrize("trouble", [running, stopped, killed, masked])
def test_rule_23_root_and_local_people_pay_nothing(
    measuring: Box, trouble: Trouble, name: str, record_property: Property
) -> None:
    """With the look-up of their groups, which asks kratosd."""
    with trouble(measuring):
        pairs = visits(measuring, "-g", name, PEOPLE[name], str(PAIRS), "with", "without")
    record_property(f"{name}_login_added_{trouble.__name__}_ms", round(added(pairs), 3))
    assert len(pairs) == PAIRS - 1 and added(pairs) < ADDED_MS


@pytest.mark.parametrize("name", PEOPLE)
def test_rule_23_root_and_local_people_pay_nothing_to_pam_while_it_hangs(
    measuring: Box, name: str, record_property: Property
) -> None:
    with hung(measuring):
        pid = main_pid(measuring)
        pairs = visits(measuring, name, PEOPLE[name], str(PAIRS_WHILE_IT_HANGS), "with", "without")
        assert main_pid(measuring) == pid
    record_property(f"{name}_login_added_hung_ms", round(added(pairs), 3))
    assert len(pairs) == PAIRS_WHILE_IT_HANGS - 1 and added(pairs) < ADDED_MS


@pytest.mark.parametrize("trouble", [running, stopped, killed, masked])
def test_rule_23_root_and_local_people_pay_nothing_to_logind(
    measuring: Box, neighbour: Box, trouble: Trouble, record_property: Property
) -> None:
    """Which asks kratosd too, as pam_systemd and systemd do; beside a machine that has never had it."""
    with trouble(measuring):
        for name, password in PEOPLE.items():
            pairs: list[tuple[float, float]] = []
            for _ in range(TURNS):
                ours, theirs = (
                    [ms for (ms,) in visits(box, "-g", name, password, "1", "whole", logins=LOGINS)]
                    for box in (measuring, neighbour)
                )
                pairs += zip(ours, theirs, strict=True)
            record_property(f"{name}_session_added_{trouble.__name__}_ms", round(added(pairs), 3))
            assert added(pairs) < ADDED_WITH_LOGIND_MS
