"""Conversations that nobody goes on with after the first factor, which is the costly kind: kratosd
keeps a session at Kratos for each until it is over."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from calling import SEALED, Caller, start
from factors import PASSWORD
from faultserver import FaultServer
from logging_in import rows

from world.daemon import Daemon
from world.processes import wait_until

IDENTITY = "9f425a8d-7efc-4768-8f23-7647a74fdf13"
PROXY_PORT = 435
AT_ONCE = 5
IDLE_SEC = 90
# What the allocator may keep.
KEPT_KIB = 1024


@pytest.fixture
def imitated(stopped_daemon: Daemon) -> Iterator[FaultServer]:
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


def callers() -> list[Caller]:
    return [Caller() for _ in range(AT_ONCE)]


def abandon(programs: list[Caller], count: int) -> None:
    """So many logins that have answered with the password, and wait for a code."""
    answer = {"secret": PASSWORD.encode().hex(), "seals": SEALED}

    def some(caller: Caller) -> None:
        for _ in range(count // len(programs)):
            login = caller.begin("alice", service="login")
            assert caller.call("Answer", login, **answer)[0] == "prompt"

    with ThreadPoolExecutor(len(programs)) as pool:
        list(pool.map(some, programs))


def end(programs: list[Caller]) -> None:
    for one in programs:
        one.end()


def all_over(daemon: Daemon, server: FaultServer, before: int, within_sec: float) -> None:
    """No session is left, nor anything to revoke, nor memory: kratosd gives that back when it has had
    nothing to ask Kratos for a minute."""
    wait_until(lambda: not server.kratos.active_sessions(), "no session is left", within_sec)
    wait_until(lambda: rows() == 0, "kratosd has none left to revoke", 10)
    wait_until(lambda: daemon.anon_kib() - before < KEPT_KIB, f"no more than {before} KiB", IDLE_SEC)
