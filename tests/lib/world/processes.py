"""Processes: servers that a world runs, and what /proc tells of any process."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from world.paths import LOGS

T = TypeVar("T")


def wait_until(predicate: Callable[[], T], what: str, timeout: float = 5.0) -> T:
    """Waits for something that cannot be waited for otherwise. Returns the first true value."""
    deadline = time.monotonic() + timeout
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"still not so after {timeout} s: {what}")
        time.sleep(0.01)


class Service:
    """A server: one process, whose output is appended to a file of its own."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.process: subprocess.Popen[bytes] | None = None
        LOGS.mkdir(parents=True, exist_ok=True)
        self.log_file = LOGS / f"{name}.log"

    def spawn(
        self,
        argv: list[str],
        *,
        user: str | None = None,
        env: dict[str, str] | None = None,
        pass_fds: tuple[int, ...] = (),
        umask: int = -1,
        cwd: str = "/",
        before_exec: Callable[[], None] | None = None,
        terminal: int | None = None,
    ) -> None:
        """Starts it as a user with no further groups than the user's own, with nothing on stdin, unless
        there is a terminal for it, which then has its output too."""
        assert not self.running, f"{self.name} runs already"
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL if terminal is None else terminal,
                stdout=log if terminal is None else terminal,
                stderr=log,
                user=user,
                group=user,
                extra_groups=[] if user else None,
                env=env,
                pass_fds=pass_fds,
                umask=umask,
                cwd=cwd,
                start_new_session=True,
                preexec_fn=before_exec,
            )

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int:
        assert self.running and self.process, f"{self.name} does not run:\n{self.log()[-4000:]}"
        return self.process.pid

    def log(self) -> str:
        """All that it has written so far."""
        if not self.log_file.exists():
            return ""
        return self.log_file.read_text(errors="replace")

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def pause(self) -> None:
        """Stops it with SIGSTOP: it hangs, and its sockets stay."""
        self.signal(signal.SIGSTOP)
        wait_until(lambda: state(self.pid) == "T", f"{self.name} is stopped")

    def resume(self) -> None:
        self.signal(signal.SIGCONT)

    def wait(self, timeout: float = 10.0) -> int:
        """Waits for its end. Returns the exit status, negative for a signal."""
        assert self.process, f"{self.name} was never started"
        return self.process.wait(timeout)

    def kill(self) -> None:
        """kill -9."""
        if self.process:
            self.process.send_signal(signal.SIGKILL)
            self.wait()

    def stop(self, timeout: float = 10.0) -> int:
        """Asks it to end. Returns the exit status; one that does not end is killed, and told of."""
        if not self.process:
            return 0
        self.process.send_signal(signal.SIGTERM)
        # Not to one that is running: LeakSanitizer stops its own process at the end, and a SIGCONT
        # that comes then leaves it waiting for itself.
        if state(self.process.pid) == "T":
            self.process.send_signal(signal.SIGCONT)
        try:
            return self.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not end within {timeout} s") from None


def all_pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; [] when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def state(pid: int) -> str:
    """One letter of proc(5), such as T for stopped and Z for a zombie; "" when there is none."""
    return (_stat(pid) or [""])[0]


def parent(pid: int) -> int:
    return int((_stat(pid) or ["", "0"])[1])


def alive(pid: int) -> bool:
    return state(pid) not in ("", "Z", "X")


def children(pid: int) -> list[int]:
    return [other for other in all_pids() if parent(other) == pid]


def descendants(pid: int) -> list[int]:
    """Its children, their children, and so on: parents before their children."""
    parents = {other: parent(other) for other in all_pids()}
    found, ring = [], [pid]
    while ring:
        ring = [other for other in parents if parents[other] in ring]
        found += ring
    return found


def _strings(pid: int, name: str) -> list[str]:
    try:
        data = Path(f"/proc/{pid}/{name}").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [part.decode(errors="surrogateescape") for part in data.split(b"\0") if part]


def command_line(pid: int) -> list[str]:
    return _strings(pid, "cmdline")


def command_name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def environment(pid: int) -> dict[str, str]:
    """The environment with which it was executed (a later putenv does not show)."""
    return dict(part.partition("=")[::2] for part in _strings(pid, "environ"))


def user_of(pid: int) -> int:
    """Its effective uid."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^Uid:\s+\d+\s+(\d+)", status, re.M)[1])


def memory_kib(pid: int, field: str = "RssAnon") -> int:
    """A line of /proc/PID/status in KiB: RssAnon, VmRSS, VmHWM, …"""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"^{field}:\s+(\d+) kB", status, re.M)[1])


def open_files(pid: int) -> dict[int, str]:
    """Its file descriptors and what each leads to."""
    found = {}
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            found[int(fd)] = os.readlink(f"/proc/{pid}/fd/{fd}")
        except FileNotFoundError:
            pass
    return found


def memory(pid: int) -> Iterator[tuple[str, bytes]]:
    """Every readable mapping of a process: its line in /proc/PID/maps, and its bytes."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps.read().splitlines():
            span, rights, *_ = line.split()
            if "r" not in rights or line.endswith(("[vvar]", "[vsyscall]", "[vvar_vclock]")):
                continue
            start, end = (int(part, 16) for part in span.split("-"))
            try:
                mem.seek(start)
                yield line, mem.read(end - start)
            except OSError:
                continue


def search_memory(pid: int, needle: bytes) -> list[str]:
    """The mappings of a process in which the bytes stand."""
    return [line for line, data in memory(pid) if needle in data]
