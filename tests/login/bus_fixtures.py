"""Fixtures of tests that log in over the bus, in this folder and others: a conftest.py imports those that its
tests want."""

from collections.abc import Callable, Iterator

import pytest
from calling import Caller, start
from faultserver import FaultServer

from world.daemon import Daemon
from world.kratos import Kratos

PROXY_PORT = 435


@pytest.fixture
def daemon(stopped_daemon: Daemon) -> Daemon:
    """kratosd, as new, configured for `kratos`, running, and on the bus."""
    start(stopped_daemon)
    return stopped_daemon


@pytest.fixture
def proxy(stopped_daemon: Daemon, kratos: Kratos) -> Iterator[FaultServer]:
    """Between kratosd and Kratos, on the public side: records what is asked."""
    upstream = kratos.public_port, kratos.admin_port
    with FaultServer(PROXY_PORT, upstream=upstream) as server:
        stopped_daemon.configure(Kratos={"PublicURL": server.url})
        yield server


@pytest.fixture
def caller() -> Iterator[Callable[..., Caller]]:
    """Makes callers, which end with the test: caller("alice")."""
    made: list[Caller] = []

    def make(user: str = "root", **further: str) -> Caller:
        made.append(Caller(user, **further))
        return made[-1]

    yield make
    for one in made:
        one.end()


@pytest.fixture
def root(caller: Callable[..., Caller]) -> Caller:
    """Root on the bus, as login programs are."""
    return caller()
