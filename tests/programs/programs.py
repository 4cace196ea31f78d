"""Real login programs and the people at them; and what Kratos, the journal and /proc say afterwards."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pexpect
from world import processes
from world.daemon import Daemon
from world.journal import Entry, Journal
from world.kratos import Identity, Kratos
from world.paths import RUNTIME, WORLD
from world.processes import wait_until
from world.ssh import FOLDER, PORT, SHELL_PROMPT, Sshd, SshSession

# What the module hands on between sshd's processes, and nobody else may ever see.
VARIABLE = "KRATOS_LOGIN_ID"

ROOT_PASSWORD = "the password of root"
OPEN_TIMEOUT_SEC = 2.0
REVOKED_WITHIN_SEC = 10.0

# In a test's silence: as long as a wrong revocation, which takes some 20 ms, could need.
A_WHILE_SEC = 0.7

BUS_NAMES = {"org.kratosd1", "org.kratosd1.User"}
CLIENT_CONFIGURATION = WORLD / "open" / "ssh_config"

Json = Any

class Terminal(SshSession):
    """Any program on a terminal of its own, run by a person, who need not be root."""

    def __init__(
        self,
        *argv: str,
        user: str = "root",
        env: dict[str, str] | None = None,
        timeout: float = 25.0,
    ) -> None:
        home = "/root" if user == "root" else f"/home/{user}"
        person = {"HOME": home, "USER": user, "LOGNAME": user, "SHELL": "/bin/bash"}
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        if user != "root":
            argv = ("setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", *argv)
        self.user = user
        self.output = ""
        self.status = None
        self.child = pexpect.spawn(
            argv[0],
            list(argv[1:]),
            env={"PATH": path, "LANG": "C.UTF-8", "TERM": "dumb"} | person | (env or {}),
            timeout=timeout,
            cwd="/",
            dimensions=(24, 200),
        )
        self.child.delaybeforesend = 0.02

    @property
    def pid(self) -> int:
        return self.child.pid

    def sees(self, pattern: str) -> "Terminal":
        """Waits until something is shown."""
        if self._expect(pattern, pexpect.EOF) != 0:
            raise AssertionError(f"ended without {pattern!r}:\n{self.output}")
        return self

    def shell_unless(self, refusal: str) -> "Terminal":
        """Waits for a shell, and does not wait on when it sees a refusal."""
        if self._expect(SHELL_PROMPT, refusal, pexpect.EOF) != 0:
            self.kill()
            raise AssertionError(f"no shell, but:\n{self.output}")
        return self

def client(program: str, *arguments: str, user: str = "root") -> Terminal:
    """ssh, scp or sftp, as configured below; -o comes before."""
    return Terminal(program, "-F", str(CLIENT_CONFIGURATION), *arguments, user=user)

def configure_client(**options: str) -> None:
    """What the OpenSSH clients of the tests read: Host testhost is the world's sshd."""
    settings = {
        "HostName": "127.0.0.1",
        "Port": str(PORT),
        "StrictHostKeyChecking": "no",
        "UserKnownHostsFile": "/dev/null",
        "GlobalKnownHostsFile": "/dev/null",
        "LogLevel": "ERROR",
        "NumberOfPasswordPrompts": "1",
        "PreferredAuthentications": "password",
        "PubkeyAuthentication": "no",
        "IdentitiesOnly": "yes",
        "IdentityFile": str(FOLDER / "client_key"),
    }
    lines = [f"{key} {value}\n" for key, value in (settings | options).items()]
    CLIENT_CONFIGURATION.write_text("Host testhost\n" + "".join(lines))

def console() -> Terminal:
    """login on a terminal, as a getty starts it."""
    return Terminal("/bin/login")

def console_login(name: str, password: str) -> Terminal:
    """Somebody at that console, with a shell. AssertionError if login says no."""
    return name_and_password(console(), name, password).shell_unless("Login incorrect")

def name_and_password(terminal: Terminal, name: str, password: str) -> Terminal:
    return terminal.sees("login: ").type(name).answer(password)

def su(name: str, *options: str, by: str = "bob", **further: Any) -> Terminal:
    """su, run by somebody."""
    return Terminal("su", *options, name, user=by, **further)

def sudo(*arguments: str, by: str = "alice") -> Terminal:
    """sudo, run by somebody, with the prompt that a Terminal waits for."""
    return Terminal("sudo", "-p", "Password: ", *arguments, user=by)

# What Kratos says.

def only_session(kratos: Kratos, person: Identity, service: str, tty: str = "") -> Json:
    """The one active session that there is in all of Kratos, which is this person's."""
    (session,) = kratos.active_sessions()
    assert session["identity"]["id"] == person.id
    (device,) = session["devices"]
    agent = rf"[0-9a-f]{{32}} kratosd/[^ ]+ \(testhost; {service}; {tty or '[^;)]*'}\)"
    assert re.fullmatch(agent, device["user_agent"]), device["user_agent"]
    return session

def is_active(kratos: Kratos, session: Json) -> bool:
    return kratos.session(session["id"])["active"]

def lives_on(kratos: Kratos, *sessions: Json) -> None:
    """These sessions, and no others, are active, and still are after a while."""
    expected = {session["id"] for session in sessions}
    deadline = time.monotonic() + A_WHILE_SEC
    while time.monotonic() < deadline:
        assert {session["id"] for session in kratos.active_sessions()} == expected
        time.sleep(0.1)

def wait_for_active(kratos: Kratos, count: int, timeout: float = REVOKED_WITHIN_SEC) -> list[Json]:
    """Waits until so many sessions are active. It does not ask all the time: a Kratos in memory answers
    500 to what meets another request."""
    found: list[Json] = []

    def as_many() -> bool:
        nonlocal found
        found = kratos.active_sessions()
        return len(found) == count or time.sleep(0.1) is not None

    wait_until(as_many, f"{count} sessions are active", timeout)
    return found


def nothing_left(kratos: Kratos, timeout: float = REVOKED_WITHIN_SEC) -> None:
    """Waits until no session of anybody is active, and no lifeline is left on this host."""
    wait_for_active(kratos, 0, timeout)
    wait_until(lambda: not Daemon.lifelines(), f"no lifeline is left in {RUNTIME}", timeout)

def never_any_session(kratos: Kratos) -> None:
    """Nobody has ever got a session from Kratos in this test."""
    assert kratos.sessions() == []

# What the journal says.

def closed(journal: Journal, session: Json, reason: str) -> Entry:
    """Waits until a session has ended in this way."""
    entry = journal.wait(KRATOSD_EVENT="session-closed", KRATOSD_SESSION=session["id"])
    assert entry["KRATOSD_REASON"] == reason
    return entry

def refused(journal: Journal, user: str, reason: str) -> Entry:
    entry = journal.wait(KRATOSD_EVENT="login-refused", KRATOSD_USER=user)
    assert entry["KRATOSD_REASON"] == reason
    return entry

def events(journal: Journal) -> list[str]:
    """What happened, in its order."""
    return [entry["KRATOSD_EVENT"] for entry in journal.entries() if entry["KRATOSD_EVENT"]]

def lines_of_the_module(journal: Journal) -> list[str]:
    return [
        entry["MESSAGE"] for entry in journal.entries() if entry["MESSAGE"].startswith("pam_kratos(")
    ]

def nobody_was_asked(journal: Journal) -> None:
    """Neither the module nor the daemon has had anything to do with a login."""
    assert (events(journal), lines_of_the_module(journal)) == ([], [])

def on_the_bus(daemon: Daemon) -> Daemon:
    """Waits until the daemon has its names, which is a little after it is ready."""

    def has_both() -> bool:
        listed = subprocess.run(
            ["busctl", "list", "--acquired", "--no-legend"], capture_output=True, text=True, check=True
        )
        return BUS_NAMES <= {line.split()[0] for line in listed.stdout.splitlines() if line}

    wait_until(has_both, "kratosd is on the bus")
    return daemon

# What /proc says.

def holders_of_a_login_id() -> list[str]:
    """Every process of the world in whose environment a login id stands."""
    found = []
    for pid in processes.all_pids():
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if VARIABLE.encode() in environment:
            found.append(f"{processes.command_name(pid)}[{pid}]")
    return found

def no_login_id(shell: SshSession) -> None:
    """No process has a login id in its environment: neither at its exec, nor since, as far as the
    shell can tell."""
    assert holders_of_a_login_id() == []
    # The pattern does not match itself.
    assert shell.run(f"export -p | grep {VARIABLE[:-1]}[D] || echo none") == "none"

def title(pid: int) -> str:
    """What a process calls itself: sshd's processes tell there what they are."""
    return " ".join(processes.command_line(pid)).strip()

class Connection:
    """The processes of one connection with sshd, by what each of them is for."""

    def __init__(self, sshd: Sshd, session: SshSession) -> None:
        self.shell = session.shell_pid()
        (self.monitor,) = [
            pid for pid in sshd.monitors() if self.shell in processes.descendants(pid)
        ]
        (self.child,) = processes.children(self.monitor)
        assert title(self.monitor) == f"sshd: {session.user} [priv]"
        assert title(self.child).startswith(f"sshd: {session.user}@pts/")
        assert processes.parent(self.shell) == self.child
        assert processes.command_name(self.shell) == "bash"

    def all(self) -> list[int]:
        return [self.shell, self.child, self.monitor]

def kill(*pids: int) -> None:
    """kill -9, and waits until they are dead. Several, children before their parents, die at once: none
    has a chance to clean up after another."""
    if len(pids) > 1:
        for pid in reversed(pids):
            os.kill(pid, signal.SIGSTOP)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not any(processes.alive(pid) for pid in pids), "the victims are dead")

def descendant(pid: int, name: str) -> int:
    """The one process of that name below another."""

    def named() -> list[int]:
        return [one for one in processes.descendants(pid) if processes.command_name(one) == name]

    found = wait_until(named, f"there is a {name} below process {pid}")
    assert len(found) == 1, [title(one) for one in found]
    return found[0]
