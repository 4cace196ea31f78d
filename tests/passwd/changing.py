"""passwd on a terminal, prompt by prompt, and what Kratos takes afterwards."""

from pathlib import Path
from typing import Any

import pexpect
from factors import PASSWORD, Person
from programs import Terminal

from world import pam
from world.kratos import Kratos
from world.paths import WORLD

NEW = "a wholly new one of alice"

CURRENT = "Current password: "
FIRST, AGAIN = "New password: ", "Retype new password: "

CHANGED = "password updated successfully"
UNCHANGED = "password unchanged"
WRONG = "Authentication failure"
ERROR = "Authentication token manipulation error"
AWAY = "Failed preliminary check by password service"
DENIED = "Permission denied"

SHORT = "The password must be at least 6 characters long, but got 3."
SIMILAR = "The password can not be used because it is too similar to the identifier."
DIFFERENT = "Sorry, passwords do not match."
SAME = "That is the password that you have already."
ROOT = "Only the person can change this password, or an administrator of Kratos at Kratos."
UNKNOWN = "Kratos did not say whether the password was changed."
UNREACHABLE = "The password cannot be changed now. It is unchanged."


def watched(argv: list[str], user: str) -> list[str]:
    """The like under the sanitizers. A setuid program takes nothing to be preloaded from its environment:
    so it finds that in a file of /etc, which is there for it alone."""
    environment = pam.sanitizer_environment()
    preload, options = WORLD / "open" / "preload", environment["ASAN_OPTIONS"]
    preload.write_text(environment["LD_PRELOAD"] + "\n")
    Path("/etc/ld.so.preload").touch()
    script = f'mount --bind {preload} /etc/ld.so.preload; exec "$@"'
    person = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"]
    home = "/root" if user == "root" else f"/home/{user}"
    variables = [f"ASAN_OPTIONS={options}", f"HOME={home}", f"USER={user}", f"LOGNAME={user}"]
    return ["unshare", "--mount", "sh", "-ec", script, "sh", *person, "env", *variables, *argv]


class Passwd(Terminal):
    """passwd, run by a person, for themselves unless told otherwise."""

    def __init__(self, *arguments: str, user: str = "alice", program: str = "passwd", **further: Any) -> None:
        argv = [program, *arguments]
        if pam.sanitized:
            argv, user = watched(argv, user), "root"
        super().__init__(*argv, user=user, **further)

    def asked(self, prompt: str) -> "Passwd":
        found = self.child.expect_exact([prompt.encode(), pexpect.EOF])
        self.output += ((self.child.before or b"") + prompt.encode() * (found == 0)).decode()
        assert found == 0, f"{prompt!r} was not asked:\n{self.output}"
        return self

    def say(self, answer: str) -> "Passwd":
        self.child.sendline(answer)
        return self

    def current(self, password: str = PASSWORD) -> "Passwd":
        return self.asked(CURRENT).say(password)

    def new(self, password: str = NEW, again: str | None = None) -> "Passwd":
        return self.asked(FIRST).say(password).asked(AGAIN).say(password if again is None else again)

    def ended(self) -> str:
        """All that was shown since the last prompt."""
        self.child.expect(pexpect.EOF)
        last = (self.child.before or b"").decode().replace("\r\n", "\n").strip()
        self.output += last
        self.child.close()
        self.status = self.child.exitstatus
        assert "Sanitizer" not in self.output, self.output
        return last


def takes(kratos: Kratos, password: str, name: str = "alice") -> bool:
    """Whether Kratos takes a password. The session that this makes is revoked at once."""
    answer = kratos.login(name, password)
    if answer.status != 200:
        assert answer.status == 400, answer
        return False
    token = answer.body["session_token"]
    gone = kratos.public("DELETE", "/self-service/logout/api", {"session_token": token})
    assert gone.status == 204, gone
    return True


def is_unchanged(person: Person) -> bool:
    return takes(person.kratos, PASSWORD) and not takes(person.kratos, NEW)


def is_changed(person: Person, new: str = NEW) -> bool:
    return takes(person.kratos, new) and not takes(person.kratos, PASSWORD)
