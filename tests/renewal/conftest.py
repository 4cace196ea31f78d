"""The fixtures of the tests on logins within a login session. What they share by name is in sitting.py."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
for _folder in "login", "programs", "factors":
    sys.path.insert(0, str(Path(__file__).parents[1] / _folder))

from bus_fixtures import caller, proxy, root  # noqa: E402, F401
from calling import Caller, start  # noqa: E402
from sitting import Seat  # noqa: E402
from world.daemon import Daemon  # noqa: E402
from world.kratos import Identity, Kratos  # noqa: E402
from world.logind import Logind  # noqa: E402


@pytest.fixture
def daemon(stopped_daemon: Daemon, logind: Logind) -> Daemon:
    """kratosd, as new, configured for `kratos`, running, and on the bus, beside logind."""
    start(stopped_daemon)
    return stopped_daemon


@pytest.fixture
def seat(
    daemon: Daemon, logind: Logind, alice: Identity, kratos: Kratos, caller: Callable[..., Caller]
) -> Seat:
    return Seat(logind, caller(), caller(), alice)
