"""Many logins at once: each gets its own verdict and its own session, and none is left behind."""

import re
import sqlite3
import subprocess
from collections.abc import Iterator

import pytest

from world import pam
from world.daemon import Daemon
from world.journal import Journal
from world.kratos import Identity, Kratos
from world.paths import STATE
from world.processes import wait_until

SERVICE = "burst"
RIGHT, WRONG = 64, 16
NAMES = [f"person{number:02}" for number in range(RIGHT + WRONG)]
PAM_SUCCESS, PAM_AUTH_ERR = 0, 7

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def burst(burst_program: str) -> str:
    with open("/etc/passwd", "a") as passwd:
        for uid, name in enumerate(NAMES, 3000):
            passwd.write(f"{name}:x:{uid}:{uid}::/:/bin/sh\n")
    pam.pam_service(SERVICE, pam.ONLY_US)
    return burst_program


@pytest.fixture
def people(durable_daemon: Daemon, durable_kratos: Kratos) -> dict[str, Identity]:
    """Each has a password of their own, and is mapped. Whether they have a second factor is not asked: that
    takes two more requests for each, and Kratos, on a slow machine, has no time for so many in ten seconds."""
    durable_daemon.configure(**{f"Service {SERVICE}": {"RequireAAL": "aal1"}})
    durable_daemon.restart()
    found = {name: durable_kratos.create_identity(name, f"secret-of-{name}") for name in NAMES}
    for name, identity in found.items():
        durable_daemon.map(name, identity.id)
    return found


def address(name: str) -> str:
    return f"192.0.2.{NAMES.index(name) + 1}"


class Burst:
    """All of NAMES log in at once; those in `wrong` with the password of somebody else who does."""

    def __init__(self, program: str, people: dict[str, Identity], wrong: list[str]) -> None:
        self.wrong = wrong
        self.right = [name for name in NAMES if name not in wrong]
        self._passwords = {name: people[name].password for name in self.right}
        self._passwords |= {name: people[other].password for name, other in zip(wrong, self.right)}
        self._process = subprocess.Popen(
            [program, SERVICE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def log_in(self) -> dict[str, int]:
        """Each one's PAM code."""
        assert self._process.stdin and self._process.stdout
        for name in NAMES:
            self._process.stdin.write(f"{name} {address(name)} {self._passwords[name]}\n")
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        lines = [self._process.stdout.readline().split() for _ in NAMES]
        return {name: int(code) for name, code in lines}

    def log_out(self) -> None:
        self._process.stdin.close()
        assert self._process.wait(60) == 0


def check_sessions(kratos: Kratos, burst: Burst, people: dict[str, Identity]) -> dict[str, str]:
    """Each right one has one session, and the process that got it is the one of its user. Returns
    the session ids by user."""
    found: dict[str, str] = {}
    for session in kratos.active_sessions():
        (device,) = session["devices"]
        (by,) = re.findall(rf"\(testhost; {SERVICE}; tty-(\w+)\)$", device["user_agent"])
        owner = session["identity"]
        assert owner["traits"]["username"] == by and owner["id"] == people[by].id
        assert device["ip_address"] == address(by)
        assert by not in found, f"{by} has two sessions"
        found[by] = session["id"]
    assert sorted(found) == sorted(burst.right)
    return found


def check_journal(journal: Journal, since: int, burst: Burst, sessions: dict[str, str]) -> None:
    """The daemon tells of the same users and sessions."""
    for event in "login-granted", "session-opened":
        told = [
            (entry["KRATOSD_USER"], entry["KRATOSD_SESSION"])
            for entry in journal.entries(since, KRATOSD_EVENT=event)
        ]
        assert sorted(told) == sorted(sessions.items()), event
    refused = journal.entries(since, KRATOSD_EVENT="login-refused", KRATOSD_REASON="bad-credentials")
    assert sorted(entry["KRATOSD_USER"] for entry in refused) == sorted(burst.wrong)


@pytest.fixture(params=["first", "last"])
def wrong(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Whose password is wrong: every fifth, counted from one end or the other."""
    yield NAMES[::5] if request.param == "first" else NAMES[::-1][::5]


def test_64_at_once(
    burst: str,
    people: dict[str, Identity],
    wrong: list[str],
    durable_kratos: Kratos,
    durable_daemon: Daemon,
    journal: Journal,
) -> None:
    """Twice in a row, against the same daemon: 64 with the right password, 16 with another's."""
    for _ in range(2):
        since = journal.mark()
        crowd = Burst(burst, people, wrong)
        codes = crowd.log_in()
        assert codes == {
            name: PAM_AUTH_ERR if name in wrong else PAM_SUCCESS for name in NAMES
        }
        assert len(crowd.right) == RIGHT and len(durable_daemon.lifelines()) == RIGHT
        sessions = check_sessions(durable_kratos, crowd, people)
        wait_until(
            lambda: len(journal.entries(since, KRATOSD_EVENT="session-opened")) == RIGHT,
            "the journal has told of every session",
        )
        check_journal(journal, since, crowd, sessions)

        crowd.log_out()
        wait_until(lambda: not durable_kratos.active_sessions(), "no session is left at Kratos", 30)
        assert durable_daemon.lifelines() == []
    durable_daemon.stop()
    with sqlite3.connect(f"file:{STATE}/kratosd.db?mode=ro", uri=True) as store:
        assert store.execute("SELECT count(*) FROM session").fetchone() == (0,)
