"""The benchmark runs, and prints every figure. Its short form proves no time: only what does not
depend on how busy the machine is has a limit here."""

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from world.paths import TREE, build

HERE = Path(__file__).parent
RATIOS = {
    f"{name}{suffix}"
    for name in ("login_ratio_p50", "login_typed_ratio_p50", "throughput_ratio_64")
    for suffix in ("", "_cost12", "_pooled")
}
TIMES = {
    *("login_ms_p50", "login_raw_ms_p50", "login_typed_ms_p50", "login_typed_raw_ms_p50"),
    *("daemon_cpu_ms_per_login", "start_ms", "start_cpu_ms"),
    *("lifelines_ms", "lifelines_cpu_ms"),
    *("local_user_added_us", "local_user_added_stopped_us", "local_user_added_hung_us"),
}
RATES = {
    *("throughput_64", "throughput_raw_64", "throughput_64_pooled", "throughput_raw_64_pooled"),
    *("daemon_idle_wakeups_per_min", "throughput_failed_64_cost12"),
}
# In MiB, and what each may be.
SIZES = {
    "daemon_anon_mib_fresh": 3,
    "daemon_anon_mib": 5,
    "daemon_anon_mib_10000": 8,
    "daemon_rss_mib": 24,
    "daemon_rss_mib_10000": 28,
}


@pytest.mark.timeout(400)
def test_benchmark_prints_every_figure() -> None:
    folder = build()
    assert folder
    make = ["make", "-s", "-f", "tests/bench/bench.mk", f"BUILD={folder}"]
    subprocess.run(make, cwd=TREE, check=True)
    result = subprocess.run(
        [sys.executable, HERE / "bench.py", "--quick"], stdout=subprocess.PIPE, text=True, env=os.environ
    )
    assert result.returncode == 0, result.stdout
    lines = [line.split() for line in result.stdout.splitlines()]
    figures = {name: float(value) for name, value, _ in lines}
    assert len(figures) == len(lines)
    assert set(figures) == RATIOS | TIMES | RATES | set(SIZES)

    assert all(math.isfinite(value) for value in figures.values())
    assert all(0.1 < figures[name] < 20 for name in RATIOS)
    assert all(0 < figures[name] < 60_000 for name in TIMES)
    assert figures["lifelines_ms"] >= figures["start_ms"]
    for name, limit in SIZES.items():
        assert 0.5 < figures[name] <= limit, name
    # The processor's time, and not the clock's: a busy machine makes it longer, but not much.
    assert figures["start_cpu_ms"] < 200 and figures["lifelines_cpu_ms"] < 500
    assert figures["daemon_idle_wakeups_per_min"] <= 6
    # Whatever has become of the daemon, a local user does not wait for it.
    assert all(figures[name] < 20_000 for name in TIMES if name.startswith("local_user"))
