"""A busy Kratos is not one that is away: whoever makes it busy must not open a fallback by that. (rule 36)

alice has a fallback, and a password on this host that only pam_unix takes."""

import asyncio
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from faultserver import Exchange, FaultServer, faults
from faultserver.server import Fault
from world import pam
from world.daemon import Daemon
from world.journal import Journal

pytestmark = pytest.mark.timeout(120)

PASSWORD, LOCAL = "correct-horse-battery-staple", "hers-on-this-host"
IDENTITY = "9f425a8d-7efc-4768-8f23-7647a74fdf13"
PORT, OTHER_PORT = 435, 436
TIMEOUT_SEC = 10  # the default
SHORT_SEC = 2
WORKERS = 2
CROWD = 60

PAM_SUCCESS, PAM_AUTH_ERR, PAM_MAXTRIES = 0, 7, 11

# As the profiles that we ship, with less around it.
STACK = """\
auth     [success=1 user_unknown=ignore default=die] pam_kratos.so
auth     required pam_unix.so use_first_pass nodelay
auth     required pam_permit.so
account  required pam_permit.so
session  required pam_permit.so
"""


@pytest.fixture
def server(stopped_daemon: Daemon) -> Iterator[FaultServer]:
    with FaultServer(PORT) as server:
        server.kratos.add("alice", PASSWORD, IDENTITY)
        stopped_daemon.configure(
            Kratos={"PublicURL": server.url, "AdminURL": None, "TimeoutSec": f"{TIMEOUT_SEC}s"},
            Throttle={"Enabled": "no"},
        )
        stopped_daemon.map("alice", IDENTITY, "fallback")
        pam.pam_service("busy", STACK)
        local = ["chpasswd", "--crypt-method", "SHA256", "--sha-rounds", "1000"]
        subprocess.run(local, input=f"alice:{LOCAL}\n", text=True, check=True)
        stopped_daemon.start()
        yield server
        subprocess.run(["usermod", "--password", "*", "alice"], check=True)


@pytest.fixture
def impatient(server: FaultServer, stopped_daemon: Daemon) -> FaultServer:
    """It, and kratosd that waits for it less long."""
    stopped_daemon.configure(Kratos={"TimeoutSec": f"{SHORT_SEC}s"})
    stopped_daemon.restart()
    return server


LogIn = Callable[..., Counter[int]]


@pytest.fixture
def log_in(burst_program: str) -> LogIn:
    """Logs alice in with each of these passwords at once, and counts PAM's codes."""

    def all_at_once(*passwords: str) -> Counter[int]:
        lines = [f"alice 192.0.2.{n} {password}\n" for n, password in enumerate(passwords)]
        burst = subprocess.run(
            [burst_program, "busy"], input="".join(lines) + "\n", stdout=subprocess.PIPE, text=True, check=True
        )
        return Counter(int(line.split()[1]) for line in burst.stdout.splitlines())

    return all_at_once


def reasons(journal: Journal, since: int = 0) -> set[str]:
    return {entry["KRATOSD_REASON"] for entry in journal.entries(since, KRATOSD_EVENT="login-refused")}


def busy(work_sec: float) -> Fault:
    """So many workers, each of which takes so long for a request; others wait for one."""
    free = asyncio.Semaphore(WORKERS)

    async def work(exchange: Exchange) -> None:
        async with free:
            await asyncio.sleep(work_sec)
            answer = await exchange.process()
        await exchange.send(answer)

    return work


class TestBusy:
    @pytest.mark.parametrize(
        "endpoint, work_sec, least", [("login", 0.5, 20), ("*", 0.25, 0)], ids=["passwords", "everything"]
    )
    def test_rule_36_a_crowd_opens_no_fallback(
        self, server: FaultServer, log_in: LogIn, journal: Journal, endpoint: str, work_sec: float, least: int
    ) -> None:
        """Kratos lets in as many as it can, and the rest are told that there were too many. Where it takes
        its time for flows too, nearly all of that is over before the first password."""
        local = [LOCAL] * 6
        server.set(endpoint, busy(work_sec))
        codes = log_in(*local, *[PASSWORD] * (CROWD - len(local)))
        assert set(codes) <= {PAM_SUCCESS, PAM_AUTH_ERR, PAM_MAXTRIES}, codes
        assert codes[PAM_SUCCESS] >= least and codes[PAM_MAXTRIES] > 0
        assert codes[PAM_SUCCESS] == len(journal.entries(KRATOSD_EVENT="login-granted"))
        assert reasons(journal) <= {"kratos-busy", "bad-credentials"}

    def test_rule_36_nobody_answers_but_gives_flows(
        self, impatient: FaultServer, log_in: LogIn, journal: Journal
    ) -> None:
        """So many take a flow first that no password is judged in the time of any of them."""
        impatient.set("*", busy(0.25))
        codes = log_in(*[LOCAL] * CROWD)
        assert set(codes) <= {PAM_AUTH_ERR, PAM_MAXTRIES}, (codes, reasons(journal))

    FAULTS = {
        "503": lambda: faults.failure(503),
        "504 in HTML": lambda: faults.html(504),
        "500": faults.failure,
        "403 in HTML": lambda: faults.html(403),
        "nonsense": faults.garbage,
        "a page": lambda: faults.html(200),
        "cut": faults.cut,
        "black hole": faults.black_hole,
    }

    REASONS = dict.fromkeys(["503", "504 in HTML", "500", "403 in HTML"], "kratos-error") | {
        "a page": "kratos-bad-answer"
    }

    @pytest.mark.parametrize("name", FAULTS)
    def test_rule_36_some_are_turned_away(
        self, impatient: FaultServer, log_in: LogIn, journal: Journal, name: str
    ) -> None:
        """One of two is, by a proxy that lets only some through."""
        assert log_in(PASSWORD) == {PAM_SUCCESS: 1}
        impatient.set("login", self.FAULTS[name](), times=1)
        assert log_in(LOCAL, LOCAL) == {PAM_AUTH_ERR: 1, PAM_MAXTRIES: 1}
        told = self.REASONS.get(name, "kratos-busy")
        assert reasons(journal) == {told, "bad-credentials"}

    @pytest.mark.parametrize("what", ["503", "refused"])
    def test_it_goes_away(self, impatient: FaultServer, log_in: LogIn, what: str) -> None:
        """Whom it turns away just after it has judged somebody is refused; TimeoutSec= later it is away."""
        assert log_in(PASSWORD) == {PAM_SUCCESS: 1}
        if what == "503":
            impatient.set("login", faults.failure(503))
        else:
            impatient.refuse()
        judged = time.monotonic()
        assert log_in(LOCAL) == {PAM_MAXTRIES: 1}
        time.sleep(max(0.0, judged + SHORT_SEC + 0.1 - time.monotonic()))
        assert log_in(LOCAL) == {PAM_SUCCESS: 1}

    def test_the_first_of_two_servers_is_away(
        self, impatient: FaultServer, stopped_daemon: Daemon, log_in: LogIn
    ) -> None:
        """It was posted to, and may not be posted again; those after it find the other one."""
        with FaultServer(OTHER_PORT) as first:
            first.kratos = impatient.kratos
            stopped_daemon.configure(Kratos={"PublicURL": [first.url, impatient.url]})
            stopped_daemon.restart()
            first.set("login", faults.black_hole())
            assert log_in(LOCAL) == {PAM_SUCCESS: 1}
            assert log_in(PASSWORD, LOCAL) == {PAM_SUCCESS: 1, PAM_AUTH_ERR: 1}
            first.refuse()
            assert log_in(LOCAL) == {PAM_AUTH_ERR: 1}


class TestAway:
    """It answers nobody, however many ask: everybody's fallback opens."""

    @pytest.mark.parametrize("count", [1, CROWD])
    def test_it_judges_nobody(
        self, server: FaultServer, log_in: LogIn, journal: Journal, count: int
    ) -> None:
        """Flows it gives all the same."""
        assert log_in("wrong") == {PAM_AUTH_ERR: 1}
        server.set("login", faults.black_hole())
        since, begun = journal.mark(), time.monotonic()
        assert log_in(*[LOCAL] * count) == {PAM_SUCCESS: count}
        assert time.monotonic() - begun < TIMEOUT_SEC + 5
        assert reasons(journal, since) == {"kratos-timeout"}
        assert len(server.of("login")) == count + 1

    def test_strangers_keep_nobody_out(
        self, impatient: FaultServer, stopped_daemon: Daemon, log_in: LogIn
    ) -> None:
        """Who waits behind others of the same name, from anywhere, is let on to the fallback like them."""
        stopped_daemon.configure(Throttle={"Enabled": "yes"})
        stopped_daemon.restart()
        impatient.set("login", faults.black_hole())
        assert log_in(*[LOCAL] * 8) == {PAM_SUCCESS: 8}

    @pytest.mark.parametrize("count", [1, CROWD])
    def test_it_answers_nothing(
        self, impatient: FaultServer, log_in: LogIn, journal: Journal, count: int
    ) -> None:
        """Also to those whose turn did not come for that."""
        impatient.set("*", faults.black_hole())
        assert log_in(*[LOCAL] * count) == {PAM_SUCCESS: count}
        assert reasons(journal) == {"kratos-timeout"}

    @pytest.mark.parametrize("count", [1, CROWD])
    def test_it_does_not_listen(
        self, impatient: FaultServer, log_in: LogIn, journal: Journal, count: int
    ) -> None:
        impatient.refuse()
        assert log_in(*[LOCAL] * count) == {PAM_SUCCESS: count}
        assert reasons(journal) == {"kratos-unreachable"}

    @pytest.mark.parametrize("count", [1, CROWD])
    def test_nothing_comes_from_there(
        self, server: FaultServer, stopped_daemon: Daemon, log_in: LogIn, journal: Journal, count: int
    ) -> None:
        """Its host drops what is sent there: a queue of connections that is full does the same."""
        with socket.create_server(("127.0.0.1", OTHER_PORT), backlog=0) as full:
            fillers = [socket.socket() for _ in range(2)]
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(full.getsockname())
            kratos = {"PublicURL": f"http://127.0.0.1:{OTHER_PORT}", "TimeoutSec": f"{SHORT_SEC}s"}
            stopped_daemon.configure(Kratos=kratos | {"ConnectTimeoutSec": "1s"})
            stopped_daemon.restart()
            assert log_in(*[LOCAL] * count) == {PAM_SUCCESS: count}
            assert reasons(journal) <= {"kratos-unreachable", "kratos-timeout"}
            for filler in fillers:
                filler.close()
