"""Looks for secrets where they must not be: memory, files, the journal, what /proc shows of processes."""

import secrets
import string
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from world import processes
from world.daemon import Daemon
from world.journal import Journal
from world.paths import WORLD

HERE = Path(__file__).parent
PROGRAM = WORLD / "open" / "login-once"

# Pieces of a secret of this length are looked for at every second place: an allocator writes over the
# first bytes of what it frees, and a copy without them is a copy still.
PIECE, STEP = 10, 2


def canary() -> str:
    """A password that stands nowhere else."""
    letters = string.ascii_letters + string.digits
    return "".join(secrets.choice(letters) for _ in range(40))


def pieces(secret: str | bytes) -> list[bytes]:
    data = secret.encode() if isinstance(secret, str) else secret
    data = data.removeprefix(b"ory_st_")
    return [data[at : at + PIECE] for at in range(0, len(data) - PIECE + 1, STEP)]


def stands_in(secret: str | bytes, data: bytes) -> bool:
    return any(piece in data for piece in pieces(secret))


def in_memory(pid: int, *wanted: str | bytes) -> list[str]:
    """The mappings of a process, and what stands there around the first find in each."""
    found = []
    for line, data in processes.memory(pid):
        for number, secret in enumerate(wanted):
            place = next((at for piece in pieces(secret) if (at := data.find(piece)) >= 0), -1)
            if place >= 0:
                around = data[max(0, place - 60) : place + 60]
                found.append(f"secret {number} in {line}: {around!r}")
    return found


def in_files(folder: Path, *wanted: str | bytes) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files, f"nothing is in {folder}"
    return [
        f"secret {number} in {path}"
        for path in files
        for number, secret in enumerate(wanted)
        if stands_in(secret, path.read_bytes())
    ]


def in_journal(journal: Journal, *wanted: str | bytes) -> list[str]:
    text = journal.text().encode(errors="surrogateescape")
    assert text, "the journal is empty"
    return [f"secret {number}" for number, secret in enumerate(wanted) if stands_in(secret, text)]


def in_proc(*wanted: str | bytes) -> list[str]:
    """The command lines and environments of all processes."""
    found = []
    for pid in processes.all_pids():
        for name in "cmdline", "environ", "comm":
            try:
                data = Path(f"/proc/{pid}/{name}").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue
            for number, secret in enumerate(wanted):
                if stands_in(secret, data):
                    found.append(f"secret {number} in /proc/{pid}/{name}: {data!r}")
    return found


@contextmanager
def planted(pid: int, secret: str) -> Iterator[None]:
    """Writes a secret into a process, where nothing stands and nothing is used: below its stack."""
    with open(f"/proc/{pid}/maps") as maps:
        (stack,) = [line for line in maps if line.rstrip().endswith("[stack]")]
    start = int(stack.partition("-")[0], 16)
    with open(f"/proc/{pid}/mem", "r+b", 0) as memory:
        memory.seek(start)
        before = memory.read(len(secret))
        memory.seek(start)
        memory.write(secret.encode())
        try:
            yield
        finally:
            memory.seek(start)
            memory.write(before)


def start(daemon: Daemon, journal: Journal, **environment: str) -> None:
    """Starts kratosd, and returns when it can be called."""
    mark = journal.mark()
    daemon.start(**environment)
    for name in "org.kratosd1", "org.kratosd1.User":
        journal.wait(mark, MESSAGE=f"{name} is on the system bus")


class Login:
    """A run of login-once.c."""

    def __init__(self, service: str, user: str, password: str, *, keep: bool = False, **env: str) -> None:
        argv = [PROGRAM, service, user] + (["keep"] if keep else [])
        self.process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"PATH": "/usr/bin:/bin"} | env,
            cwd="/",
            bufsize=0,
        )
        self._send(password)
        self.result = self._told("open")

    @property
    def pid(self) -> int:
        return self.process.pid

    def _send(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(line.encode() + b"\n")

    def _told(self, what: str) -> int:
        assert self.process.stdout
        line = self.process.stdout.readline().decode()
        assert line.startswith(what + " "), line
        return int(line.split()[1])

    def end(self) -> None:
        """close_session and pam_end; the process stays."""
        self._send("")
        assert self._told("ended") == 0

    def exit(self) -> None:
        self._send("")
        assert self.process.wait(10) in (0, 1)


def build_program() -> None:
    subprocess.run(
        ["cc", "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O1", "-g"]
        + [HERE / "login-once.c", "-o", PROGRAM, "-lpam"],
        check=True,
    )

