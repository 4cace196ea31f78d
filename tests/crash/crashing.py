"""What the crash tests share: a login program that can be held at each of its stages, a pass-through to
the real Kratos that can hold each request, strace to end kratosd between two system calls, and what
kratosd has on its disk. All of it together is in crash_scene.py.
"""

import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from faultserver import Answer, FaultServer, Request, faults
from world import pam, processes
from world.kratos import Identity, Json, Kratos
from world.paths import STATE, WORLD
from world.prepare import LOCAL_PASSWORD
from world.processes import wait_until

SERVICE = "crash"
PORT = 435
PASSWORD = "correct horse battery staple"
OPERATIONS = ["authenticate", "acct_mgmt", "open_session", "close_session"]
UNAVAILABLE = "cannot retrieve authentication info"

# kratosd's row states.
POSTED, GRANTED, OPEN, REVOKING = "posted", "granted", "open", "revoking"
STATES = {1: POSTED, 2: GRANTED, 3: OPEN, 4: REVOKING}

# How long a session may live on after its end, beyond what a test makes it wait for.
REVOKED_SEC = 15.0
# How long a living session is watched before it counts as spared.
SPARED_SEC = 0.15

# No system call is made so often in a login.
MANY = 200

GATES = WORLD / "gates"
# A failure ends the stack here, so that a gate is reached only after a success of ours.
STACK = f"""\
auth     requisite pam_kratos.so
account  requisite pam_kratos.so
account  optional  pam_exec.so quiet {GATES}/wait
session  requisite pam_kratos.so
session  optional  pam_exec.so quiet {GATES}/wait
"""

# Of whoever needs a second factor.
BACKUP_CODE = "abcd1234"

# A line for each case: the file's name, then its cells.
table: list[tuple[str, ...]] = []


class Gates:
    """Where login programs wait, once ours has let them through: "account" or "open_session"."""

    def __init__(self) -> None:
        shutil.rmtree(GATES, ignore_errors=True)
        GATES.mkdir(mode=0o755)
        script = GATES / "wait"
        script.write_text(
            "#!/bin/sh\n"
            f": >{GATES}/reached.$PAM_TYPE.$PPID\n"
            f"while [ -e {GATES}/shut.$PAM_TYPE ] && [ ! -e {GATES}/pass.$PPID ]; do sleep 0.01; done\n"
        )
        script.chmod(0o755)
        pam.pam_service(SERVICE, STACK)

    def shut(self, stage: str) -> None:
        (GATES / f"shut.{stage}").touch()

    def open(self, stage: str | None = None) -> None:
        """Opens one, or all."""
        for path in GATES.glob(f"shut.{stage or '*'}"):
            path.unlink()


class Program:
    """A login program: pamtester through a whole login and session."""

    def __init__(self, person: Identity) -> None:
        self.password = person.password
        self.waits = False
        self.tester = pam.Pamtester(SERVICE, person.username, OPERATIONS, [person.password], timeout=30)
        self.tester.child.ptyproc.delayafterclose = 0

    def prompted(self) -> "Program":
        """Waits until it asks for the password, which it then waits for."""
        self.tester.prompted()
        self.waits = True
        return self

    def asked_for_a_code(self) -> "Program":
        """Waits until it asks for a backup code, which it then waits for."""
        found = self.tester.child.expect_exact([b"Backup code: ", b"pamtester: "])
        assert found == 0, self.finish().tester.output
        self.password, self.waits = BACKUP_CODE, True
        return self

    def type(self) -> "Program":
        """Types the password, or the code, if it ever asks for it."""
        if self.waits:
            self.tester.child.sendline(self.password)
            self.waits = False
        else:
            self.tester.answer()
        return self

    def has_reached(self, stage: str) -> bool:
        return (GATES / f"reached.{stage}.{self.tester.pid}").exists()

    @property
    def alive(self) -> bool:
        return processes.alive(self.tester.pid)

    @property
    def opened(self) -> bool:
        """It was told that its session is open, and it lives."""
        return self.alive and self.has_reached("open_session")

    def wait(self, stage: str) -> "Program":
        """Waits until it is at a gate, or has ended."""
        wait_until(
            lambda: self.has_reached(stage) or not self.alive, f"the program reaches {stage}", 20
        )
        return self

    def at(self, stage: str) -> "Program":
        self.wait(stage)
        assert self.has_reached(stage), self.finish().tester.output
        return self

    def pass_gates(self) -> "Program":
        """This one is held no more."""
        (GATES / f"pass.{self.tester.pid}").touch()
        return self

    def finish(self) -> "Program":
        """Lets it go, and waits for its end."""
        if self.tester.status is None:
            self.pass_gates()
            self.tester.finish()
        return self

    def kill(self) -> None:
        """kill -9."""
        os.kill(self.tester.pid, signal.SIGKILL)
        self.waits = False
        self.finish()

    @property
    def result(self) -> str:
        """What it said last."""
        if self.tester.status == 0:
            return "ok"
        if self.tester.status and self.tester.status < 0:
            return "killed"
        return self.tester.output.strip().splitlines()[-1].removeprefix("pamtester: ")


class Proxy(FaultServer):
    """A pass-through to a real Kratos."""

    def __init__(self, kratos: Kratos) -> None:
        super().__init__(PORT, upstream=(kratos.public_port, kratos.admin_port))
        self.under_way = 0

    async def process(self, request: Request) -> Answer:
        self.under_way += 1
        try:
            return await super().process(request)
        finally:
            self.under_way -= 1

    def hold(self, endpoint: str, after: bool = True) -> faults.Hold:
        """The next request to an endpoint is held, before it gets to Kratos or after."""
        hold = faults.hold(after)
        self.set(endpoint, hold, times=1)
        return hold


class Strace:
    """Has something happen as a process enters a system call: by the n-th one of that name from now
    on ("3"), or by each from there on ("3+"). A process that is killed does not get to do it."""

    def __init__(self, pid: int, call: str, when: str, what: str) -> None:
        self._trace = WORLD / f"trace.{pid}"
        self._process = subprocess.Popen(
            ["strace", "-f", "-qqq", "-o", self._trace, "-p", str(pid), *injection(call, when, what)],
            stdin=subprocess.DEVNULL,
        )
        wait_until(lambda: self._process.pid in self._tracers(pid), "strace is attached")
        # It may still be about to stop the process for the first time.
        time.sleep(0.02)

    @staticmethod
    def _tracers(pid: int) -> list[int]:
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return []
        return [int(line.split()[1]) for line in status.splitlines() if line.startswith("TracerPid:")]

    def has_stopped(self) -> bool:
        """The process has made the system call, and stands still behind it for as long as we are attached."""
        return "stopped by SIGSTOP" in self._trace.read_text(errors="replace")

    def detach(self) -> bool:
        """Whether it has happened."""
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait(10)
        return "(INJECTED)" in self._trace.read_text(errors="replace")


def injection(call: str, when: str, what: str) -> list[str]:
    """Arguments of strace."""
    return ["-e", f"trace={call}", "-e", f"inject={call}:{what}:when={when}"]


@contextmanager
def database() -> Iterator[sqlite3.Connection]:
    """A copy of kratosd's database as it is on its disk, also if kratosd was killed."""
    with tempfile.TemporaryDirectory() as folder:
        for suffix in "", "-wal":
            source = STATE / f"kratosd.db{suffix}"
            if source.exists():
                shutil.copy(source, Path(folder, source.name))
        connection = sqlite3.connect(Path(folder, "kratosd.db"))
        connection.row_factory = sqlite3.Row
        try:
            yield connection
        finally:
            connection.close()


def _read_rows() -> list[Json]:
    with database() as db:
        if not db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'session'").fetchone():
            return []
        found = db.execute("SELECT * FROM session ORDER BY posted").fetchall()
    return [dict(row) | {"state": STATES[row["state"]]} for row in found]


def rows() -> list[Json]:
    """The rows that stand for sessions."""
    for _ in range(20):
        try:
            return _read_rows()
        except sqlite3.DatabaseError:
            time.sleep(0.02)  # it was copied while it was being written
    return _read_rows()


def known_rows() -> list[Json]:
    """Those of which a Kratos session is known."""
    return [row for row in rows() if row["session"]]


def change_rows(statement: str, *values: Json) -> None:
    """Changes the database of a daemon that does not run."""
    connection = sqlite3.connect(STATE / "kratosd.db")
    with connection:
        connection.execute(statement, values)
    connection.close()
    for path in STATE.iterdir():
        shutil.chown(path, "kratosd", "kratosd")


@contextmanager
def mounted(*arguments: str) -> Iterator[None]:
    """With something mounted, which kratosd no longer uses at the end."""
    subprocess.run(["mount", *arguments], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", arguments[-1]], check=True)


def local_user_logs_in() -> None:
    stack = "".join(
        f"{phase} [success=done user_unknown=ignore ignore=ignore default=die] pam_kratos.so\n"
        f"{phase} required pam_unix.so\n"
        for phase in ("auth", "account", "session")
    )
    pam.pam_service("crash-local", stack)
    operations = ["authenticate", "acct_mgmt", "open_session", "close_session"]
    begun = time.monotonic()
    run = pam.run("crash-local", "lokal", operations, [LOCAL_PASSWORD])
    assert run.status == 0 and time.monotonic() - begun < 2, run.output


def refused(program: Program) -> None:
    assert program.finish().tester.status == 1
    assert UNAVAILABLE in program.result, program.tester.output
