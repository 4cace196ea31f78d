"""kratosd's bus interface, as a test calls it: as root or as a person, without a PAM program between."""

import fcntl
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from world.daemon import Daemon
from world.processes import wait_until

PROGRAM = Path(__file__).resolve().parent / "caller.py"

MANAGER, USER = "org.kratosd1", "org.kratosd1.User"
PATHS = {MANAGER: "/org/kratosd1", USER: "/org/kratosd1/User"}
INTERFACES = {MANAGER: "org.kratosd1.Manager", USER: "org.kratosd1.User"}
OURS = "org.kratosd1.Error."

SEALED = fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_WRITE
REFUSED_AFTER_SEC = 1.0

SIGNATURES = {
    "BeginLogin": "sa{sv}",
    "Answer": "sh",
    "CancelLogin": "s",
    "CheckAccount": "sa{sv}",
    "OpenSession": "ssa{sv}",
    "CloseSession": "s",
    "ChangePassword": "sh",
}


class Refused(Exception):
    """An error that was answered: kratosd's own without what they all begin with."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{name}: {text}")
        self.name = name.removeprefix(OURS)


class Caller:
    """A process of a user, with one connection to the bus. Root calls the Manager, others the User
    interface, unless told otherwise."""

    def __init__(self, user: str = "root", *, to: str | None = None) -> None:
        self.to = to or (MANAGER if user == "root" else USER)
        self.interface = INTERFACES[self.to]
        self.process = subprocess.Popen(
            [sys.executable, PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            user=user,
            group=user,
            extra_groups=[],
            cwd="/",
        )
        self._lifelines: dict[str, int] = {}

    def order(self, **order: Any) -> list[Any]:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise Refused(answer["error"], answer["text"])
        return answer["values"]

    def call(self, member: str, *arguments: Any, **further: Any) -> list[Any]:
        call = {
            "to": self.to,
            "path": PATHS[self.to],
            "interface": self.interface,
            "member": member,
            "signature": SIGNATURES[member],
            "arguments": arguments,
        }
        return self.order(**call | further)

    def begin(self, user: str = "alice", **context: str) -> str:
        """Returns the login's id."""
        login, prompt = self.call("BeginLogin", user, context)
        assert prompt == {"kind": "password", "text": "Password: ", "echo": False}
        return login

    def answer(
        self, login: str, password: str | bytes, *, kind: str = "memfd", seals: int = SEALED
    ) -> None:
        """Returns if it was granted."""
        data = password.encode() if isinstance(password, str) else password
        if self.to == USER:
            state, prompt = self.call("Answer", login, written=data.hex(), signature="s")
        else:
            state, prompt = self.call("Answer", login, secret=data.hex(), kind=kind, seals=seals)
        assert (state, prompt) == ("granted", {})

    def login(self, user: str, password: str | bytes, **context: str) -> str:
        login = self.begin(user, **context)
        self.answer(login, password)
        return login

    def cancel(self, login: str) -> None:
        self.call("CancelLogin", login)

    def check_account(self, user: str, **context: str) -> tuple[str, str]:
        verdict, message = self.call("CheckAccount", user, context)
        return verdict, message

    def open(self, user: str, login: str, **context: str) -> str:
        """Returns the session's id. The process holds the lifeline."""
        session, lifeline = self.call("OpenSession", user, login, context)
        self._lifelines[session] = lifeline
        return session

    def close(self, session: str) -> None:
        """Closes a session as PAM does: it says so, and then lets go of the lifeline."""
        self.call("CloseSession", session)
        self.drop(session)

    def drop(self, session: str) -> None:
        """Lets go of a lifeline, and says nothing."""
        self.order(drop=self._lifelines.pop(session))

    def end(self) -> None:
        with self.process:
            self.process.kill()


def refusal(call: Callable[..., Any], *arguments: Any, **further: Any) -> str:
    """The name of the error with which a call was refused, or "" if it was not."""
    try:
        call(*arguments, **further)
    except Refused as refused:
        return refused.name
    return ""


def slow_refusal(call: Callable[..., Any], *arguments: Any, **further: Any) -> str:
    """The like, of an answer to a password: all refusals take their time. (rule 35)"""
    begun = time.monotonic()
    name = refusal(call, *arguments, **further)
    took = time.monotonic() - begun
    assert not name or took >= REFUSED_AFTER_SEC, f"{name} after {took:.4f} s"
    return name


def start(daemon: Daemon) -> None:
    """Starts kratosd, or starts it again, and waits until it is on the bus, which is a little later
    than it is ready."""
    if daemon.running:
        daemon.stop()
    daemon.start()
    wait_for_names()


def wait_for_names() -> None:

    def both() -> bool:
        listed = subprocess.run(
            ["busctl", "list", "--acquired", "--no-legend"], capture_output=True, text=True, check=True
        )
        return {MANAGER, USER} <= {line.split()[0] for line in listed.stdout.splitlines()}

    wait_until(both, "kratosd is on the bus")
