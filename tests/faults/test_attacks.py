"""What somebody tried who wanted sessions to leak, kratosd to spin, or root to be shut out: each of
these once worked."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from faultserver import FaultServer, faults
from world import pam
from world.bus import Bus
from world.daemon import Daemon
from world.journal import Journal
from world.pam import ONLY_US, Pamtester
from world.processes import wait_until

pytestmark = pytest.mark.timeout(120)

PASSWORD = "correct horse battery staple"
ALICE = "9f425a8d-7efc-4768-8f23-7647a74fdf13"
BOB = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
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
