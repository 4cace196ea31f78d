"""Replays the corpora: each fuzzer runs once over its inputs, and finds nothing."""

import subprocess

import pytest

from world.paths import TREE, build

FUZZERS = sorted(path.stem.removeprefix("fuzz-") for path in (TREE / "tests/fuzz").glob("fuzz-*.c"))


@pytest.mark.parametrize("name", FUZZERS)
def test_corpus(name: str) -> None:
    folder = build()
    assert folder, "KRATOSD_BUILD names the build"
    inputs = sorted((TREE / "tests/fuzz/corpus" / name).iterdir())
    assert inputs, f"tests/fuzz/corpus/{name} is empty"
    result = subprocess.run(
        [folder / f"fuzz/fuzz-{name}", "-timeout=10", *inputs],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    assert result.returncode == 0, result.stdout[-8000:]
