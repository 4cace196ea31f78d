"""People who sit in a login session, as logind knows it: the stand-in for logind, and what is left at
Kratos of what they do there."""

import os
import pwd
import subprocess
import time
from pathlib import Path
from typing import Any

from world.kratos import Identity, Kratos
from world.paths import WORLD
from world.processes import Service, wait_until

SOURCE = Path(__file__).resolve().parent / "logind.c"
PROGRAM = WORLD / "logind"
SCRIPT = WORLD / "logind.script"
NAME = "org.freedesktop.login1"

# What kratosd grants logind, and some time for a busy machine.
WAITED_FOR_SEC = 0.5
NOT_WAITED_FOR_SEC = 1.5

Json = Any


def _names() -> str:
    return subprocess.run(
        ["busctl", "list", "--acquired", "--no-legend"], capture_output=True, text=True, check=True
    ).stdout


class Logind(Service):
    """Answers as it is told, of processes that were said to be in a session."""

    def __init__(self) -> None:
        super().__init__("logind")
        self.lines: list[str] = []
        flags = ["-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror"]
        subprocess.run(["cc", *flags, "-o", PROGRAM, SOURCE, "-lsystemd"], check=True)
        self._write()

    def start(self) -> None:
        self.spawn([str(PROGRAM), str(SCRIPT)], env={})
        wait_until(lambda: NAME in _names(), "logind is on the bus")

    def _write(self) -> None:
        new = SCRIPT.with_suffix(".new")
        new.write_text("".join(line + "\n" for line in self.lines))
        os.replace(new, SCRIPT)

    def place(
        self,
        pid: int,
        user: str,
        *,
        leader: int | None = None,
        since: float = 0.0,
        state: str = "active",
    ) -> None:
        """A process, with those below it, is in a session of a user that a leader, or else the process
        itself, has made now, or so many seconds from now."""
        uid = pwd.getpwnam(user).pw_uid
        usec = int((time.clock_gettime(time.CLOCK_MONOTONIC) + since) * 1e6)
        self.lines.append(f"{pid} {leader or pid} {uid} {usec} {state}")
        self._write()

    def forget(self) -> None:
        self.lines = []
        self._write()

    def misbehave(self, how: str) -> None:
        self.lines.insert(0, how)
        self._write()


def told(session: Json) -> tuple[str, str]:
    return session["id"], session["authenticated_at"]


def only(kratos: Kratos, person: Identity) -> Json:
    """The one active session, which is this person's; nobody has any other."""
    (session,) = kratos.active_sessions()
    assert session["identity"]["id"] == person.id
    return session
