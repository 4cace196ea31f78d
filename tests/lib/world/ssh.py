"""A real sshd on 127.0.0.1, and ssh as a person at a terminal uses it."""

import os
import subprocess
from pathlib import Path

import pexpect

from world import processes
from world.paths import WORLD
from world.processes import Service, wait_until

FOLDER = WORLD / "ssh"
PORT = 22
SHELL_PROMPT = r"\[\w+@testhost\][$#] "
ASKED = r"[Pp]assword: ?"

SSHD = {
    "Port": str(PORT),
    "ListenAddress": "127.0.0.1",
    "HostKey": str(FOLDER / "host_key"),
    "PidFile": "none",
    "UsePAM": "yes",
    "PermitRootLogin": "no",
    "PasswordAuthentication": "yes",
    "KbdInteractiveAuthentication": "yes",
    "PubkeyAuthentication": "yes",
    "AuthorizedKeysFile": str(FOLDER / "authorized_keys"),
    "PrintMotd": "no",
    "PrintLastLog": "no",
    "LogLevel": "VERBOSE",
    "UseDNS": "no",
}


def make_keys() -> str:
    """Makes the keys of server and client where there are none. Returns the client's public one."""
    FOLDER.mkdir(mode=0o755, exist_ok=True)
    for key in "host_key", "client_key":
        if not (FOLDER / key).exists():
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", FOLDER / key], check=True
            )
    return (FOLDER / "client_key.pub").read_text().strip()


class Sshd(Service):
    """sshd. Its keywords are SSHD, and what a test sets before it starts."""

    def __init__(self) -> None:
        super().__init__("sshd")
        self.options: dict[str, str] = {}
        (FOLDER / "authorized_keys").write_text(make_keys() + "\n")

    def start(self, **options: str) -> None:
        """Starts it with further keywords, and returns when it listens."""
        self.options = options
        lines = [f"{key} {value}" for key, value in (SSHD | options).items()]
        (FOLDER / "sshd_config").write_text("\n".join(lines) + "\n")
        self.spawn(
            ["/usr/sbin/sshd", "-D", "-e", "-f", str(FOLDER / "sshd_config")],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"},
        )
        wait_until(lambda: self._listens() or not self.running, "sshd listens")
        assert self.running, self.log()

    @staticmethod
    def _listens() -> bool:
        listening = f":{PORT:04X} 00000000:0000 0A"
        return listening in Path("/proc/net/tcp").read_text()

    def monitors(self) -> list[int]:
        """Its privileged children, one for each connection."""
        return processes.children(self.pid)


def _options(methods: str, log_level: str, key: bool, prompts: int) -> dict[str, str]:
    """What our clients are told, whoever runs them. Methods and the like are those of SshSession."""
    return {
        "StrictHostKeyChecking": "no",
        "UserKnownHostsFile": "/dev/null",
        "GlobalKnownHostsFile": "/dev/null",
        "LogLevel": log_level,
        "NumberOfPasswordPrompts": str(prompts),
        "PreferredAuthentications": "publickey" if key else methods,
        "PubkeyAuthentication": "yes" if key else "no",
        "IdentitiesOnly": "yes",
        "IdentityFile": str(FOLDER / "client_key"),
    }


def _words(options: dict[str, str]) -> list[str]:
    return ["-F", "none", *(word for key, value in options.items() for word in ("-o", f"{key}={value}"))]


def start_client(
    program: str, *arguments: str, password: str | None = None, methods: str = "password"
) -> subprocess.Popen[str]:
    """ssh, scp or sftp as a script runs them, with its three pipes and no terminal; with our key, unless
    there is a password, which is then what it says to whatever it is asked."""
    helper = FOLDER / "askpass"
    helper.write_text("#!/bin/sh\nprintf '%s\\n' \"$ANSWER\"\n")
    helper.chmod(0o755)
    options = _options(methods, "ERROR", password is None, 1) | {"BatchMode": "no"}
    return subprocess.Popen(
        [program, *_words(options), *arguments],
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "ANSWER": password or ""}
        | {"SSH_ASKPASS": str(helper), "SSH_ASKPASS_REQUIRE": "force"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",
        start_new_session=True,
    )


class SshSession:
    """One ssh client on a terminal. Methods that wait return the session itself."""

    def __init__(
        self,
        user: str,
        command: str | None = None,
        *,
        methods: str = "password",
        log_level: str = "ERROR",
        key: bool = False,
        prompts: int = 1,
        timeout: float = 20.0,
        source: str | None = None,
    ) -> None:
        """methods is PreferredAuthentications: password, keyboard-interactive; key uses ours; what the
        server has to say shows only from log_level INFO on; source is the address from which it comes,
        one of 127.0.0.0/8."""
        argv = [*_words(_options(methods, log_level, key, prompts)), "-tt", "-p", str(PORT)]
        argv += ["-b", source] if source else []
        argv += [f"{user}@127.0.0.1"] + ([command] if command else [])
        self.user = user
        self.output = ""
        self.status: int | None = None
        self.child = pexpect.spawn(
            "ssh",
            argv,
            env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TERM": "dumb"},
            timeout=timeout,
            cwd="/",
            dimensions=(24, 200),
        )
        self.child.delaybeforesend = 0.02

    def _expect(self, *patterns) -> int:
        found = self.child.expect([*patterns])
        before = self.child.before or b""
        after = self.child.after if isinstance(self.child.after, bytes) else b""
        self.output += (before + after).decode(errors="replace").replace("\r\n", "\n")
        return found

    def asks(self) -> bool:
        """Waits until a password is asked for, or until it is clear that none will be."""
        return self._expect(ASKED, pexpect.EOF) == 0

    def asked(self) -> "SshSession":
        """Waits until a password is asked for."""
        if not self.asks():
            raise AssertionError(f"ssh ended without a prompt:\n{self.output}")
        return self

    def type(self, line: str | bytes) -> "SshSession":
        self.child.sendline(line)
        return self

    def answer(self, password: str | bytes) -> "SshSession":
        return self.asked().type(password)

    def shell(self) -> "SshSession":
        """Waits for the shell's prompt."""
        if self._expect(SHELL_PROMPT, ASKED, pexpect.EOF) != 0:
            raise AssertionError(f"no shell, but:\n{self.output}")
        return self

    def login(self, password: str | bytes) -> "SshSession":
        """Answers the password prompt and waits for a shell."""
        return self.answer(password).shell()

    def run(self, command: str) -> str:
        """Runs a command in the shell. Returns what it printed."""
        self.child.sendline(command)
        before = len(self.output)
        self.shell()
        printed = self.output[before:].split("\n")[1:-1]
        return "\n".join(printed)

    def shell_pid(self) -> int:
        return int(self.run("echo $$"))

    def refused(self) -> "SshSession":
        """Waits for the end, which must be a refusal of the server's."""
        self.finish()
        assert self.status == 255 and "Permission denied" in self.output, self.output
        return self

    def logout(self) -> "SshSession":
        self.child.sendline("exit")
        return self.finish()

    def finish(self) -> "SshSession":
        """Waits until the client has ended; status is its exit status, negative for a signal."""
        self._expect(pexpect.EOF)
        self.child.close()
        signal = self.child.signalstatus
        self.status = -signal if signal is not None else self.child.exitstatus
        return self

    def kill(self) -> "SshSession":
        """kill -9 of the client: the connection breaks off."""
        os.kill(self.child.pid, 9)
        return self.finish()
