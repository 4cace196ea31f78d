"""Runs each cmocka program, as gcc built it, and as clang built it with ASan and UBSan."""

import subprocess

import pytest

from world.paths import TREE, build

PROGRAMS = sorted(path.stem for path in (TREE / "tests/unit").glob("test-*.c"))


@pytest.mark.parametrize("flavour", ["gcc", "sanitized"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_unit(program: str, flavour: str) -> None:
    folder = build()
    assert folder, "KRATOSD_BUILD names the build"
    path = (folder / "asan" if flavour == "sanitized" else folder) / "unit" / program
    result = subprocess.run(
        [path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", cwd=TREE
    )
    assert result.returncode == 0, f"{path} ended with {result.returncode}:\n{result.stdout}"
