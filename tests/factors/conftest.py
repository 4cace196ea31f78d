"""The fixtures of the conversations' tests. What they share by name is in factors.py."""

import sys
from pathlib import Path

import pytest
from world import pam

sys.path.insert(0, str(Path(__file__).parent))
for folder in "login", "programs":
    sys.path.insert(0, str(Path(__file__).parents[1] / folder))

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


def pytest_terminal_summary(terminalreporter) -> None:
    if table:
        terminalreporter.section("combination × result")
        for line in table:
            terminalreporter.write_line(line)
