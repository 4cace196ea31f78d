"""The fixtures of the logins' tests. What they share by name is in calling.py and logging_in.py."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from world import pam
from world.daemon import Daemon
from world.kratos import Kratos

sys.path.insert(0, str(Path(__file__).parent))

from calling import Caller, start  # noqa: E402
from faultserver import FaultServer  # noqa: E402
from logging_in import SERVICE  # noqa: E402

PROXY_PORT = 435


@pytest.fixture(autouse=True)
def _service() -> None:
    pam.pam_service(SERVICE, pam.ONLY_US)


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
