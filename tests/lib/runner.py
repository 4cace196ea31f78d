"""Runs test files, some at a time, each in a world of its own, and prints every test with its result.

runner.py BUILD [--anew] [NAME…]    NAME: a folder of tests/ (unit), a file's stem with or without test_
                                    (faults), a path, or a path with ::test; without names, everything
                                    that has not passed already in this very tree, or with --anew
                                    everything

What is in tests/system boots a Debian, that of this host. Where it is named, it is run for each that is known.

A file in which a test fails is run once more at the end, with nothing beside it, for these machines are
shared: what fails again counts as failed. What does not is named as unsteady there and in a line of its
own before the last, and is a fault to look for.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path

from earlier import Earlier, fingerprint

TESTS = Path(__file__).resolve().parents[1]
TREE = TESTS.parent
SYSTEM = "tests/system/"
DESKTOP = "tests/system/desktop/"
# Of what a file takes by itself; tests/system/test_soak.py takes as long as is asked for.
FILE_TIMEOUT = 1500 + float(os.environ.get("KRATOSD_SOAK_SECONDS", "0"))
# Most tests wait, for a deadline or a server that hangs: as many files at a time for each processor keep it busy.
FILES_PER_PROCESSOR = 2
# These measure, or want the whole machine: they run at the end, with nothing beside them.
ALONE = ("tests/bench/", "tests/concurrency/", "tests/system/", "tests/timing/")

# The suites that tests/system can boot, the oldest first.
SUITES = ("bookworm", "trixie")
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


def suite_here() -> str:
    release = Path("/etc/os-release").read_text().splitlines()
    codes = [line.partition("=")[2] for line in release if line.startswith("VERSION_CODENAME=")]
    return codes[0] if codes else ""


def on_suites(files: list[str], named: bool) -> list[str]:
    """The files, those that boot a Debian as FILE@SUITE."""
    here = suite_here()
    suites = SUITES if named else [here if here in SUITES else SUITES[-1]]
    found = []
    for file in files:
        found += [f"{file}@{suite}" for suite in suites] if file.startswith(SYSTEM) else [file]
    return found


def kind_of_root(file: str) -> tuple[str, ...]:
    """What tests/system/root is asked for, for a FILE@SUITE."""
    path, _, suite = file.partition("@")
    return (suite, "desktop") if path.startswith(DESKTOP) else (suite,)


def root_of(*kind: str) -> str:
    """The root to boot, made where there is none."""
    made = subprocess.run([TESTS / "system/root", *kind], stdout=subprocess.PIPE, text=True)
    if made.returncode != 0:
        print(f"0 passed, 1 failed: no Debian {' '.join(kind)} to boot")
        sys.exit(1)
    return made.stdout.strip()


def make_packages(build: Path, suite: str) -> None:
    """What is installed on the Debian that is booted."""
    command = [TESTS / "system/package", build, suite]
    if subprocess.run(command, cwd=TREE, stdout=subprocess.DEVNULL).returncode != 0:
        print(f"0 passed, 1 failed: the packages cannot be built for {suite}")
        sys.exit(1)


class Runner:
    def __init__(self, build: Path, files: list[str], *, anew: bool) -> None:
        self.build = build
        kinds = dict.fromkeys(kind_of_root(file) for file in files if "@" in file)
        self.roots = {kind: root_of(*kind) for kind in kinds}
        for suite in dict.fromkeys(suite for suite, *_ in kinds):
            make_packages(build, suite)
        self.folder = TREE / build / "check"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._times_file = self.folder / "seconds.json"
        try:
            self.times: dict[str, float] = json.loads(self._times_file.read_text())
        except (OSError, ValueError):
            self.times = {}
        self.total = Result()
        # What is booted follows from the tree, too.
        beside = os.uname().release, os.environ.get("KRATOS", "")
        self.earlier = Earlier(self.folder / "passed.json", lambda: fingerprint(TREE, *beside))
        self.taken_over = [] if anew else self._take_over(files)
        # The longest first, so that the processors are busy to the end.
        left = [file for file in files if file not in self.taken_over]
        self.files = sorted(left, key=lambda file: -self.times.get(file, 60.0))
        self.again: list[str] = []
        self.unsteady: list[str] = []
        self._lock = threading.Lock()

    def _take_over(self, files: list[str]) -> list[str]:
        """Counts, and returns, those that have passed already in this very tree."""
        found = []
        for file in files:
            if counts := self.earlier.counts(file):
                self._count(Result(passed=counts[0], skipped=counts[1]))
                found.append(file)
        return found

    def run(self) -> Result:
        at_once = FILES_PER_PROCESSOR * (os.cpu_count() or 1)
        self._run_queue([file for file in self.files if not file.startswith(ALONE)], at_once)
        self._run_queue([file for file in self.files if file.startswith(ALONE)], 1)
        for file in self.again:
            result = self._run_file(file)
            self._report(file, result)
            self._count(result)
            if not result.failed:
                self.unsteady.append(file)
                print(f"unsteady: {file} failed above, and passed when it ran alone")
        self._times_file.write_text(json.dumps(self.times, indent=1, sort_keys=True))
        return self.total

    def _run_queue(self, queue: list[str], at_once: int) -> None:
        workers = [threading.Thread(target=self._work, args=(queue,)) for _ in range(at_once)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    def _work(self, queue: list[str]) -> None:
        while True:
            with self._lock:
                if not queue:
                    return
                file = queue.pop(0)
            result = self._run_file(file)
            with self._lock:
                self._report(file, result)
                if result.failed:
                    self.again.append(file)
                else:
                    self._count(result)
                    self.earlier.note(file, result.passed, result.skipped)

    def _run_file(self, file: str) -> Result:
        report = self.folder / (file.replace("/", "-").replace("::", "-") + ".xml")
        report.unlink(missing_ok=True)
        path, _, suite = file.partition("@")
        environment = os.environ | {"KRATOSD_BUILD": str(self.build)}
        if suite:
            environment["KRATOSD_ROOT"] = self.roots[kind_of_root(file)]
        begun = time.monotonic()
        try:
            process = subprocess.run(
                [TESTS / "lib/enter", "/usr/bin/python3", "-m", "pytest", "-c", "tests/pytest.ini"]
                + ["--rootdir=tests", "--quiet", "--tb=short", "--color=no", f"--junit-xml={report}", path],
                cwd=TREE,
                env=environment,
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
        shown = [property.get("value") for property in case.iter("property")]
        result.lines += [f"       {text}" for text in shown]
    return result


def main() -> None:
    # A shell starts what runs in the background with SIGINT ignored, and every program would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    build, *names = [word for word in sys.argv[1:] if word != "--anew"]
    anew = "--anew" in sys.argv or bool(names)
    if names:
        files = on_suites([file for name in names for file in files_of(name)], named=True)
    else:
        every = [str(path.relative_to(TREE)) for path in sorted(TESTS.rglob("test_*.py"))]
        files = on_suites(every, named=False)
    runner = Runner(Path(build), list(dict.fromkeys(files)), anew=anew)
    total = runner.run()
    print()
    if runner.taken_over:
        print(f"{len(runner.taken_over)} files passed earlier in this very tree, and did not run: see --anew")
    if runner.unsteady:
        print(f"{len(runner.unsteady)} unsteady: {', '.join(runner.unsteady)}")
    skipped = f", {total.skipped} skipped" if total.skipped else ""
    print(f"{total.passed} passed, {total.failed} failed{skipped}")
    sys.exit(0 if total.passed and not total.failed else 1)


if __name__ == "__main__":
    main()
