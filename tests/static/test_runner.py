"""How tests/check counts: a test that fails only now and then must not go unseen."""

import sys
from pathlib import Path

import pytest
import runner
from runner import Result

FILES = ["tests/static/test_static.py", "tests/static/test_rules.py"]


def check(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], build: Path, failures: list[int]
) -> tuple[list[str], int]:
    """Runs both files, of which the first fails so often in its runs. Returns the lines, and the status."""
    left = {FILES[0]: list(failures), FILES[1]: []}

    def run_file(_: runner.Runner, file: str) -> Result:
        failed = left[file].pop(0) if left[file] else 0
        return Result(passed=3 - failed, failed=failed)

    monkeypatch.setattr(runner.Runner, "_run_file", run_file)
    monkeypatch.setattr(sys, "argv", ["runner.py", str(build), *FILES])
    with pytest.raises(SystemExit) as end:
        runner.main()
    return capsys.readouterr().out.splitlines(), int(str(end.value))


@pytest.mark.parametrize(
    ("failures", "last", "status"),
    [
        ([], ["", "6 passed, 0 failed"], 0),
        ([1], [f"1 unsteady: {FILES[0]}", "6 passed, 0 failed"], 0),
        ([2, 1], ["", "5 passed, 1 failed"], 1),
    ],
    ids=["never", "once", "always"],
)
def test_what_fails_only_now_and_then_is_counted(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    failures: list[int],
    last: list[str],
    status: int,
) -> None:
    lines, ended = check(monkeypatch, capsys, tmp_path, failures)
    assert (lines[-2:], ended) == (last, status)
