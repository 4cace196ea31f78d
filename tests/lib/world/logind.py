"""What stands in for systemd-logind on the bus of the world: it knows of the sessions that it was told of."""

import os
import pwd
import subprocess
import time
from pathlib import Path

from world.paths import WORLD
from world.processes import Service, wait_until

SOURCE = Path(__file__).resolve().parent / "logind.c"
PROGRAM = WORLD / "logind"
SCRIPT = WORLD / "logind.script"
NAME = "org.freedesktop.login1"



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
