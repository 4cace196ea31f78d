"""PAM programs that fork: destructors run in children too, and must never end a session. (rule 28)"""

import subprocess
from collections.abc import Iterator

import pytest
from programs import closed, events, lives_on, nothing_left, only_session, wait_for_active
from world import pam
from world.daemon import Daemon
from world.journal import Journal
from world.kratos import Identity, Kratos
from world.paths import TREE, WORLD

SOURCE = TREE / "tests/pam/driver.c"
PROGRAM = WORLD / "open" / "forking-driver"
LOGIN = ["start forking alice", "authenticate", "", "acct_mgmt", "open_session"]


class Driver:
    """A program that uses PAM line by line as it is told."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def tell(self, *lines: str) -> None:
        assert self.process.stdin
        self.process.stdin.write("".join(line + "\n" for line in lines))
        self.process.stdin.flush()

    def says(self, wanted: str) -> None:
        """Waits for a line."""
        assert self.process.stdout
        for line in self.process.stdout:
            if line.rstrip("\n") == wanted:
                return
        raise AssertionError(f"the program ended without {wanted!r}")

    def end(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        assert self.process.wait(10) == 0


@pytest.fixture(scope="module", autouse=True)
def _program() -> None:
    PROGRAM.parent.mkdir(exist_ok=True)
    flags = ["-std=gnu11", "-D_GNU_SOURCE", f"-I{TREE}/common", "-pthread"]
    subprocess.run(["cc", *flags, SOURCE, "-o", PROGRAM, "-lpam"], check=True)
    pam.pam_service("forking", pam.ONLY_US)


@pytest.fixture
def driver(daemon: Daemon, alice: Identity) -> Iterator[Driver]:
    """It has a session of alice's open."""
    driver = Driver()
    login = [f"answer {alice.password}" if not line else line for line in LOGIN]
    driver.tell(*login)
    driver.says("open_session: SUCCESS")
    yield driver
    driver.process.kill()
    driver.process.wait()


@pytest.mark.parametrize("child", [["end"], ["end-silent"], []])
def test_rule_28_a_child_that_ends_revokes_nothing(
    driver: Driver, kratos: Kratos, alice: Identity, journal: Journal, child: list[str]
) -> None:
    """With pam_end, with PAM_DATA_SILENT as children ought to, and without either."""
    session = only_session(kratos, alice, "forking")
    for _ in range(3):
        driver.tell("fork", *child, "exit 0")
        driver.says("child: exit 0")
    lives_on(kratos, session)
    assert events(journal) == ["login-granted", "session-opened"]
    driver.tell("close_session")
    driver.says("close_session: SUCCESS")
    nothing_left(kratos)
    closed(journal, session, "logout")
    driver.tell("end")
    driver.end()


def test_rule_28_the_handle_ends_without_a_close(
    driver: Driver, kratos: Kratos, alice: Identity, journal: Journal
) -> None:
    """The lifeline then ends with the handle."""
    session = only_session(kratos, alice, "forking")
    driver.tell("end")
    nothing_left(kratos)
    closed(journal, session, "lifeline-gone")
    driver.end()


def test_rule_28_a_child_closes_for_its_parent(
    driver: Driver, kratos: Kratos, alice: Identity, journal: Journal
) -> None:
    """close_session says what it means, in whichever process: after it the session is over."""
    session = only_session(kratos, alice, "forking")
    driver.tell("fork", "close_session", "exit 0")
    nothing_left(kratos)
    closed(journal, session, "logout")
    driver.tell("close_session", "end")
    driver.end()


def test_rule_28_a_grant_outlives_a_child_that_ends(
    daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal
) -> None:
    """Between the phases too: what the child's destructors free is its own copy."""
    driver = Driver()
    driver.tell(LOGIN[0], LOGIN[1], f"answer {alice.password}", "fork", "end", "exit 0")
    driver.says("child: exit 0")
    session = only_session(kratos, alice, "forking")
    driver.tell("open_session")
    driver.says("open_session: SUCCESS")
    assert wait_for_active(kratos, 1)[0]["id"] == session["id"]
    driver.tell("close_session", "end")
    driver.end()
    nothing_left(kratos)
