"""What the tests of the module share: a program that uses PAM as told, and an imitation of kratosd."""

import shutil
import subprocess
from pathlib import Path

from world import pam
from world.paths import TREE, WORLD
from world.processes import Service, wait_until

HERE = TREE / "tests/pam"
PROGRAMS = WORLD / "open/programs"
FOLDER = WORLD / "open/fake"
ANSWERS = Path("/run/kratosd/answers")

LOGIN = "1" * 32
SECOND_LOGIN = "2" * 32
SESSION = "5" * 32
IDENTITY = "9f425a8d-7efc-4768-8f23-7647a74fdf13"
ERROR = "org.kratosd1.Error."

# A stack in which what PAM returns is what the module returned, also where that is PAM_IGNORE.
EXACT = """\
auth     [default=ok] pam_kratos.so
account  [default=ok] pam_kratos.so
session  [default=ok] pam_kratos.so
"""

PASSWORD_PROMPT = ["{", "kind", "s=password", "text", "s=Password: ", "echo", "b=0", "}"]
CODE_PROMPT = ["{", "kind", "s=totp", "text", "s=Code: ", "echo", "b=1", "}"]


def reply(method: str, *values: str) -> str:
    return "\t".join([method, "reply", *values])


def error(method: str, name: str, text: str = "", *words: str) -> str:
    return "\t".join([method, "error", name if "." in name else ERROR + name, text, *words])


BEGIN = reply("BeginLogin", f"s={LOGIN}", *PASSWORD_PROMPT)
GRANTED = reply("Answer", "s=granted", "{", "}")
ASK_CODE = reply("Answer", "s=prompt", *CODE_PROMPT)
ACCOUNT_OK = reply("CheckAccount", "s=ok", "s=")
OPENED = reply("OpenSession", f"s={SESSION}", "h=fifo")
NORMAL = [BEGIN, GRANTED, ACCOUNT_OK, OPENED, reply("CancelLogin"), reply("CloseSession")]


class FakeDaemon(Service):
    """The imitation, as the user kratosd or another."""

    def __init__(self) -> None:
        super().__init__("fake-daemon")
        self._begun_at = 0

    def start(self, *lines: str, user: str = "kratosd", names: tuple[str, ...] = ()) -> None:
        """Starts it with lines that come before those of a normal login."""
        first = {line.split("\t")[0] for line in lines}
        whole = [*lines, *(line for line in NORMAL if line.split("\t")[0] not in first)]
        ANSWERS.mkdir(parents=True, exist_ok=True)
        shutil.chown(ANSWERS, user)
        script = FOLDER / "script"
        script.write_text("".join(line + "\n" for line in whole))
        self.kill()
        self._begun_at = self.log_file.stat().st_size if self.log_file.exists() else 0
        self.spawn([str(PROGRAMS / "fake-daemon"), str(script), *names], user=user, cwd=str(FOLDER))
        wait_until(lambda: "ready" in self.calls(), "the imitation of kratosd is ready")

    def calls(self) -> list[str]:
        """What it was asked, a line for each call."""
        with self.log_file.open("rb") as file:
            file.seek(self._begun_at)
            return file.read().decode(errors="replace").splitlines()

    def asked(self) -> list[str]:
        """The methods that were called, in order."""
        return [line.split()[0] for line in self.calls()[1:]]


class Driver:
    """The program that uses PAM. Its lines are sent at once, or as the test goes on."""

    def __init__(
        self,
        user: int | None = None,
        env: dict[str, str] | None = None,
        prefix: tuple[str, ...] = (),
        program: Path = PROGRAMS / "driver",
    ) -> None:
        self.process = subprocess.Popen(
            [*prefix, str(program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
            cwd="/",
            env={"PATH": "/usr/bin:/bin"} | pam.sanitizer_environment() | (env or {}),
        )

    @property
    def pid(self) -> int:
        return self.process.pid

    def send(self, *lines: str) -> "Driver":
        self.process.stdin.write("".join(line + "\n" for line in lines).encode())
        self.process.stdin.flush()
        return self

    def read(self) -> str:
        """The next line."""
        return self.process.stdout.readline().decode().rstrip("\n")

    def expect(self, line: str) -> "Driver":
        """Reads the next line, which must be this."""
        read = self.read()
        assert read == line, (read, line)
        return self

    def finish(self) -> list[str]:
        """Ends the input, and returns all further output."""
        output, errors = self.process.communicate(timeout=60)
        assert not errors, errors.decode()
        return output.decode(errors="replace").splitlines()


def drive(*lines: str, **further) -> list[str]:
    """Runs lines to their end. Returns the output, which includes how the program ended if badly."""
    driver = Driver(**further)
    output = driver.send(*lines).finish()
    if driver.process.returncode != 0:
        output.append(f"ended: {driver.process.returncode}")
    return output


def login(user: str = "alice", *answers: str) -> list[str]:
    """The lines of a whole login, and logout."""
    answers = tuple(f"answer {answer}" for answer in answers or ("right",))
    return [
        f"start driver {user}", "authenticate", *answers, "acct_mgmt", "setcred", "open_session",
        "close_session", "setcred delete", "end",
    ]  # fmt: skip


WHOLE = [
    "hidden: Password: ",
    "authenticate: SUCCESS",
    "acct_mgmt: SUCCESS",
    "setcred: SUCCESS",
    "open_session: SUCCESS",
    "close_session: SUCCESS",
    "setcred: SUCCESS",
]


# What somebody gets to see, and the program, where nobody can be asked.
UNAVAILABLE = ["error: The login server cannot be asked now.", "authenticate: AUTHINFO_UNAVAIL"]


def result(output: list[str], call: str) -> str:
    """What a call of PAM returned, the last time."""
    found = [line.partition(": ")[2] for line in output if line.startswith(call + ": ")]
    assert found, output
    return found[-1]


def spent(output: list[str], call: str) -> tuple[str, float]:
    """The result of a call, and its seconds."""
    code, milliseconds = result(output, call).split()
    return code, int(milliseconds) / 1000
