"""The fixtures of the tests of changed passwords. What they share by name is in changing.py."""

import sys
from pathlib import Path

import pytest
from world import pam

for folder in "factors", "login", "programs", "passwd":
    sys.path.insert(0, str(Path(__file__).parents[1] / folder))

from bus_fixtures import daemon  # noqa: E402, F401
from factors import Person  # noqa: E402
from world.daemon import Daemon  # noqa: E402
from world.kratos import Kratos  # noqa: E402

PROFILES = "passwd", "login", "sshd", "su"


@pytest.fixture(autouse=True)
def _profiles(_software: None) -> None:
    for name in PROFILES:
        pam.pam_service(name)


@pytest.fixture
def alice(stopped_daemon: Daemon, kratos: Kratos) -> Person:
    """Alice, with a password and an address, and no second factor yet."""
    return Person.create(kratos, stopped_daemon, "alice")
