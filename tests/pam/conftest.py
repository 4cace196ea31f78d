"""The fixtures of the module's tests. What they share by name is in driving.py, beside this file."""

import itertools
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from world import pam
from world.bus import Bus
from world.journal import SYSLOG, Journal
from world.paths import LOCAL_USERS, TREE

sys.path.insert(0, str(Path(__file__).parent))

from driving import EXACT, FOLDER, HERE, IDENTITY, PROGRAMS, FakeDaemon  # noqa: E402


@pytest.fixture(scope="session")
def _programs() -> None:
    PROGRAMS.mkdir(exist_ok=True)
    for name, libraries in ("driver", ["-lpam"]), ("fake-daemon", ["-lsystemd"]):
        subprocess.run(
            ["cc", "-std=gnu11", "-D_GNU_SOURCE", f"-I{TREE}/common", "-Wall", "-Wextra", "-Werror"]
            + ["-O1", "-g", "-pthread", HERE / f"{name}.c", "-o", PROGRAMS / name, *libraries],
            check=True,
        )
    subprocess.run(
        ["cc", "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O1", "-fPIC", "-shared"]
        + [HERE / "no-memory.c", "-o", PROGRAMS / "no-memory.so"],
        check=True,
    )


@pytest.fixture(autouse=True)
def _stack(_software: None, _programs: None) -> Iterator[None]:
    """The service driver, of us alone; alice and bob are listed, bob with a fallback."""
    pam.pam_service("driver", EXACT)
    LOCAL_USERS.write_text(f"alice {IDENTITY}\nbob - fallback\n")
    os.chmod(LOCAL_USERS, 0o644)
    FOLDER.mkdir(exist_ok=True)
    os.chmod(FOLDER, 0o777)
    yield
    for leftover in FOLDER.iterdir():
        leftover.unlink()


@pytest.fixture
def fake(bus: Bus) -> Iterator[FakeDaemon]:
    """The imitation of kratosd; start it with what it is to do."""
    daemon = FakeDaemon()
    yield daemon
    daemon.kill()


@pytest.fixture
def log(journal: Journal) -> Callable[[], list[str]]:
    """The lines that the module has logged: log()."""
    marks = itertools.count()

    def lines() -> list[str]:
        # What came before the mark has been read when the mark has.
        mark = f"mark {next(marks)}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.sendto(f"<14>test: {mark}".encode(), str(SYSLOG))
        journal.wait(MESSAGE=mark)
        return [
            entry["MESSAGE"].removeprefix("pam_kratos(driver:")
            for entry in journal.entries()
            if entry["MESSAGE"].startswith("pam_kratos(")
        ]

    # What the test before has logged may still be on its way.
    lines()
    journal.clear()
    return lines
