"""What a host's own programs say of its people, and what the tests of accounts share by name."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from world.daemon import Daemon
from world.journal import Entry, Journal
from world.processes import wait_until
from world.ssh import make_keys

# How long a change at Kratos may take until it is seen here, where it is asked every second: the
# timer's own accuracy and a loaded machine are in it.
SEEN_WITHIN_SEC = 15.0

QUICK: dict[str, Any] = {
    "Accounts": {"RefreshSec": "1s", "RefreshOpenSec": "1s"},
    "Access": {"FreshSec": "0"},
}


def run(*argv: str, **further: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, capture_output=True, text=True, **further)


def getent(*argv: str) -> str:
    """What getent prints; "" for what is not found."""
    return run("getent", *argv).stdout.strip()


def passwd(name: str | int) -> list[str]:
    """The seven fields, or [] for nobody."""
    line = getent("passwd", str(name))
    return line.split(":") if line else []


def uid(name: str) -> int:
    return int(passwd(name)[2])


def groups(name: str) -> set[str]:
    """As initgroups(3) gives them; the empty set for nobody."""
    return set(run("id", "-Gn", name).stdout.split())


def seen(predicate: Callable[[], Any], what: str) -> Any:
    """Waits until a change at Kratos has come to this host."""

    def slowly() -> Any:
        return predicate() or time.sleep(0.1)

    return wait_until(slowly, what, SEEN_WITHIN_SEC)


def a_round_later(seconds: float = 3.5) -> None:
    """Lets so much time pass that Kratos was asked again, for what must not change by it."""
    time.sleep(seconds)


def client_key() -> str:
    """The line of the key with which SshSession(key=True) logs in."""
    return make_keys()


def ssh_keys(name: str) -> list[str]:
    """The lines that sshd is given, which are the same by either command."""
    printed = {
        done.stdout
        for done in (run("userdbctl", "ssh-authorized-keys", name), run("kratosd", "--ssh-keys", name))
    }
    assert len(printed) == 1, printed
    return printed.pop().splitlines()


def told(journal: Journal, *parts: str) -> list[str]:
    """Messages of the daemon's in which all of these stand."""
    return [
        entry["MESSAGE"]
        for entry in journal.entries()
        if entry["SYSLOG_IDENTIFIER"] == "kratosd" and all(part in entry["MESSAGE"] for part in parts)
    ]


def hears(journal: Journal, *parts: str) -> list[str]:
    """The like, when the first of them has come: the journal is read beside the test."""
    return wait_until(lambda: told(journal, *parts), f"a message with {parts}")


def refused(journal: Journal, user: str, reason: str) -> Entry:
    return journal.wait(KRATOSD_EVENT="login-refused", KRATOSD_USER=user, KRATOSD_REASON=reason)


def add_line(path: str, line: str) -> None:
    with Path(path).open("a") as file:
        file.write(line + "\n")


def remove_line(path: str, line: str) -> None:
    lines = Path(path).read_text().splitlines()
    Path(path).write_text("".join(one + "\n" for one in lines if one != line))


def command(option: str, argument: str) -> subprocess.CompletedProcess[str]:
    """The administrator's kratosd --add-account and --unpin."""
    return run("/usr/sbin/kratosd", option, argument, cwd="/")


def wipe(daemon: Daemon) -> None:
    """Another host: the same configuration, and no state."""
    settings = daemon.settings
    daemon.stop()
    daemon.fresh()
    daemon.settings = settings
    daemon.configure()
    daemon.start()
