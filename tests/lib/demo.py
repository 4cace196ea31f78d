"""The story that tests/demo tells, inside tests/lib/enter. Every claim is checked."""

import contextlib
import os
import pwd
import re
import signal
import sys
import textwrap
from typing import Any

from world import pam, processes
from world.bus import Bus
from world.daemon import Daemon
from world.journal import Journal
from world.kratos import Identity, Kratos
from world.pam import GATED, Gate, Pamtester
from world.processes import wait_until
from world.ssh import Sshd, SshSession

PASSWORD = "correct horse battery staple"
REVOKED_WITHIN = 10.0


def say(text: str) -> None:
    print(textwrap.fill(text, 100, initial_indent="  ", subsequent_indent="    "), flush=True)


def title(text: str) -> None:
    print(f"\n{text}", flush=True)


def claim(truth: object, text: str) -> None:
    """Tells something that is so, or ends the story."""
    if not truth:
        raise AssertionError(f"not so: {text}")
    say(text)


class Story:
    def __init__(self) -> None:
        self.journal = Journal()
        self.bus = Bus()
        self.kratos = Kratos()
        self.daemon = Daemon(self.kratos)
        self.sshd = Sshd()
        self.alice = Identity("", "", "")

    def begin(self) -> None:
        self.journal.start()
        self.kratos.start()
        self.alice = self.kratos.create_identity("alice", PASSWORD)
        self.daemon.map("alice", self.alice.id)
        self.bus.start()
        self.daemon.start()
        pam.pam_service("sshd")
        pam.pam_service("demo", GATED)
        title("A real Kratos, a system bus with our policy, and kratosd run, in namespaces of their own.")
        say(f"Kratos at {self.kratos.public_url} has one identity, alice ({self.alice.id}).")
        user = pwd.getpwuid(processes.user_of(self.daemon.pid)).pw_name
        claim(user == "kratosd", f"kratosd runs as its own user {user}. /etc/kratosd/local-users maps alice.")
        self.no_session()

    def end(self) -> None:
        self.sshd.stop()
        assert self.daemon.stop() == 0
        self.bus.stop()
        self.kratos.stop()

    # What Kratos's own API says.

    def no_session(self) -> None:
        claim(not self.kratos.active_sessions(self.alice.id), "Kratos: alice has no active session.")

    def one_session(self, address: str) -> dict[str, Any]:
        found = self.kratos.active_sessions(self.alice.id)
        if len(found) != 1:
            raise AssertionError(f"alice has {len(found)} active sessions: {found}")
        (session,) = found
        (device,) = session["devices"]
        agent = re.sub(r"^[0-9a-f]{32} ", "", device["user_agent"])
        claim("kratosd/" in agent, f"Kratos: alice has one active session, {session['id']},")
        claim(device["ip_address"] == address, f"  from {device['ip_address']}, by {agent}.")
        return session

    def over(self, session: dict[str, Any]) -> None:
        wait_until(
            lambda: not self.kratos.session(session["id"])["active"],
            f"Kratos's session {session['id']} is not active",
            REVOKED_WITHIN,
        )
        if self.kratos.active_sessions(self.alice.id):
            raise AssertionError("another session is active")
        say("Kratos: that session is not active any more, and alice has no other.")

    # The chapters.

    def pamtester(self) -> None:
        title("1. pamtester logs alice in, as a PAM program would.")
        gate = Gate()
        operations = ["authenticate", "acct_mgmt", "open_session", "close_session"]
        items = {"rhost": "192.0.2.10", "tty": "demo-terminal"}
        run = Pamtester("demo", "alice", operations, [PASSWORD], items=items).answer()
        gate.wait(run.pid)
        say("authenticate, acct_mgmt and open_session have succeeded.")
        session = self.one_session("192.0.2.10")
        gate.open()
        run.finish()
        claim(run.status == 0, "close_session has succeeded.")
        self.over(session)

    def ssh(self, number: int, methods: str, option: str) -> None:
        title(f"{number}. ssh through a real sshd, {option}.")
        self.sshd.start(
            PasswordAuthentication="yes" if methods == "password" else "no",
            KbdInteractiveAuthentication="no" if methods == "password" else "yes",
        )
        login = SshSession("alice", methods=methods).login(PASSWORD)
        claim(login.run("id -un") == "alice", "alice has typed her password and has a shell.")
        variables = login.run("env")
        claim("KRATOS" not in variables, "Her environment holds nothing of ours.")
        session = self.one_session("127.0.0.1")
        login.logout()
        claim(login.status == 0, "She has logged out.")
        self.over(session)
        self.sshd.stop()

    def wrong_password(self) -> None:
        title("4. A wrong password.")
        self.sshd.start()
        mark = self.journal.mark()
        SshSession("alice").answer("wrong").refused()
        say("ssh: Permission denied.")
        entry = self.journal.wait(mark, KRATOSD_EVENT="login-refused", KRATOSD_USER="alice")
        claim(entry["KRATOSD_REASON"] == "bad-credentials", f"The journal: {entry}")
        self.no_session()

    def killed(self) -> None:
        title("5. A login whose processes are killed with kill -9.")
        login = SshSession("alice").login(PASSWORD)
        session = self.one_session("127.0.0.1")
        victims = processes.descendants(self.sshd.pid)
        names = ", ".join(processes.command_line(pid)[0].split(" [")[0] for pid in victims)
        for pid in victims:
            # With one of them others may have ended.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        say(f"Killed: {names}.")
        login.finish()
        self.over(session)
        entry = self.journal.wait(KRATOSD_EVENT="session-revoked", KRATOSD_SESSION=session["id"])
        say(f"The journal: {entry['MESSAGE']}")

    def tell(self) -> None:
        self.begin()
        self.pamtester()
        self.ssh(2, "password", "PasswordAuthentication")
        self.ssh(3, "keyboard-interactive", "keyboard-interactive authentication")
        self.wrong_password()
        self.killed()
        self.end()


def main() -> None:
    story = Story()
    try:
        story.tell()
    except Exception as fault:
        print(f"\ndemo: FAILED: {fault}")
        for name, text in {
            "kratosd's log": story.daemon.log(),
            "the journal": story.journal.text_file(),
        }.items():
            print(f"\n{name}:\n{text[-6000:] or '(empty)'}")
        sys.exit(1)
    print("\ndemo: passed")


if __name__ == "__main__":
    main()
