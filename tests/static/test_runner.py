"""How tests/check counts: a test that fails only now and then must not go unseen."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import runner
from earlier import fingerprint
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


def test_what_has_passed_in_the_same_tree_does_not_run_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tree, broken = "one", True

    def run_file(_: runner.Runner, file: str) -> Result:
        ran.append(file)
        return Result(passed=2, failed=1) if broken and file == FILES[0] else Result(passed=3)

    def run(*, anew: bool = False) -> tuple[list[str], int]:
        ran.clear()
        passed = runner.Runner(tmp_path, FILES, anew=anew).run().passed
        return sorted(set(ran)), passed

    ran: list[str] = []
    monkeypatch.setattr(runner.Runner, "_run_file", run_file)
    monkeypatch.setattr(runner, "fingerprint", lambda *_: tree)
    both = sorted(FILES)
    assert run() == (both, 5)
    assert run() == ([FILES[0]], 5)
    broken = False
    assert run() == ([FILES[0]], 6)
    assert run() == ([], 6)
    assert run(anew=True) == (both, 6)
    tree = "another"
    assert run() == (both, 6)
    tree = ""
    assert run() == run() == (both, 6)


def test_a_part_that_is_run_again_leaves_the_rest_as_it_was(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Also one that boots nothing, after a whole that did."""
    monkeypatch.setattr(runner.Runner, "_run_file", lambda *_: Result(passed=1))
    monkeypatch.setattr(runner, "root_of", lambda *kind: f"/root/{kind}")
    monkeypatch.setattr(runner, "make_packages", lambda *_: None)
    whole = [FILES[0], "tests/system/test_boot.py@bookworm"]
    runner.Runner(tmp_path, whole, anew=False).run()
    runner.Runner(tmp_path, FILES[:1], anew=True).run()
    assert runner.Runner(tmp_path, whole, anew=False).taken_over == whole


def test_a_tree_that_is_changed_while_it_is_tested_has_passed_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    trees = iter(["before", "after", "after", "before"])
    monkeypatch.setattr(runner.Runner, "_run_file", lambda *_: Result(passed=1))
    monkeypatch.setattr(runner, "fingerprint", lambda *_: next(trees))
    assert runner.Runner(tmp_path, FILES, anew=False).run().passed == 2
    assert not runner.Runner(tmp_path, FILES, anew=False).taken_over


CHANGES: list[Callable[[Path], object]] = [
    lambda tree: (tree / "kept").write_text("other"),
    lambda tree: (tree / "kept").chmod(0o755),
    lambda tree: (tree / "kept").unlink(),
    lambda tree: (tree / "new").touch(),
    lambda tree: (tree / "link").symlink_to("kept"),
]


@pytest.mark.parametrize("change", CHANGES, ids=["content", "mode", "gone", "new", "link"])
def test_a_tree_is_the_same_as_long_as_its_files_are(
    tmp_path: Path, change: Callable[[Path], object]
) -> None:
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    (tmp_path / ".gitignore").write_text("build\n")
    (tmp_path / "kept").write_text("one")
    before = fingerprint(tmp_path)
    (tmp_path / "build").write_text("whatever")
    assert fingerprint(tmp_path) == before != ""
    assert fingerprint(tmp_path, "another system") != before
    change(tmp_path)
    assert fingerprint(tmp_path) != before


def test_without_git_no_tree_is_the_same(tmp_path: Path) -> None:
    assert fingerprint(tmp_path / "nowhere") == ""
