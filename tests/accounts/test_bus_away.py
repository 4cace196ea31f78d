"""The bus is kept from a login while kratosd's user database, and so the name service, lives on."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from looking import client_key, passwd
from world import pam
from world.bus import SOCKET, Bus
from world.daemon import Daemon
from world.elsewhere import another_directory
from world.kratos import Identity
from world.ssh import Sshd, SshSession

# What pamtester prints for the code.
UNAVAILABLE = "Authentication service cannot retrieve authentication info"
UNKNOWN = "User not known to the underlying authentication module"

# nobody holds connections to the bus on which it never says who it is.
HOLDER = f"""
import socket, time
held = []
print("ready", flush=True)
while True:
    while len(held) < 400:
        s = socket.socket(socket.AF_UNIX)
        s.setblocking(False)
        try:
            s.connect({str(SOCKET)!r})
        except OSError:
            s.close()
            break
        held.append(s)
    for s in list(held):
        try:
            gone = s.recv(1) == b""
        except BlockingIOError:
            gone = False
        except OSError:
            gone = True
        if gone:
            s.close()
            held.remove(s)
    time.sleep(0.01)
"""


@contextmanager
def flooded(_bus: Bus) -> Iterator[None]:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER], user="nobody", group="nogroup", extra_groups=[], env={},
        cwd="/", stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        holder.stdout.readline()
        time.sleep(1)
        yield
    finally:
        holder.kill()
        holder.communicate()


@contextmanager
def killed(bus: Bus) -> Iterator[None]:
    bus.kill()
    try:
        yield
    finally:
        bus.start()


@contextmanager
def nameless(bus: Bus) -> Iterator[None]:
    """A bus on which kratosd cannot have its names."""
    bus.remove_policy()
    try:
        bus.restart()
        yield
    finally:
        bus.restore_policy()
        bus.restart()


@contextmanager
def hung(bus: Bus) -> Iterator[None]:
    bus.pause()
    try:
        yield
    finally:
        bus.resume()


Away = Callable[[Bus], AbstractContextManager[None]]
WAYS = [flooded, killed, nameless, hung]


@pytest.fixture
def dora(stopped_daemon: Daemon, make: Callable[..., Identity], sshd: Sshd) -> Identity:
    """One of ours with a key, whom the configuration denies."""
    stopped_daemon.configure(Access={"DenyUsers": "dora"})
    stopped_daemon.start()
    person = make("dora", sshKeys=[client_key()])
    assert passwd("dora")
    return person


def account(stack: str, user: str) -> tuple[str, float]:
    """What the account phase says, and how long that took."""
    begun = time.monotonic()
    done = pam.run(stack, user, ["acct_mgmt"])
    assert done.status != 0, done.output
    return done.output, time.monotonic() - begun


@pytest.mark.parametrize("away", WAYS)
def test_rule_5_rule_36_a_person_of_ours_is_refused(
    bus: Bus, dora: Identity, stack: str, away: Away
) -> None:
    with away(bus):
        assert passwd("dora"), "the name service knows her from kratosd"
        output, took = account(stack, "dora")
        assert UNKNOWN not in output and took < 17
        login = SshSession("dora", "true", key=True).finish()
        assert login.status == 255, login.output


@pytest.mark.parametrize("away", WAYS)
def test_rule_36_who_is_anothers_is_passed_on(
    bus: Bus, dora: Identity, stack: str, stopped_daemon: Daemon, away: Away
) -> None:
    """With kratosd alive and without; and local people are not touched."""
    another_directory()
    with away(bus):
        assert UNKNOWN in account(stack, "elsa")[0]
        assert UNKNOWN in account(stack, "lokal")[0]
        stopped_daemon.kill()
        assert UNKNOWN in account(stack, "elsa")[0]
        assert UNKNOWN in account(stack, "lokal")[0]
        assert UNAVAILABLE in account(stack, "dora")[0]


def test_rule_17_a_hung_kratosd(
    bus: Bus, dora: Identity, stack: str, stopped_daemon: Daemon
) -> None:
    """It is waited for 2 s, and nobody asks the name service, which would wait longer."""
    another_directory()
    with killed(bus):
        stopped_daemon.pause()
        for name in "dora", "elsa":
            output, took = account(stack, name)
            assert UNAVAILABLE in output and took < 4
        output, took = account(stack, "lokal")
        assert UNKNOWN in output and took < 1
        stopped_daemon.resume()
        assert passwd("dora")
