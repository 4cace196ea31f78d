"""The program that logs many people in at once."""

import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("burst.c")
PROGRAM = Path("/run/world/burst")


@pytest.fixture(scope="session")
def burst_program() -> str:
    warnings = ["-Wall", "-Wextra", "-Werror"]
    subprocess.run(["cc", "-std=gnu11", "-D_GNU_SOURCE", *warnings, "-o", PROGRAM, SOURCE, "-lpam"], check=True)
    return str(PROGRAM)
