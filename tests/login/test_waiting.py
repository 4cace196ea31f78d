"""Answers that are waited for hold connections of root's to the bus: nobody may have all of them."""

from collections.abc import Callable, Iterator

import pytest
from calling import SEALED, Caller, refusal, start
from faultserver import FaultServer, faults

from world.bus import Bus
from world.daemon import Daemon

pytestmark = pytest.mark.sanitized

PORT = 435
ALICE = "9f425a8d-7efc-4768-8f23-7647a74fdf13"
PER_REMOTE_HOST = 64
OF_REMOTE_HOSTS = 96


@pytest.fixture
def root(stopped_daemon: Daemon, bus: Bus, caller: Callable[..., Caller]) -> Iterator[Caller]:
    """A login program, beside a Kratos that takes its time, and without a throttle, which would refuse, too."""
    with FaultServer(PORT) as server:
        server.kratos.add("alice", "right", ALICE)
        server.set("login", faults.delayed(3))
        stopped_daemon.map("alice", ALICE)
        stopped_daemon.configure(
            Kratos={"PublicURL": server.url, "AdminURL": None}, Throttle={"Enabled": "no"}
        )
        start(stopped_daemon)
        yield caller()


def keep_waiting(root: Caller, rhost: str, times: int) -> None:
    """Gives so many answers from a remote host, and waits for none of the verdicts."""
    for _ in range(times):
        attempt = root.begin("alice", rhost=rhost)
        root.call("Answer", attempt, secret="77726f6e67", seals=SEALED, later=True)


def verdict(root: Caller, **context: str) -> str:
    return refusal(root.answer, root.begin("alice", **context), "wrong")


def test_rule_38_a_remote_host_has_a_share(root: Caller) -> None:
    keep_waiting(root, "192.0.2.1", PER_REMOTE_HOST)
    assert verdict(root, rhost="192.0.2.1") == "Throttled"
    # Others, and whoever sits at the console, are none the wiser.
    assert verdict(root, rhost="192.0.2.2") == "BadCredentials"
    assert verdict(root) == "BadCredentials"


def test_rule_35_remote_hosts_leave_some_to_the_console(root: Caller) -> None:
    keep_waiting(root, "192.0.2.1", PER_REMOTE_HOST)
    keep_waiting(root, "192.0.2.2", OF_REMOTE_HOSTS - PER_REMOTE_HOST)
    assert verdict(root, rhost="192.0.2.3") == "Throttled"
    assert verdict(root) == "BadCredentials"
