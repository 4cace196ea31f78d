"""Refusals of every kind, how long they take, and whether that tells one kind from another."""

import bisect
import statistics

from world.paths import WORLD

PROGRAM = WORLD / "open/programs/refusals"
SERVICE = "timing"
PASSWORD = "correct horse battery staple"
PEOPLE = ["active", "resting", "gone"]


def superiority(one: list[float], other: list[float]) -> float:
    """How often a time of the one is longer than a time of the other: the area under the ROC curve, or
    Mann and Whitney's U as a share. 0.5 tells nothing; 1 and 0 tell all."""
    other = sorted(other)
    wins = sum(bisect.bisect_left(other, x) + bisect.bisect_right(other, x) for x in one) / 2
    return wins / (len(one) * len(other))


def describe(kind: str, times: list[float], beside: list[float]) -> str:
    tenths = statistics.quantiles(times, n=10)
    return (
        f"{kind:32} {len(times):5} tries, ms: p10 {tenths[0]:.0f}  p50 {tenths[4]:.0f}  p90 {tenths[8]:.0f}"
        f"  longest {max(times):.0f}  superiority {superiority(times, beside):.3f}"
    )
