"""What somebody pays for our software, on machines that do much else."""

import statistics


def added(pairs: list[tuple[float, float]]) -> float:
    """By what the first ones of these pairs are more. What is paid is paid each time, and shows in the
    median of the differences as in the fastest ones; what else a busy machine does comes and goes."""
    ours, theirs = zip(*pairs, strict=True)
    return min(statistics.median(a - b for a, b in pairs), min(ours) - min(theirs))
