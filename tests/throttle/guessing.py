"""Those who guess, one after another or at once, and what the throttle may let through to Kratos."""

import time
from concurrent.futures import ThreadPoolExecutor

from calling import REFUSED_AFTER_SEC, Caller, Refused
from faultserver import FaultServer
from world.daemon import Daemon
from world.kratos import Identity

AT_ONCE = 20
FREE_TRIES = 5
THROTTLED = "Throttled"
BAD = "BadCredentials"
GRANTED = ""


def allowed(seconds: float, free: int = FREE_TRIES) -> int:
    """Tries that may reach Kratos in so long a time: the free ones, and one after 2 s, 4 s, 8 s …"""
    tries, delay = free, 2.0
    while seconds >= delay:
        seconds -= delay
        tries += 1
        delay *= 2
    return tries


class Scene:
    """kratosd, the server that counts, the people, and programs of root's from which they come."""

    def __init__(self, daemon: Daemon, proxy: FaultServer, people: dict[str, Identity]) -> None:
        self.daemon, self.proxy, self.people = daemon, proxy, people
        self._pool = ThreadPoolExecutor(max_workers=AT_ONCE)
        self._callers: list[Caller] = []

    def end(self) -> None:
        self._pool.shutdown()
        for one in self._callers:
            one.end()
        self._callers = []

    def restart(self) -> None:
        """kratosd, and with it those who talk to it."""
        self.daemon.restart()

    def posts(self) -> int:
        """Passwords that have reached Kratos so far."""
        return len(self.proxy.of("login"))

    def _try(self, caller: Caller, user: str, password: str, context: dict[str, str]) -> tuple[str, str]:
        login = caller.begin(user, **context)
        begun = time.monotonic()
        try:
            caller.answer(login, password)
        except Refused as refused:
            took = time.monotonic() - begun
            assert took >= REFUSED_AFTER_SEC, f"{refused} after {took:.4f} s"
            return refused.name, str(refused).partition(": ")[2]
        caller.cancel(login)
        return GRANTED, ""

    def log_in(self, user: str, *, password: str | None = None, **context: str) -> tuple[str, str]:
        """One try, with the right password unless told otherwise: the error's name, and its text."""
        return self.log_in_at_once(user, [password or self.people[user].password], **context)[0]

    def log_in_at_once(
        self, user: str, passwords: list[str], sources: list[str] | None = None, **context: str
    ) -> list[tuple[str, str]]:
        """So many tries, AT_ONCE of them at a time, each from the next of the sources."""
        while len(self._callers) < min(AT_ONCE, len(passwords)):
            self._callers.append(Caller())
        rounds = [passwords[i : i + AT_ONCE] for i in range(0, len(passwords), AT_ONCE)]
        answers: list[tuple[str, str]] = []
        for some in rounds:
            work = []
            for caller, password in zip(self._callers, some):
                further = dict(context)
                if sources:
                    further["rhost"] = sources[(len(answers) + len(work)) % len(sources)]
                work.append(self._pool.submit(self._try, caller, user, password, further))
            answers += [one.result() for one in work]
        return answers

    def guess(self, user: str, count: int, sources: list[str] | None = None, **context: str) -> list[str]:
        """So many wrong passwords. Returns the names of what was answered."""
        wrong = [f"guess {number}" for number in range(count)]
        return [name for name, _ in self.log_in_at_once(user, wrong, sources, **context)]

    def console(self, user: str) -> str:
        return self.log_in(user, service="login", tty="tty1")[0]

    def from_host(self, user: str, rhost: str) -> str:
        return self.log_in(user, service="sshd", rhost=rhost)[0]
