"""Tests run inside tests/lib/enter, where tests/lib is on the path of Python."""

import os
from pathlib import Path

import pytest

pytest_plugins = ["world.fixtures"]

# After each test, whatever it has left is killed: every process that there is, in a world's own namespace.
if os.environ.get("PYTHONPATH", "").rpartition("/")[2] != "lib" or (
    b"tests/lib/enter" not in Path("/proc/1/cmdline").read_bytes()
):
    pytest.exit("run the tests with tests/check", returncode=2)
