"""Who must always get in, whatever has become of kratosd, Kratos or the host: root and local people."""

import re
import time

from host import LOCAL_PASSWORD, ROOT_PASSWORD
from world.box import Box
from world.kratos import Identity
from world.ssh import ASKED, SHELL_PROMPT, SshSession

NAME_ASKED = "testhost login: "
# After some refusals Debian 13's login waits before it ends.
REFUSED = f"Login incorrect|{NAME_ASKED}"
# What one login may take on a busy machine where nobody waits for anybody who is not there.
SOON = 5.0


class Console:
    """A person who sits at a machine's console. Between its methods a name is asked for, or a shell is
    there; text is what has been shown since the name was typed."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._child = box.console
        self.text = ""

    def _expect(self, pattern: str, timeout: float = 30.0) -> None:
        self._child.expect(pattern, timeout=timeout)
        self.text += self._child.before + self._child.after

    def login(self, name: str, password: str) -> "Console":
        """Logs in, to a shell."""
        self.text = ""
        self._child.sendline(name)
        self._expect(ASKED)
        self._child.sendline(password)
        self._expect(f"{SHELL_PROMPT}|{NAME_ASKED}")
        assert re.search(SHELL_PROMPT, self.text), self.text
        return self

    def refused(self, name: str, password: str) -> float:
        """Tries to log in, and must not come in, be it before a password is asked for. Returns the
        seconds without the time until that."""
        self.text = ""
        begun = time.monotonic()
        self._child.sendline(name)
        self._expect(f"{ASKED}|{REFUSED}")
        if re.search(ASKED, self.text):
            begun = time.monotonic()
            self._child.sendline(password)
            self._expect(f"{SHELL_PROMPT}|{REFUSED}")
        assert not re.search(SHELL_PROMPT, self.text), self.text
        seconds = time.monotonic() - begun
        if not self.text.endswith(NAME_ASKED):
            self._expect(NAME_ASKED)
        # That was login itself, which ends a minute after its start, whoever is about to log in then.
        self._box.run("systemctl", "restart", "console-getty.service")
        self._child.expect(NAME_ASKED)
        return seconds

    def run(self, command: str) -> str:
        """Runs a command in the shell. Returns what it printed."""
        self._child.sendline(command)
        self._child.expect(SHELL_PROMPT)
        return "\n".join(self._child.before.replace("\r", "").split("\n")[1:-1])

    def logout(self) -> None:
        self._child.sendline("exit")
        self._expect(NAME_ASKED)


def boot_knowing(box: Box, person: Identity) -> None:
    """Switches a machine on, for somebody at its console too, and has a person be there once."""
    box.power_on(console=True)
    assert SshSession(person.username).login(person.password).logout().status == 0


def root_with_a_key() -> float:
    """Logs in over ssh, and out again. Returns the seconds to the shell, as do those below."""
    begun = time.monotonic()
    login = SshSession("root", key=True).shell()
    seconds = time.monotonic() - begun
    assert login.run("id -un") == "root"
    assert login.logout().status == 0
    return seconds


def lokal_with_a_password(*, becomes_root: bool = False) -> float:
    """Over ssh, and from there on to root, as most administrators do."""
    begun = time.monotonic()
    login = SshSession("lokal").login(LOCAL_PASSWORD)
    seconds = time.monotonic() - begun
    if becomes_root:
        _becomes_root(login)
    assert login.run("id -un") == "lokal"
    assert login.logout().status == 0
    return seconds


def _becomes_root(login: SshSession) -> None:
    # What a shell's echo shows of it is not what the terminal waits for.
    commands = {
        "sudo -k -p 'Pass''word: ' id -un": LOCAL_PASSWORD,
        "su -c 'id -un'": ROOT_PASSWORD,
        "su - -c 'id -un'": ROOT_PASSWORD,
    }
    for command, password in commands.items():
        before = len(login.output)
        login.type(command).answer(password).shell()
        assert "\nroot\n" in login.output[before:], login.output[before:]


def on_the_console(box: Box) -> float:
    """Both of them, one after the other: the seconds of the slower one."""
    slowest = 0.0
    for name, password in ("root", ROOT_PASSWORD), ("lokal", LOCAL_PASSWORD):
        begun = time.monotonic()
        console = Console(box).login(name, password)
        slowest = max(slowest, time.monotonic() - begun)
        assert console.run("id -un") == name
        if name == "root":
            assert console.run("su lokal -c 'id -un'") == "lokal"
        console.logout()
    return slowest


def root_and_local_people_get_in(box: Box, within: float = SOON) -> None:
    """Over ssh and on the console, and from one to the other with su and sudo."""
    assert root_with_a_key() < within
    assert lokal_with_a_password(becomes_root=True) < within
    assert on_the_console(box) < within


def told(login: SshSession) -> str:
    """What a person is told by a login over ssh that must end without a shell."""
    login.finish()
    assert not re.search(SHELL_PROMPT, login.output), login.output
    return login.output
