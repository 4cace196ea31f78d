"""What somebody tried who wanted sessions to leak, kratosd to spin, or root to be shut out: each of
these once worked."""

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from faultserver import FaultServer, faults
from world import pam
from world.bus import Bus
from world.daemon import Daemon
from world.journal import Journal
from world.pam import ONLY_US, Pamtester
from world.processes import wait_until

pytestmark = [pytest.mark.sanitized, pytest.mark.timeout(120)]

PASSWORD = "correct horse battery staple"
ALICE = "9f425a8d-7efc-4768-8f23-7647a74fdf13"
BOB = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
WAITING_MAX = 16
REFUSED_AFTER_SEC = 1.0
WHOLE = ["authenticate", "open_session", "close_session"]
STATE = Path("/var/lib/kratosd")


@pytest.fixture
def public() -> Iterator[FaultServer]:
    with FaultServer(435) as server:
        server.kratos.add("alice", PASSWORD, ALICE)
        server.kratos.add("bob", PASSWORD, BOB)
        yield server


@pytest.fixture
def daemon(stopped_daemon: Daemon, public: FaultServer) -> Daemon:
    stopped_daemon.configure(Kratos={"PublicURL": public.url, "AdminURL": public.url, "TimeoutSec": "3s"})
    stopped_daemon.map("alice", ALICE)
    stopped_daemon.map("bob", BOB)
    pam.pam_service("attacks", ONLY_US)
    return stopped_daemon


def log_in(name: str, *operations: str) -> int:
    return Pamtester("attacks", name, list(operations), [PASSWORD]).finish().status


def rows() -> int | None:
    """Counted in a copy, for kratosd lets nobody else read its store; None in the midst of a change."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            for file in STATE.glob("kratosd.db*"):
                shutil.copy(file, folder)
            with contextlib.closing(sqlite3.connect(f"{folder}/kratosd.db")) as store:
                return store.execute("SELECT count(*) FROM session").fetchone()[0]
        except (OSError, sqlite3.Error):
            return None


@pytest.mark.parametrize("status", [303, 403, 406, 413])
def test_rule_35_a_guess_that_a_firewall_refuses_takes_its_time_and_leaves_nothing(
    daemon: Daemon, public: FaultServer, status: int
) -> None:
    """Whoever says so has passed nothing on, so that there is no session to look for."""
    daemon.configure(Kratos={"AdminURL": None})
    daemon.start()
    public.set("login", faults.html(status))
    guess = Pamtester("attacks", "alice", ["authenticate"], ["' OR 1=1 --"]).answer()
    begun = time.monotonic()
    assert guess.finish().status != 0
    assert time.monotonic() - begun >= REFUSED_AFTER_SEC
    wait_until(lambda: rows() == 0, "nothing is left of it")


def test_logins_that_posted_nothing_leave_nothing_when_kratosd_stops(
    daemon: Daemon, public: FaultServer
) -> None:
    daemon.start()
    asked = [Pamtester("attacks", name, ["authenticate"]).prompted() for name in ("alice", "bob")]
    wait_until(lambda: rows() == 2, "both are asked")
    daemon.stop()
    assert rows() == 0
    for one in asked:
        one.kill()


def test_guesses_with_lost_answers_do_not_pile_up(
    daemon: Daemon, public: FaultServer, journal: Journal
) -> None:
    daemon.configure(Kratos={"AdminURL": None})
    daemon.start()
    public.set("login", faults.failure(503))
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: log_in("alice", "authenticate"), range(WAITING_MAX + 5)))
    log_in("bob", "authenticate")
    wait_until(lambda: rows() == WAITING_MAX + 1, "the last few of each wait for their person")
    told = [entry for entry in journal.entries(PRIORITY="4") if "given up" in entry["MESSAGE"]]
    assert len(told) == 5

    # A token that Kratos does not take is tried once, and no more.
    public.clear()
    public.set("sessions", faults.html(401))
    assert log_in("alice", "authenticate") == 0
    time.sleep(1)
    assert len(public.of("sessions")) == 1


@pytest.mark.parametrize("status", [404, 405])
def test_a_gateway_that_knows_no_such_path_confirms_nothing(
    daemon: Daemon, public: FaultServer, journal: Journal, status: int
) -> None:
    """The token is kept until Kratos's own word, though an admin gateway says "not found"."""
    with FaultServer(436) as gateway:
        daemon.configure(Kratos={"PublicURL": public.url, "AdminURL": gateway.url})
        daemon.start()
        gateway.set("*", faults.html(status))
        public.set("logout", faults.failure(503))
        assert log_in("alice", *WHOLE) == 0
        wait_until(lambda: gateway.of("admin-session"), "the gateway is asked")
        assert public.kratos.active_sessions()
        assert not journal.entries(KRATOSD_EVENT="session-revoked")
        public.clear()
        wait_until(lambda: not public.kratos.active_sessions(), "the session is revoked", 30)


def test_rows_that_cannot_be_ended_hold_up_nobody_elses(
    daemon: Daemon, public: FaultServer
) -> None:
    """Alice's lost answers are looked for in a list that is too large to take, again and again."""
    daemon.start()
    public.set("admin-sessions", faults.huge(4 << 20))
    public.set("login", faults.cut(), times=10)
    for _ in range(10):
        assert log_in("alice", "authenticate") != 0
    assert len(public.kratos.active_sessions(ALICE)) == 10
    assert log_in("bob", *WHOLE) == 0
    wait_until(lambda: not public.kratos.active_sessions(BOB), "bob's session is revoked", 5)
    public.clear()
    wait_until(lambda: not public.kratos.active_sessions(), "all are revoked", 60)


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.fixture
def small_disk() -> Iterator[Path]:
    STATE.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "state", STATE], check=True)
    yield STATE / "filler"
    subprocess.run(["umount", "--lazy", STATE], check=True)


@pytest.mark.parametrize("admin", [True, False])
def test_a_full_disk_at_a_lost_answer_does_not_spin(
    small_disk: Path, daemon: Daemon, public: FaultServer, admin: bool
) -> None:
    if not admin:
        daemon.configure(Kratos={"PublicURL": public.url, "AdminURL": None, "TimeoutSec": "3s"})
    daemon.start()
    held = faults.hold(after=True)
    public.set("login", held)
    run = Pamtester("attacks", "alice", ["authenticate"], [PASSWORD]).answer()
    held.wait()
    with contextlib.suppress(OSError), small_disk.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(512))
    run.finish()
    assert run.status != 0
    for _ in "full", "free":
        time.sleep(1)
        before = cpu_seconds(daemon.pid)
        time.sleep(3)
        assert cpu_seconds(daemon.pid) - before < 0.5
        small_disk.unlink(missing_ok=True)
    held.release()


def test_rule_38_su_by_anybody_leaves_the_bus_to_root(
    daemon: Daemon, public: FaultServer, bus: Bus
) -> None:
    """Each answer that is waited for is a connection of root's, and the bus allows it 256."""
    daemon.start()
    pam.pam_service("su")
    public.set("login", faults.delayed(3))
    command = ["setpriv", "--reuid=carol", "--regid=carol", "--init-groups", "su", "alice", "-c", "true"]
    crowd = []
    try:
        for _ in range(300):
            one = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            crowd.append(one)
            assert one.stdin
            with contextlib.suppress(BrokenPipeError):
                one.stdin.write(b"wrong\n")
                one.stdin.flush()
        for _ in range(5):
            time.sleep(1)
            call = ["busctl", "call", "org.freedesktop.DBus", "/org/freedesktop/DBus"]
            subprocess.run([*call, "org.freedesktop.DBus", "GetId"], check=True, timeout=10)
        assert public.of("login")
        assert len(public.of("login")) < 100
    finally:
        for one in crowd:
            one.send_signal(signal.SIGKILL)
            one.wait()
