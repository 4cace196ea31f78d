"""Runs test files, two at a time, each in a world of its own, and prints every test with its result.

runner.py BUILD [NAME…]    NAME: a folder of tests/ (unit), a file's stem with or without test_ (faults),
                           a path, or a path with ::test; without names, everything

A file in which a test fails is run once more at the end, with nothing beside it, for these machines are
shared: what fails again counts as failed, what does not is named as unsteady, and is a fault to look for.
"""

import json
import os
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
TREE = TESTS.parent
FILE_TIMEOUT = 1500
SYMBOLS = {"passed": "ok  ", "failed": "FAIL", "skipped": "skip"}


@dataclass
class Result:
    """What became of one file's tests."""

    lines: list[str] = field(default_factory=list)
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    output: str = ""
    seconds: float = 0.0


def files_of(name: str) -> list[str]:
    """The files, relative to the tree, that a name on the command line means."""
    path, colons, test = name.partition("::")
    if (TREE / path).is_file():
        return [str((TREE / path).resolve().relative_to(TREE)) + colons + test]
    if (TREE / name).is_dir():
        found = sorted((TREE / name).rglob("test_*.py"))
    elif (TESTS / name).is_dir():
        found = sorted((TESTS / name).rglob("test_*.py"))
    else:
        found = sorted(TESTS.rglob(f"test_{name.removeprefix('test_')}*.py"))
    if not found:
        sys.exit(f"tests/check: there is no test {name!r}")
    return [str(path.relative_to(TREE)) for path in found]


class Runner:
    def __init__(self, build: Path, files: list[str]) -> None:
        self.build = build
        self.folder = TREE / build / "check"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._times_file = self.folder / "seconds.json"
        try:
            self.times: dict[str, float] = json.loads(self._times_file.read_text())
        except (OSError, ValueError):
            self.times = {}
        # The longest first, so that both processors are busy to the end.
        self.queue = sorted(files, key=lambda file: -self.times.get(file, 60.0))
        self.total = Result()
        self.again: list[str] = []
        self._lock = threading.Lock()

    def run(self) -> Result:
        workers = [
            threading.Thread(target=self._work) for _ in range(min(len(self.queue), os.cpu_count() or 1))
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        for file in self.again:
            result = self._run_file(file)
            self._report(file, result)
            self._count(result)
            if not result.failed:
                print(f"unsteady: {file} failed above, and passed when it ran alone")
        self._times_file.write_text(json.dumps(self.times, indent=1, sort_keys=True))
        return self.total

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self.queue:
                    return
                file = self.queue.pop(0)
            result = self._run_file(file)
            with self._lock:
                self._report(file, result)
                if result.failed:
                    self.again.append(file)
                else:
                    self._count(result)

    def _run_file(self, file: str) -> Result:
        report = self.folder / (file.replace("/", "-").replace("::", "-") + ".xml")
        report.unlink(missing_ok=True)
        begun = time.monotonic()
        try:
            process = subprocess.run(
                [TESTS / "lib/enter", "/usr/bin/python3", "-m", "pytest", "-c", "tests/pytest.ini"]
                + ["--rootdir=tests", "--quiet", "--tb=short", "--color=no", f"--junit-xml={report}", file],
                cwd=TREE,
                env=os.environ | {"KRATOSD_BUILD": str(self.build)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=FILE_TIMEOUT,
            )
            output, status = process.stdout, process.returncode
        except subprocess.TimeoutExpired as late:
            output, status = (late.stdout or b"").decode(errors="replace"), -1
        result = read_report(file, report)
        result.output = output
        result.seconds = time.monotonic() - begun
        if status != 0 and not result.failed:
            result.failed += 1
            result.lines.append(f"FAIL {file}: pytest ended with {status}")
        return result

    def _report(self, file: str, result: Result) -> None:
        print(f"\n{file} ({result.seconds:.1f} s)")
        print("\n".join(result.lines))
        if result.failed:
            print(result.output)
        sys.stdout.flush()
        self.times[file] = round(result.seconds, 1)

    def _count(self, result: Result) -> None:
        self.total.passed += result.passed
        self.total.failed += result.failed
        self.total.skipped += result.skipped


def read_report(file: str, report: Path) -> Result:
    """Counts the tests of pytest's JUnit report."""
    result = Result()
    if not report.exists():
        return result
    for case in ElementTree.parse(report).iter("testcase"):
        kinds = {child.tag: child for child in case}
        if "failure" in kinds or "error" in kinds:
            outcome = "failed"
        elif "skipped" in kinds:
            outcome = "skipped"
        else:
            outcome = "passed"
        setattr(result, outcome, getattr(result, outcome) + 1)
        group = (case.get("classname") or "").rpartition(".")[2]
        group = "" if group.startswith("test_") else group + "::"
        line = f"{SYMBOLS[outcome]} {group}{case.get('name')}"
        if outcome == "skipped":
            line += f": {kinds['skipped'].get('message')}"
        result.lines.append(line)
    return result


def main() -> None:
    build, *names = sys.argv[1:]
    if names:
        files = [file for name in names for file in files_of(name)]
    else:
        files = [str(path.relative_to(TREE)) for path in sorted(TESTS.rglob("test_*.py"))]
    total = Runner(Path(build), list(dict.fromkeys(files))).run()
    skipped = f", {total.skipped} skipped" if total.skipped else ""
    print(f"\n{total.passed} passed, {total.failed} failed{skipped}")
    sys.exit(0 if total.passed and not total.failed else 1)


if __name__ == "__main__":
    main()
