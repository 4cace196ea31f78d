"""What passed in an earlier run of the very same tree, and need not run again: a run that failed goes on with
what did not pass, and one that did not is not repeated."""

import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path


def fingerprint(tree: Path, *beside: str) -> str:
    """Of all files of a clone but those that git ignores, their names and modes, and what else counts; "" where
    git cannot say which these are."""
    command = ["git", "-C", tree, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listing = subprocess.run(command, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""
    sum = hashlib.sha256("\0".join(beside).encode())
    for name in sorted(set(listing.split(b"\0")) - {b""}):
        path = tree / name.decode()
        kind, content = "gone", b""
        if path.is_symlink():
            kind, content = "link", str(path.readlink()).encode()
        elif path.is_file():
            kind, content = f"{path.stat().st_mode:o}", path.read_bytes()
        sum.update(f"\0{name!r} {kind} {len(content)}\0".encode() + content)
    return sum.hexdigest()


class Earlier:
    """The counts of the files of tests that have passed, as long as the tree has one fingerprint."""

    def __init__(self, record: Path, take: Callable[[], str]) -> None:
        self._record, self._take, self._of = record, take, take()
        self._counts: dict[str, tuple[int, int]] = {}
        try:
            kept = json.loads(record.read_text())
            if self._of and kept["tree"] == self._of:
                self._counts = {file: (passed, skipped) for file, (passed, skipped) in kept["passed"].items()}
        except (OSError, ValueError, KeyError):
            pass

    def counts(self, file: str) -> tuple[int, int] | None:
        """How many of a file's tests passed and were skipped, if it passed."""
        return self._counts.get(file)

    def note(self, file: str, passed: int, skipped: int) -> None:
        """That it has passed, unless the tree was changed meanwhile."""
        if not self._of or self._take() != self._of:
            return
        self._counts[file] = passed, skipped
        self._record.write_text(json.dumps({"tree": self._of, "passed": self._counts}, indent=1))
