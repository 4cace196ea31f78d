"""Tests run inside tests/lib/enter, where tests/lib is on the path of Python."""

import os

import pytest

pytest_plugins = ["world.fixtures"]

if os.environ.get("PYTHONPATH", "").rpartition("/")[2] != "lib":
    pytest.exit("run the tests with tests/check", returncode=2)
