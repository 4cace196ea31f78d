"""The same without the bus, where kratosd's user database is asked: a finding is on the program's
stderr, and fails the test.
"""

import pytest

# The tests of that file become tests of this one.
from test_user_database import *  # noqa: F403

pytestmark = pytest.mark.sanitized(module=True)
