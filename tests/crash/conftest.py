"""The fixtures of the crash tests, and their table. What they share by name is in crashing.py
and crash_scene.py."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from world.bus import Bus
from world.daemon import Daemon
from world.fixtures import _use
from world.journal import Journal
from world.kratos import Kratos
from world.paths import build

sys.path.insert(0, str(Path(__file__).parent))

import crashing  # noqa: E402
from crash_scene import Scene  # noqa: E402


@pytest.fixture
def scene(_daemon: Daemon, durable_kratos: Kratos, bus: Bus, journal: Journal) -> Iterator[Scene]:
    """kratosd, not yet started, and a Kratos that remembers its sessions when it is stopped and started.
    (One in memory would refuse some requests while the test asks it for its sessions.)"""
    for daemon in _use(_daemon, durable_kratos):
        with Scene(daemon, durable_kratos, journal) as scene:
            yield scene


def _lines() -> list[str]:
    """The table, each column as wide as its widest cell."""
    columns = max((len(cells) for cells in crashing.table), default=0)
    rows = [cells + ("",) * (columns - len(cells)) for cells in crashing.table]
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ["  ".join(f"{cell:{width}}" for cell, width in zip(row, widths)).rstrip() for row in rows]


def pytest_terminal_summary(terminalreporter) -> None:
    if not crashing.table:
        return
    lines = _lines()
    terminalreporter.section("crash matrix")
    for line in lines:
        terminalreporter.write_line(line)
    folder = build()
    if folder:
        name = "-".join(sorted({cells[0].split()[0] for cells in crashing.table}))
        (folder / "check").mkdir(exist_ok=True)
        (folder / "check" / f"crash-{name}.txt").write_text("".join(line + "\n" for line in lines))
