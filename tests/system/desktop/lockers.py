"""Screen lockers, which run as the person whose screen they lock, in a session that lightdm began."""

import time

from lightdm import Lightdm
from screens import PATIENCE

from world.processes import wait_until


class Locker:
    """A person's screen that can be locked. name: the program, and the PAM service."""

    name = ""

    def __init__(self, screen: Lightdm, person: str) -> None:
        self.screen, self.box, self.person = screen, screen.box, person

    def lock(self) -> "Locker":
        """Locks, and waits until a password can be typed."""
        raise NotImplementedError

    @property
    def locked(self) -> bool:
        return self._runs(self.name)

    def _runs(self, program: str) -> bool:
        # The shell in which it was started does not look after it at once when it has ended.
        alive = ["pgrep", "--runstates=D,R,S,T", "-x", program]
        return self.box.run(*alive, check=False).returncode == 0

    def _refusals(self) -> int:
        """How often our module has said no to it."""
        log = self.box.run("journalctl", "--quiet", "--output=cat", check=False).stdout
        return log.count(f"pam_kratos({self.name}:auth): refused {self.person}:")

    def refused(self, password: str) -> float:
        """Types what does not unlock it. Returns for how long it thought about that."""
        before = self._refusals()
        begun = time.monotonic()
        self.screen.type(password)
        wait_until(lambda: self._refusals() > before, "the locker was told no", PATIENCE)
        took = time.monotonic() - begun
        assert self.locked
        return took

    def unlocked(self, password: str) -> None:
        """Types what does."""
        self.screen.type(password)
        wait_until(lambda: not self.locked, "the screen is unlocked", PATIENCE)


class I3lock(Locker):
    name = "i3lock"
    command = "i3lock --nofork --color=604020"

    def lock(self) -> "I3lock":
        self.screen.type(self.command + " &")
        wait_until(lambda: self.locked, "i3lock runs", PATIENCE)
        # It has no window that tells when it has taken the keyboard.
        time.sleep(2)
        return self

    def refused(self, password: str) -> float:
        took = super().refused(password)
        # It shows "wrong!", and takes nothing meanwhile.
        time.sleep(3)
        return took


class I3lockOfTheUserManager(I3lock):
    """Outside of the session, as desktops do that leave it to systemd."""

    command = "systemd-run --user --collect -E DISPLAY -E XAUTHORITY " + I3lock.command
