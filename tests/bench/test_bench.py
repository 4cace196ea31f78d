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
LOOK_UPS = ("nss_known", "nss_uid", "nss_unknown")
RATIOS |= {
    *(f"{name}_ratio" for name in (*LOOK_UPS, "nss_growth", "nss_first_growth")),
    *("initgroups_5_ratio", "initgroups_100_ratio", "id_cold_ratio"),
    *("mfa_login_ratio_p50", "sudo_refresh_ratio_p50"),
}
TIMES = {
    *("login_ms_p50", "login_raw_ms_p50", "login_typed_ms_p50", "login_typed_raw_ms_p50"),
    *("login_if_enrolled_ms_p50", "mfa_login_ms_p50", "mfa_login_raw_ms_p50"),
    *("sudo_refresh_ms_p50", "sudo_refresh_raw_ms_p50"),
    *("daemon_cpu_ms_per_login", "start_ms", "start_cpu_ms"),
    *("lifelines_ms", "lifelines_cpu_ms"),
    *("local_user_added_us", "local_user_added_stopped_us", "local_user_added_hung_us"),
    *(f"{name}{suffix}" for name in LOOK_UPS for suffix in ("_us_p50", "_us_p99", "_trivial_us_p50")),
    *("nss_1000_first_us_p50", "nss_100000_first_us_p50"),
    "nss_100000_1000_asked_us_p50",
    *("initgroups_5_us", "initgroups_100_us", "id_cold_ms"),
    *("nss_unknown_asked_us_p50", "nss_newcomer_asked_us_p50"),
    *("refresh_s", "refresh_cpu_s", "refresh_kratos_cpu_s", "refresh_postgres_cpu_s"),
    *("kratos_refresh_request_ms", "kratos_refresh_request_cpu_ms"),
    *("kratos_refresh_1000_s", "kratos_refresh_100000_s"),
    *(f"nss_{size}_us_p50" for size in (10, 1000, 100000)),
    *(f"accounts_{size}_start_ms" for size in (10, 1000, 100000)),
}
RATES = {
    *("throughput_64", "throughput_raw_64", "throughput_64_pooled", "throughput_raw_64_pooled"),
    *("daemon_idle_wakeups_per_min", "throughput_failed_64_cost12"),
    *("refresh_accounts", "refresh_requests", "refresh_without_pauses_s"),
    # These may be nothing, or less.
    *(f"nss_local_{what}_us_{part}" for what in ("added", "groups_added") for part in ("p50", "p99")),
    *(
        f"kratos_load_{hosts}_hosts_{accounts}_accounts"
        for hosts in (2000, 20000)
        for accounts in (1000, 100000)
    ),
}
# In MiB, and what each may be.
SIZES = {
    "daemon_anon_mib_fresh": 3,
    "daemon_anon_mib": 3,
    "daemon_anon_mib_10000": 8,
    "daemon_rss_mib": 24,
    "daemon_rss_mib_10000": 28,
    # However many people there are: they are on the disk.
    **{f"accounts_{size}_anon_mib": 4 for size in (10, 1000, 100000)},
    **{f"accounts_{size}_rss_mib": 24 for size in (10, 1000, 100000)},
}

# What no ratio of the short form, which is one of few pairs beside whatever else the machine does, comes
# near: they are to be about 1.
BOUNDS = {
    **dict.fromkeys(("login", "mfa", "sudo", "nss", "initgroups", "id"), (0.5, 4)),
    "throughput": (0.25, 4),
}


def bounds(name: str) -> tuple[float, float]:
    return BOUNDS[name.partition("_")[0]]


@pytest.mark.timeout(600)
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
    for name in RATIOS:
        least, most = bounds(name)
        assert least < figures[name] < most, name
    assert all(0 < figures[name] < 60_000 for name in TIMES)
    assert figures["lifelines_ms"] >= figures["start_ms"]
    for name, limit in SIZES.items():
        assert 0.5 < figures[name] <= limit, name
    # The processor's time, and not the clock's: a busy machine makes it longer, but not much.
    assert figures["start_cpu_ms"] < 200 and figures["lifelines_cpu_ms"] < 500
    assert figures["daemon_idle_wakeups_per_min"] == 0
    # 80 at once, each of them once, and the one who is deleted once more.
    assert figures["refresh_requests"] == math.ceil(figures["refresh_accounts"] / 80) + 1
    # Whatever has become of the daemon, a local user does not wait for it.
    assert all(figures[name] < 20_000 for name in TIMES if name.startswith("local_user"))
