"""The fixtures of the conversations' tests. What they share by name is in factors.py."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from world import pam

sys.path.insert(0, str(Path(__file__).parent))
for folder in "login", "programs":
    sys.path.insert(0, str(Path(__file__).parents[1] / folder))

from abandoning import imitated  # noqa: E402, F401
from bus_fixtures import daemon  # noqa: E402, F401
from factors import SERVICE, Person, table  # noqa: E402
from world.daemon import Daemon  # noqa: E402
from world.kratos import Kratos  # noqa: E402


@pytest.fixture(autouse=True)
def _service() -> None:
    pam.pam_service(SERVICE, pam.ONLY_US)


@pytest.fixture
def alice(stopped_daemon: Daemon, kratos: Kratos) -> Person:
    """Alice, with a password and an address, and no second factor yet."""
    return Person.create(kratos, stopped_daemon, "alice")


@pytest.fixture
def bob(stopped_daemon: Daemon, kratos: Kratos) -> Person:
    """Bob, with a password and nothing else."""
    return Person.create(kratos, stopped_daemon, "bob", email=None)


@pytest.fixture(autouse=True)
def _table(record_property) -> Iterator[None]:
    """Combination × result, which the runner prints below each test."""
    table.clear()
    yield
    for line in table:
        record_property("shown", line)
