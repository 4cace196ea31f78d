"""The fixtures of the tests of greeters and screen lockers: one machine for all tests of a file."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from world.box import Box
from world.fixtures import kept
from world.kratos import Kratos

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="module")
def machine(_kratos: Kratos, _prepared: Path, _installed: Path) -> Iterator[Box]:
    """A machine with our software and a desktop, booted, and a Kratos that it can reach."""
    if not _kratos.running:
        _kratos.start()
    box = Box("desktop", _installed, _prepared)
    try:
        with kept(box):
            box.power_on()
            yield box
    finally:
        box.remove()


@pytest.fixture
def configure(machine: Box) -> Iterator[Callable[[str], None]]:
    """Adds to the configuration, for as long as the test lasts."""
    file = "/etc/kratosd/kratosd.conf.d/test.conf"

    def settings(text: str) -> None:
        machine.write(file, text + "\n")
        machine.run("systemctl", "reload", "kratosd")

    yield settings
    machine.path(file).unlink(missing_ok=True)
    machine.run("systemctl", "reload", "kratosd")
