"""The benchmark's figures of whole machines are told, each of them. It proves no time: see tests/bench."""

import math
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from world.kratos import Kratos

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))

from system_figures import SystemBench  # noqa: E402


@dataclass(frozen=True)
class Effort:
    boots: int = 1
    ssh_pairs: int = 2
    ssh_password_pairs: int = 2


def test_every_figure(
    _prepared: Path, _installed: Path, kratos: Kratos, capsys: pytest.CaptureFixture[str]
) -> None:
    SystemBench(Effort(), kratos, [_installed, _prepared], [_prepared]).all()
    figures = {name: float(value) for name, value, _ in map(str.split, capsys.readouterr().out.splitlines())}
    parts = [("boot", "s"), ("local_ssh_key", "ms"), ("local_ssh_password", "ms")]
    assert set(figures) == {
        *(f"{name}_{side}_{unit}_p50" for name, unit in parts for side in ("with", "without", "added")),
        *(f"{name}_added_{unit}_quartiles" for name, unit in parts),
        *("booted_daemon_anon_mib", "booted_daemon_rss_mib"),
    }
    assert all(math.isfinite(value) for value in figures.values())
    assert 0.5 < figures["booted_daemon_anon_mib"] <= 3
    assert 0.5 < figures["booted_daemon_rss_mib"] <= 24
