"""PAM programs and stacks: pamtester on a terminal of its own, and the files of /etc/pam.d."""

import functools
import os
import shutil
import subprocess
import time
from pathlib import Path

import pexpect

from world.paths import TREE, WORLD

FOLDER = Path("/etc/pam.d")
PROMPT = r"Password: ?"

# A stack of only us, as strict as it gets.
ONLY_US = """\
auth     required pam_kratos.so
account  required pam_kratos.so
session  required pam_kratos.so
"""

# Holds a program in pam_open_session, after ours has opened the session, until a test lets it go on.
GATE = WORLD / "gate"
GATED = ONLY_US + f"session  optional pam_exec.so quiet {GATE}/wait\n"


def pam_service(name: str, text: str | None = None) -> None:
    """Installs a stack: the text, or the one that the tree ships under that name."""
    if text is None:
        shutil.copy(TREE / "etc/pam" / name, FOLDER / name)
    else:
        (FOLDER / name).write_text(text)

# Whether the installed module is built with ASan; what loads it then needs the library of it first.
sanitized = False


@functools.cache
def _asan() -> str:
    return subprocess.check_output(
        ["clang", f"-print-file-name=libclang_rt.asan-{os.uname().machine}.so"], text=True
    ).strip()


def sanitizer_environment() -> dict[str, str]:
    """What a program needs that loads the installed module."""
    return {"LD_PRELOAD": _asan(), "ASAN_OPTIONS": "detect_leaks=0"} if sanitized else {}


class Gate:
    """Where programs with the stack GATED wait while their session is open."""

    def __init__(self) -> None:
        shutil.rmtree(GATE, ignore_errors=True)
        GATE.mkdir(mode=0o755)
        script = GATE / "wait"
        script.write_text(
            "#!/bin/sh\n"
            '[ "$PAM_TYPE" = open_session ] || exit 0\n'
            f": >{GATE}/reached.$PPID\n"
            f"while [ ! -e {GATE}/open ]; do sleep 0.02; done\n"
        )
        script.chmod(0o755)

    def wait(self, pid: int, timeout: float = 15.0) -> None:
        """Waits until that process has its session open."""
        deadline = time.monotonic() + timeout
        while not (GATE / f"reached.{pid}").exists():
            assert Path(f"/proc/{pid}").exists(), f"process {pid} ended before its session was open"
            assert time.monotonic() < deadline, f"process {pid} has no session open"
            time.sleep(0.01)

    def open(self) -> None:
        (GATE / "open").touch()


class Pamtester:
    """One run of pamtester. The answers are typed one by one at the prompts."""

    def __init__(
        self,
        service: str,
        user: str,
        operations: list[str],
        answers: list[str | bytes] | None = None,
        *,
        prompt: str = PROMPT,
        items: dict[str, str] | None = None,
        env: dict[str, str] | None = None,
        run_as: str | None = None,
        setuid_for: str | None = None,
        timeout: float = 20.0,
    ) -> None:
        """items are PAM items, such as rhost; run_as is a user, for what a screen locker does; setuid_for is
        one who has started it as a program that becomes root, such as su."""
        argv = ["pamtester", *(f"-I{key}={value}" for key, value in (items or {}).items())]
        argv += [service, user, *operations]
        if run_as:
            argv = ["setpriv", f"--reuid={run_as}", f"--regid={run_as}", "--init-groups", *argv]
        if setuid_for:
            argv = ["setpriv", f"--ruid={setuid_for}", *argv]
        self.output = ""
        self.status: int | None = None
        self._prompt = prompt
        self._answers = list(answers or [])
        self.child = pexpect.spawn(
            argv[0],
            argv[1:],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
            | sanitizer_environment()
            | (env or {}),
            timeout=timeout,
            cwd="/",
        )
        # The terminal's echo is switched off by the program itself before it reads a password.
        self.child.delaybeforesend = 0.02

    @property
    def pid(self) -> int:
        return self.child.pid

    def _expect(self, *patterns) -> int:
        found = self.child.expect([*patterns])
        before = self.child.before or b""
        after = self.child.after if isinstance(self.child.after, bytes) else b""
        self.output += (before + after).decode(errors="replace").replace("\r\n", "\n")
        return found

    def answer(self) -> "Pamtester":
        """Types the answers that are left."""
        while self._answers:
            if self._expect(self._prompt.encode(), pexpect.EOF) == 1:
                return self
            answer = self._answers.pop(0)
            self.child.sendline(answer)
        return self

    def prompted(self) -> "Pamtester":
        """Waits for a prompt, and answers nothing."""
        assert self._expect(self._prompt.encode(), pexpect.EOF) == 0, self.output
        return self

    def finish(self) -> "Pamtester":
        """Waits for its end; status is then the exit status, negative for a signal."""
        self.answer()
        self._expect(pexpect.EOF)
        self.child.close()
        status, signal = self.child.exitstatus, self.child.signalstatus
        self.status = -signal if signal is not None else status
        assert "Sanitizer" not in self.output and "runtime error:" not in self.output, self.output
        return self

    def kill(self) -> None:
        os.kill(self.pid, 9)
        self.finish()


def run(service: str, user: str, operations: list[str], answers=None, **further) -> Pamtester:
    """Runs pamtester to its end: output, and status 0 only if every operation succeeded."""
    return Pamtester(service, user, operations, answers, **further).finish()
