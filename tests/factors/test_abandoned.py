"""Conversations that nobody goes on with after the first factor, which is the costly kind: kratosd
keeps a session at Kratos for each until it is over."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from calling import SEALED, Caller, start
from faultserver import FaultServer
from factors import PASSWORD
from logging_in import rows

from world.daemon import Daemon
from world.processes import wait_until

IDENTITY = "9f425a8d-7efc-4768-8f23-7647a74fdf13"
PROXY_PORT = 435
IN_FLIGHT = 1000
ABANDONED = 10_000
EACH_KIB = 8
AT_ONCE = 5
ASK_SEC = 180
IDLE_SEC = 90
# What the allocator may keep.
KEPT_KIB = 1024

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def server(stopped_daemon: Daemon) -> Iterator[FaultServer]:
    """A Kratos that knows alice, who has an authenticator app."""
    with FaultServer(PROXY_PORT) as server:
        server.kratos.add("alice", PASSWORD, IDENTITY, totp=True)
        stopped_daemon.map("alice", IDENTITY)
        stopped_daemon.configure(
            Kratos={"PublicURL": server.url, "AdminURL": server.url},
            Throttle={"Enabled": "no"},
            Log={"Level": "info"},
        )
        start(stopped_daemon)
        yield server


def abandon(callers: list[Caller], count: int) -> None:
    """So many logins that have answered with the password, and wait for a code."""
    answer = {"secret": PASSWORD.encode().hex(), "seals": SEALED}

    def some(caller: Caller) -> None:
        for _ in range(count // len(callers)):
            login = caller.begin("alice", service="login")
            assert caller.call("Answer", login, **answer)[0] == "prompt"

    with ThreadPoolExecutor(len(callers)) as pool:
        list(pool.map(some, callers))


def all_revoked(server: FaultServer, timeout: float) -> None:
    wait_until(lambda: not server.kratos.active_sessions(), "no session is left", timeout)
    wait_until(lambda: rows() == 0, "kratosd has none left to revoke", 10)


def gone_back(daemon: Daemon, before: int) -> None:
    """The memory: kratosd gives it back when it has had nothing to ask Kratos for a minute."""
    wait_until(lambda: daemon.anon_kib() - before < KEPT_KIB, f"no more than {before} KiB", IDLE_SEC)


def test_what_they_cost_and_that_they_end(stopped_daemon: Daemon, server: FaultServer) -> None:
    """The programs live on, so that nothing but their time, or the number of others, ends them."""
    daemon, callers = stopped_daemon, [Caller() for _ in range(AT_ONCE)]
    abandon(callers, 2 * AT_ONCE)
    before = daemon.anon_kib()
    abandon(callers, IN_FLIGHT)
    cost = (daemon.anon_kib() - before) / IN_FLIGHT
    assert len(server.kratos.active_sessions()) == IN_FLIGHT + 2 * AT_ONCE
    assert cost <= EACH_KIB, f"{cost:.2f} KiB each"
    abandon(callers, ABANDONED - IN_FLIGHT)
    all_revoked(server, ASK_SEC + 60)
    gone_back(daemon, before)
    for one in callers:
        one.end()


def test_their_programs_end(stopped_daemon: Daemon, server: FaultServer) -> None:
    daemon, callers = stopped_daemon, [Caller() for _ in range(AT_ONCE)]
    abandon(callers, 2 * AT_ONCE)
    before = daemon.anon_kib()
    abandon(callers, IN_FLIGHT)
    assert len(server.kratos.active_sessions()) == IN_FLIGHT + 2 * AT_ONCE
    for one in callers:
        one.end()
    all_revoked(server, 60)
    gone_back(daemon, before)
