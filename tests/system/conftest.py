"""The fixtures of the tests on a booted Debian: a machine with our software on it."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from world.box import Box
from world.fixtures import kept
from world.kratos import Identity, Json, Kratos

sys.path.insert(0, str(Path(__file__).parent))

from host import install_as_the_readme_says, make_people, person, prepare_host  # noqa: E402


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    """Shows with each failure what the machine's journal says."""
    outcome = yield
    boxes = [value for value in item.funcargs.values() if isinstance(value, Box) and value.running]
    for box in boxes[:1] if outcome.get_result().failed else []:
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
            make_people(box)
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


@pytest.fixture(scope="module")
def shared_kratos(_kratos: Kratos) -> Iterator[Kratos]:
    """`kratos`, for a whole file: beside it, no test of the file may use that one."""
    if not _kratos.running:
        _kratos.start()
    yield _kratos
    _kratos.delete_all_identities()


@pytest.fixture(scope="module")
def dora(shared_kratos: Kratos) -> Identity:
    """A person of `shared_kratos`."""
    return person(shared_kratos, "dora")


@pytest.fixture(scope="module")
def victim(_prepared: Path, _installed: Path) -> Iterator[Box]:
    """A machine with our software and somebody at its console, for a whole file; powered off at first."""
    box = Box("victim", _installed, _prepared, room="64M")
    try:
        with kept(box):
            yield box
    finally:
        box.remove()


@pytest.fixture(scope="module")
def _console() -> bool:
    """Whether somebody sits at the console of the shared machine. A file says so with its own."""
    return False


@pytest.fixture(scope="module")
def _shared(_prepared: Path, _installed: Path, _console: bool) -> Iterator[Box]:
    box = Box("shared", _installed, _prepared)
    # The ten seconds for which logind keeps what is somebody's, in case of another login.
    box.write("/etc/systemd/logind.conf.d/soon.conf", "[Login]\nUserStopDelaySec=1s\n")
    try:
        with kept(box):
            box.power_on(console=_console)
            yield box
    finally:
        box.remove()


@pytest.fixture
def shared(kratos: Kratos, _shared: Box) -> Box:
    """Like box, one for all tests of a file: it knows everybody who was ever made there, and each name is
    that of the identity that had it first. So people of different tests have different names."""
    return _shared


@pytest.fixture
def heard(shared: Box) -> Iterator[None]:
    """kratosd asks of everybody who comes in, and not only of those of whom it has heard nothing for the
    last minute."""
    drop_in = "/etc/kratosd/kratosd.conf.d/heard.conf"
    shared.write(drop_in, "[Access]\nFreshSec=0\n")
    shared.run("systemctl", "reload", "kratosd")
    yield
    shared.path(drop_in).unlink()
    shared.run("systemctl", "reload", "kratosd")


@pytest.fixture
def make(kratos: Kratos) -> Callable[..., Identity]:
    """Makes identities in `kratos`: make("dora", uid=…, groups=[…])."""

    def identity(name: str, **document: Json) -> Identity:
        return person(kratos, name, **document)

    return identity
