"""A resolver that does not answer costs a login its time, and nobody else anything: libcurl waits for its
resolver's threads in the midst of the loop, unless it is told not to."""

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from calling import Caller, refusal, start

from world.bus import Bus
from world.daemon import Daemon

pytestmark = pytest.mark.sanitized

ALICE = "9f425a8d-7efc-4768-8f23-7647a74fdf13"
RESOLVERS_MAX = 64
# What the C library spends on a name, by resolv.conf(5).
RESOLVES_SEC = 10.0
AT_ONCE_SEC = 1.0


@pytest.fixture
def silent_resolver() -> Iterator[None]:
    switch, servers = Path("/etc/nsswitch.conf"), Path("/etc/resolv.conf")
    before = switch.read_text()
    switch.write_text(before.replace("hosts: files", "hosts: files dns"))
    servers.unlink(missing_ok=True)
    servers.write_text("nameserver 127.0.0.1\noptions timeout:5 attempts:2\n")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 53))
        yield
    switch.write_text(before)
    servers.unlink()


@pytest.fixture
def lost(stopped_daemon: Daemon, bus: Bus, silent_resolver: None) -> Daemon:
    """kratosd, whose Kratos has a name that cannot be resolved."""
    stopped_daemon.map("alice", ALICE)
    stopped_daemon.configure(
        Kratos={
            "PublicURL": "https://id.example.org",
            "AdminURL": None,
            "ConnectTimeoutSec": "1s",
            "TimeoutSec": "3s",
        }
    )
    start(stopped_daemon)
    return stopped_daemon


def threads(daemon: Daemon) -> int:
    return len(list(Path(f"/proc/{daemon.pid}/task").iterdir()))


def answers_at_once(caller: Caller, for_sec: float) -> None:
    until = time.monotonic() + for_sec
    while time.monotonic() < until:
        begun = time.monotonic()
        assert caller.check_account("alice") == ("ok", "")
        assert time.monotonic() - begun < AT_ONCE_SEC
        time.sleep(0.1)


def test_the_loop_goes_on_when_the_time_to_connect_is_over(
    lost: Daemon, caller: Callable[..., Caller]
) -> None:
    root = caller()
    root.begin("alice")
    answers_at_once(root, 4)
    assert threads(lost) > 1, "the resolver is still at it"


def test_the_loop_goes_on_when_a_login_is_refused(lost: Daemon, caller: Callable[..., Caller]) -> None:
    root = caller()
    begun = time.monotonic()
    assert refusal(root.answer, root.begin("alice"), "any") == "Unavailable"
    assert time.monotonic() - begun < 4
    answers_at_once(root, 1)


def test_the_resolvers_at_work_are_bounded(lost: Daemon, caller: Callable[..., Caller]) -> None:
    root = caller()
    begun = time.monotonic()
    for _ in range(3):
        for _ in range(RESOLVERS_MAX):
            root.begin("alice")
        answers_at_once(root, 1.5)
    assert 2 < threads(lost) <= RESOLVERS_MAX + 1
    time.sleep(max(0.0, begun + RESOLVES_SEC + 7 - time.monotonic()))
    assert threads(lost) == 1, "they end"
