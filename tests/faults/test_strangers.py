"""Rule 25: a server that cannot be asked, or wants to be left alone, is met in the same way and time with
a name that nobody has as with the others."""

import time
from collections.abc import Iterator

import pytest
from faultserver import FaultServer, faults
from world import pam
from world.daemon import Daemon

PASSWORD = "correct horse battery staple"
IDENTITY = "9f425a8d-7efc-4768-8f23-7647a74fdf13"
PORT = 436

UNAVAILABLE = "Authentication service cannot retrieve authentication info"
THROTTLED = "Have exhausted maximum number of retries for service"
REFUSED_AFTER_SEC = 1.4


@pytest.fixture
def server(stopped_daemon: Daemon) -> Iterator[FaultServer]:
    with FaultServer(PORT) as server:
        server.kratos.add("alice", PASSWORD, IDENTITY)
        stopped_daemon.configure(
            Kratos={"PublicURL": server.url, "AdminURL": server.url, "TimeoutSec": "3s"},
            Throttle={"Enabled": "no"},
        )
        stopped_daemon.map("alice", IDENTITY)
        pam.pam_service("faults", pam.ONLY_US)
        stopped_daemon.start()
        yield server


def refused(user: str) -> tuple[str, bool]:
    """What PAM was told, and whether it took the time of a guess."""
    tester = pam.Pamtester("faults", user, ["authenticate"])
    tester.prompted()
    tester.child.sendline("wrong")
    begun = time.monotonic()
    tester.finish()
    slow = time.monotonic() - begun > REFUSED_AFTER_SEC
    return tester.output.strip().splitlines()[-1].removeprefix("pamtester: "), slow


def stock(server: FaultServer) -> None:
    """Sees to it that there are flows in stock."""
    for _ in range(2):
        tester = pam.Pamtester("faults", "alice", ["authenticate"])
        tester.prompted()
        server.wait("flow")
        time.sleep(0.2)
        tester.kill()


def test_rule_25_left_alone(server: FaultServer) -> None:
    """One answer of 429 to a real name's password, and for a while nobody's is sent."""
    stock(server)
    server.set("login", faults.rate_limited(retry_after="60"))
    assert refused("alice")[0] == THROTTLED
    server.set("flow", faults.rate_limited(retry_after="60"))
    seen = {user: [refused(user) for _ in range(2)] for user in ("alice", "ghost")}
    assert seen["ghost"] == seen["alice"]
    assert {result for result, _ in seen["ghost"]} == {THROTTLED}


@pytest.mark.parametrize("stocked", [True, False], ids=["flows in stock", "no flows"])
def test_rule_25_away(server: FaultServer, stocked: bool) -> None:
    if stocked:
        stock(server)
    server.stop()
    seen = {user: refused(user) for user in ("ghost", "alice")}
    assert seen["ghost"] == seen["alice"]
    assert seen["ghost"][0] == UNAVAILABLE


def test_rule_25_nothing_is_posted_of_strangers(server: FaultServer) -> None:
    assert refused("ghost") == ("User not known to the underlying authentication module", True)
    assert server.of("login") == []
    assert server.of("flow") != []
    assert not any("ghost" in request.text() for request in server.of("flow"))
