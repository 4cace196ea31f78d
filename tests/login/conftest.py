"""The fixtures of the logins' tests. What they share by name is in calling.py and logging_in.py."""

import sys
from pathlib import Path

import pytest
from world import pam

sys.path.insert(0, str(Path(__file__).parent))

from bus_fixtures import caller, daemon, proxy, root  # noqa: E402, F401
from logging_in import SERVICE  # noqa: E402


@pytest.fixture(autouse=True)
def _service() -> None:
    pam.pam_service(SERVICE, pam.ONLY_US)
