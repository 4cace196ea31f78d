"""The fixtures of the tests on logins within a login session. What they share by name is in sitting.py."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
for _folder in "login", "programs", "factors":
    sys.path.insert(0, str(Path(__file__).parents[1] / _folder))

from calling import Caller, start  # noqa: E402
from faultserver import FaultServer  # noqa: E402
from sitting import Seat  # noqa: E402
from world.daemon import Daemon  # noqa: E402
from world.kratos import Identity, Kratos  # noqa: E402
from world.logind import Logind  # noqa: E402

PROXY_PORT = 435


@pytest.fixture
def daemon(stopped_daemon: Daemon, logind: Logind) -> Daemon:
    """kratosd, as new, configured for `kratos`, running, and on the bus, beside logind."""
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


@pytest.fixture
def seat(
    daemon: Daemon, logind: Logind, alice: Identity, kratos: Kratos, caller: Callable[..., Caller]
) -> Seat:
    return Seat(logind, caller(), caller(), alice)
