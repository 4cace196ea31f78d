"""The fixtures of the tests on a booted Debian: a machine with our software on it."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from world.box import Box
from world.fixtures import kept
from world.kratos import Identity, Json, Kratos
from world.ssh import make_keys

sys.path.insert(0, str(Path(__file__).parent))

from host import LOCAL_PASSWORD, PASSWORD, install_as_the_readme_says, prepare_host  # noqa: E402

@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    """Shows with each failure what the machine's journal says."""
    outcome = yield
    box = item.funcargs.get("off") or item.funcargs.get("bare")
    if outcome.get_result().failed and box and box.running:
        journal = box.run("journalctl", "--lines=60", "--no-hostname", check=False).stdout
        outcome.get_result().sections.append(("the end of the machine's journal", journal))


@pytest.fixture(scope="session")
def _prepared() -> Iterator[Path]:
    """What an administrator changes on the disk of a fresh Debian."""
    box = Box("preparation")
    try:
        with kept(box):
            prepare_host(box)
            box.power_on()
            box.run("useradd", "--create-home", "--shell=/bin/bash", "lokal")
            box.run("chpasswd", input=f"lokal:{LOCAL_PASSWORD}\n")
            box.power_off()
            yield box.layer()
    finally:
        box.remove()


@pytest.fixture(scope="session")
def _installed(_prepared: Path) -> Iterator[Path]:
    """What the installation of our packages changes there."""
    box = Box("installation", _prepared)
    try:
        with kept(box):
            box.power_on()
            install_as_the_readme_says(box)
            box.power_off()
            yield box.layer()
    finally:
        box.remove()


@pytest.fixture
def bare(_prepared: Path) -> Iterator[Box]:
    """A machine without our software, booted."""
    box = Box("bare", _prepared)
    try:
        box.power_on()
        yield box
    finally:
        box.remove()


@pytest.fixture
def off(_prepared: Path, _installed: Path) -> Iterator[Box]:
    """A machine with our software, powered off."""
    box = Box("box", _installed, _prepared)
    try:
        yield box
    finally:
        box.remove()


@pytest.fixture
def box(kratos: Kratos, off: Box) -> Box:
    """A machine with our software, booted, and a Kratos that it can reach."""
    off.power_on()
    return off


@pytest.fixture
def make(kratos: Kratos) -> Callable[..., Identity]:
    """Makes an identity with an account document: make("dora", uid=…, groups=[…])."""

    def identity(name: str, **document: Json) -> Identity:
        document = {"name": name, "sshKeys": [make_keys()]} | document
        return kratos.create_identity(
            name, f"{PASSWORD} of {name}", metadata_public={"posix": document}
        )

    return identity
