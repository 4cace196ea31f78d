"""The benchmark that tests/bench/run runs, inside tests/lib/enter:
bench.py [--quick] [--accounts | --system]

Ours is what a login program sees: pam_authenticate, each time in a process of its own. Raw are the
same two HTTP calls, or four with a second factor (mfa), on one kept-alive libcurl handle. Both go to the same Kratos as the same people,
by turns; a ratio of p50 is the median of ours over the median of raw. Sessions are ended between the
measured parts. The database, the daemon's state and the lifelines are in memory.

_cost12: people whose passwords have a bcrypt hash of cost 12. _pooled: a Kratos that keeps its
connections to PostgreSQL (max_idle_conns=80; its own default is one for each processor), hence a
faster one, beside which anything that we add weighs more.
"""

import os
import resource
import sqlite3
import statistics
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from account_figures import AccountBench
from figures import show
from system_figures import SystemBench, layers

from world import pam
from world.bus import Bus
from world.daemon import Daemon
from world.journal import NATIVE
from world.kratos import Kratos, totp_code
from world.logind import SCRIPT, Logind
from world.paths import RUNTIME, STATE, build
from world.postgres import Postgres
from world.processes import Service, memory_kib, wait_until

PASSWORD = "correct horse battery staple"
# The same password: Kratos takes hashes of any cost, and its own configuration says 4.
HASH_OF_COST_12 = "$2b$12$abcdefghijklmnopqrstuu0sDWleciW5uGBGYwxpcgAsh9WK4bWNy"
CHEAP, DEAR, DOUBLE = "cheap", "dear", "double"
PEOPLE = 64
SESSIONS = 10_000
TYPING_MS = 300
PING_ARRIVES_SEC = 0.1

PERMIT = "auth required pam_permit.so\naccount required pam_permit.so\nsession required pam_permit.so\n"
WITH_US = PERMIT.replace("auth ", "auth optional pam_kratos.so\nauth ").replace(
    "account ", "account optional pam_kratos.so\naccount "
).replace("session ", "session optional pam_kratos.so\nsession ")


@dataclass(frozen=True)
class Effort:
    """How often each thing is measured."""

    pairs: int = 300
    typed_pairs: int = 120
    # A code counts once, and for a minute at least: each of these is another person.
    mfa_pairs: int = 200
    dear_pairs: int = 40
    dear_typed_pairs: int = 25
    rounds: int = 10
    logins_each: int = 4
    pooled_logins_each: int = 12
    dear_rounds: int = 2
    dear_clients: int = PEOPLE
    local_pairs: int = 4000
    starts: int = 7
    settle_sec: int = 65
    idle_sec: int = 60
    look_ups: int = 5000
    processes: int = 200
    strangers: int = 30
    store_rounds: int = 5
    identities: int = 100_000
    boots: int = 15
    ssh_pairs: int = 300
    ssh_password_pairs: int = 100
    # For one of the measuring programs, on the slowest of machines.
    program_sec: int = 1800


QUICK = Effort(
    pairs=10,
    typed_pairs=3,
    mfa_pairs=4,
    dear_pairs=3,
    dear_typed_pairs=2,
    rounds=1,
    logins_each=1,
    pooled_logins_each=1,
    dear_rounds=1,
    dear_clients=8,
    local_pairs=300,
    starts=2,
    settle_sec=62,
    idle_sec=10,
    look_ups=100,
    processes=5,
    strangers=3,
    store_rounds=1,
    identities=400,
    boots=1,
    ssh_pairs=5,
    ssh_password_pairs=2,
    program_sec=120,
)


class Bench:
    def __init__(self, effort: Effort) -> None:
        folder = build()
        assert folder, "KRATOSD_BUILD= names the build folder"
        self.programs = folder / "bench"
        self.effort = effort
        self.sink = Service("journal-sink")
        self.postgres = Postgres()
        self.bus = Bus()

    # The world.

    def begin(self) -> None:
        NATIVE.parent.mkdir(parents=True, exist_ok=True)
        self.sink.spawn([str(self.programs / "sink"), str(NATIVE)])
        self.postgres.start()
        self.kratos = Kratos(dsn=self.postgres.create("kratos"))
        self.kratos.start()
        self.bus.start()
        self.daemon = Daemon(self.kratos)
        # Without it kratosd asks Kratos for a second factor of everybody, which is a third call.
        self.daemon.configure(Log={"Level": "info"}, **{"Service bench": {"RequireAAL": "aal1"}})
        self._people()
        pam.pam_service("bench", pam.ONLY_US)
        pam.pam_service("bench-enrolled", pam.ONLY_US)
        pam.pam_service("bench-with", WITH_US)
        pam.pam_service("bench-without", PERMIT)
        self.start_daemon()

    def start_daemon(self) -> None:
        """Starts it, and waits until it is on the bus, which comes after READY."""
        self.daemon.start()
        ask = ["dbus-send", "--system", "--print-reply", "--dest=org.freedesktop.DBus", "/"]
        ask += ["org.freedesktop.DBus.NameHasOwner", "string:org.kratosd1"]
        wait_until(lambda: b"true" in subprocess.check_output(ask), "kratosd is on the bus")

    def _people(self) -> None:
        names = [f"{prefix}{number:02}" for prefix in (CHEAP, DEAR) for number in range(PEOPLE)]
        with open("/etc/passwd", "a") as passwd:
            for uid, name in enumerate(names, 3000):
                passwd.write(f"{name}:x:{uid}:{uid}::/:/bin/sh\n")
        for name in names:
            credential = (
                {"hashed_password": HASH_OF_COST_12} if name.startswith(DEAR) else {"password": PASSWORD}
            )
            self.daemon.map(name, self.kratos.create_identity(name, **credential).id)

    def end(self) -> None:
        for service in self.daemon, self.bus, self.kratos, self.sink:
            service.kill()
        self.postgres.destroy()

    def run(self, program: str, *arguments: object, input: str = "") -> list[list[float]]:
        """Runs a measuring program. Returns its output, a row of numbers for each line."""
        result = subprocess.run(
            [self.programs / program, *(str(argument) for argument in arguments)],
            input=input,
            capture_output=True,
            text=True,
            timeout=self.effort.program_sec,
        )
        if result.returncode != 0:
            sys.exit(
                f"{program} {' '.join(str(a) for a in arguments)}: status {result.returncode}\n"
                f"{result.stderr}\n{self.daemon.log()[-3000:]}\n{self.kratos.log()[-3000:]}"
            )
        return [[float(word) for word in line.split()] for line in result.stdout.splitlines()]

    def drain(self) -> None:
        """Waits until no session is left at Kratos."""
        path = "/admin/sessions?active=true&page_size=1"
        wait_until(lambda: not self.kratos.admin("GET", path).body, "no session is left", 60)

    def cpu_ms(self) -> float:
        """The processor time of the daemon so far, of all its threads."""
        tasks = Path(f"/proc/{self.daemon.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e6

    # The figures.

    def logins(
        self, prefix: str, typing_ms: int, pairs: int, service: str = "bench"
    ) -> tuple[float, float, float]:
        """The p50 of ours and of raw in milliseconds, and the daemon's processor time per login."""
        once, url = self.programs / "login-once", self.kratos.public_url
        before = self.cpu_ms()
        rows = self.run(
            "login-pairs", once, url, service, prefix, PEOPLE, PASSWORD, typing_ms, pairs
        )
        self.drain()
        spent = (self.cpu_ms() - before) / pairs
        ours, ours_typed, raw, raw_post = (statistics.median(row) / 1000 for row in zip(*rows))
        return (ours_typed, raw_post, spent) if typing_ms else (ours, raw, spent)

    def login_figures(self) -> None:
        effort = self.effort
        self.logins(CHEAP, 0, 5)
        ours, raw, spent = self.logins(CHEAP, 0, effort.pairs)
        show("login_ratio_p50", ours / raw, "ratio")
        show("login_ms_p50", ours, "ms")
        show("login_raw_ms_p50", raw, "ms")
        show("daemon_cpu_ms_per_login", spent, "ms")
        ours, raw, _ = self.logins(CHEAP, TYPING_MS, effort.typed_pairs)
        show("login_typed_ratio_p50", ours / raw, "ratio")
        show("login_typed_ms_p50", ours, "ms")
        show("login_typed_raw_ms_p50", raw, "ms")
        # With the default, of people who have no second factor.
        ours, _, _ = self.logins(CHEAP, 0, effort.typed_pairs, "bench-enrolled")
        show("login_if_enrolled_ms_p50", ours, "ms")
        ours, raw, _ = self.logins(DEAR, 0, effort.dear_pairs)
        show("login_ratio_p50_cost12", ours / raw, "ratio")
        ours, raw, _ = self.logins(DEAR, TYPING_MS, effort.dear_typed_pairs)
        show("login_typed_ratio_p50_cost12", ours / raw, "ratio")

    def renewals(self, pairs: int) -> tuple[float, float]:
        """The p50 of ours and of raw in milliseconds, of people who are logged in, as in sudo."""
        once, url = self.programs / "login-once", self.kratos.public_url
        logind = Logind()
        logind.start()
        rows = self.run(
            "sudo-pairs", once, url, "bench", CHEAP, PEOPLE, PASSWORD, pairs, SCRIPT
        )
        logind.kill()
        self.drain()
        ours, raw = (statistics.median(row) / 1000 for row in zip(*rows))
        return ours, raw

    def renewal_figures(self) -> None:
        ours, raw = self.renewals(self.effort.pairs)
        show("sudo_refresh_ratio_p50", ours / raw, "ratio")
        show("sudo_refresh_ms_p50", ours, "ms")
        show("sudo_refresh_raw_ms_p50", raw, "ms")

    def _double_people(self) -> str:
        """People with an authenticator app, all with the same secret."""
        names = [f"{DOUBLE}{number:02}" for number in range(self.effort.mfa_pairs)]
        with open("/etc/passwd", "a") as passwd:
            passwd.writelines(f"{name}:x:{4000 + i}:{4000 + i}::/:/bin/sh\n" for i, name in enumerate(names))
        secret = ""
        for name in names:
            identity = self.kratos.create_identity(name, PASSWORD)
            secret = self.kratos.set_totp(identity.id)
            self.daemon.map(name, identity.id)
        return secret

    def mfa_figures(self) -> None:
        """With a password and a code of an authenticator app."""
        pairs = self.effort.mfa_pairs
        secret = self._double_people()
        once, url = self.programs / "login-once", self.kratos.public_url
        ahead = totp_code(secret, time.time() + 30)
        rows = self.run(
            "login-pairs", once, url, "bench-enrolled", DOUBLE, pairs, PASSWORD, 0, pairs, ahead
        )
        self.drain()
        ours, _, raw, _ = (statistics.median(row) / 1000 for row in zip(*rows))
        show("mfa_login_ratio_p50", ours / raw, "ratio")
        show("mfa_login_ms_p50", ours, "ms")
        show("mfa_login_raw_ms_p50", raw, "ms")

    def _round(self, side: str, prefix: str, clients: int, each: int) -> tuple[float, float]:
        """The rate of successful logins, and how many failed."""
        where = "bench" if side == "pam" else self.kratos.public_url
        arguments = (side, where, CHEAP, prefix, clients, PASSWORD, each)
        ((rate, failed),) = self.run("throughput", *arguments)
        # With costly hashes, a slow machine takes longer than kratosd lets a login take.
        assert not failed or prefix == DEAR, f"{failed} logins failed ({side})"
        self.drain()
        return rate, failed

    def throughput(self, prefix: str, clients: int, each: int, rounds: int) -> list[float]:
        """The median ratio of the rounds, the median rates of ours and of raw, and how many logins
        of ours failed in the median round."""
        rows = []
        for number in range(rounds):
            sides = ("pam", "raw") if number % 2 else ("raw", "pam")
            done = {side: self._round(side, prefix, clients, each) for side in sides}
            (ours, failed), (raw, _) = done["pam"], done["raw"]
            rows.append((ours / raw, ours, raw, failed))
        return [statistics.median(column) for column in zip(*rows)]

    def throughput_figures(self) -> None:
        effort = self.effort
        ratio, ours, raw, _ = self.throughput(CHEAP, PEOPLE, effort.logins_each, effort.rounds)
        show("throughput_ratio_64", ratio, "ratio")
        show("throughput_64", ours, "logins/s")
        show("throughput_raw_64", raw, "logins/s")
        ratio, _, _, failed = self.throughput(DEAR, effort.dear_clients, 1, effort.dear_rounds)
        show("throughput_ratio_64_cost12", ratio, "ratio")
        show("throughput_failed_64_cost12", failed, "logins")

    def pooled_figures(self) -> None:
        """The ratios again, with a Kratos that need not connect to PostgreSQL again and again."""
        effort = self.effort
        self.kratos.stop()
        self.kratos.dsn += "&max_idle_conns=80"
        self.kratos.start()
        self.throughput(CHEAP, PEOPLE, 1, 1)
        ours, raw, _ = self.logins(CHEAP, 0, effort.pairs)
        show("login_ratio_p50_pooled", ours / raw, "ratio")
        ours, raw, _ = self.logins(CHEAP, TYPING_MS, effort.typed_pairs)
        show("login_typed_ratio_p50_pooled", ours / raw, "ratio")
        ratio, ours, raw, _ = self.throughput(CHEAP, PEOPLE, effort.pooled_logins_each, effort.rounds)
        show("throughput_ratio_64_pooled", ratio, "ratio")
        show("throughput_64_pooled", ours, "logins/s")
        show("throughput_raw_64_pooled", raw, "logins/s")

    def local_user_figures(self) -> None:
        """Whole transactions of a local user who is not ours, with the module and without it."""
        for suffix in "", "_stopped", "_hung":
            if suffix == "_stopped":
                self.daemon.stop()
            if suffix == "_hung":
                self.start_daemon()
                self.daemon.pause()
            rows = self.run("local-user", "lokal", "", self.effort.local_pairs, "bench-with", "bench-without")
            # The first ones load what stays loaded.
            added = statistics.median(with_us - without for with_us, without in rows[1:])
            show(f"local_user_added{suffix}_us", added, "us")
        self.daemon.resume()

    def _switches(self) -> int:
        return int(
            next(
                line.split()[1]
                for line in Path(f"/proc/{self.daemon.pid}/status").read_text().splitlines()
                if line.startswith("voluntary_ctxt_switches")
            )
        )

    def _pings(self) -> int:
        return len(self.daemon.notifications.of(self.daemon.pid, "WATCHDOG"))

    def idle_figures(self) -> None:
        """After all those logins and a minute without one."""
        time.sleep(self.effort.settle_sec)
        # A ping at the beginning or the end of what is measured counts as one whenever it counts as woken.
        pings = self._pings()
        switches = self._switches()
        time.sleep(self.effort.idle_sec)
        woken = self._switches() - switches
        time.sleep(PING_ARRIVES_SEC)
        woken -= self._pings() - pings
        show("daemon_idle_wakeups_per_min", max(0, woken) * 60 / self.effort.idle_sec, "wakeups/min")
        show("daemon_anon_mib", self.daemon.anon_kib() / 1024, "MiB")
        show("daemon_rss_mib", self.daemon.rss_kib() / 1024, "MiB")

    # Many sessions.

    def _write_sessions(self) -> list[int]:
        """Puts open sessions into the store and makes their lifelines. Returns the write ends."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        assert hard > SESSIONS + 100, f"the limit of open files is {hard}"
        owner = STATE.stat()
        machine = Path("/etc/machine-id").read_text().strip()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", "")
        rows, writers = [], []
        for number in range(SESSIONS):
            session = os.urandom(16).hex()
            name = f"{CHEAP}{number % PEOPLE:02}"
            token = os.urandom(24 + 16 + 39)
            kratos = [str(uuid.uuid4()) for _ in range(2)]
            rows.append((session, 3, name, "sshd", "192.0.2.1", *kratos, token, 0, 0, 0, machine, boot))
            path = RUNTIME / "lifelines" / session
            os.mkfifo(path, 0o600)
            os.chown(path, owner.st_uid, owner.st_gid)
            writers.append(os.open(path, os.O_RDWR | os.O_NONBLOCK))
        database = sqlite3.connect(STATE / "kratosd.db")
        database.executemany(
            "INSERT INTO session (id, state, user, service, rhost, identity, session, token, posted,"
            " due, attempts, machine, boot) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
        database.commit()
        database.close()
        for path in STATE.iterdir():
            os.chown(path, owner.st_uid, owner.st_gid)
        return writers

    def _watched(self) -> int:
        """How many files the daemon's event loop watches."""
        process = Path(f"/proc/{self.daemon.pid}")
        # Newer kernels tell how many files are open, which does not keep the daemon from its work.
        opened = (process / "fd").stat().st_size
        if 0 < opened < SESSIONS:
            return 0
        return max(
            info.count("\ntfd:")
            for info in (
                "\n" + path.read_text()
                for path in (process / "fdinfo").iterdir()
                if int(path.name) < 32
            )
        )

    def _start(self) -> list[float]:
        """Starts it. Returns milliseconds to READY, and of the processor; and both until every
        lifeline is watched."""
        begun = time.monotonic()
        self.daemon.spawn_only()
        assert self.daemon.notifications.wait(self.daemon.pid, "READY")
        ready = watched = [(time.monotonic() - begun) * 1000, self.cpu_ms()]
        while self._watched() < SESSIONS:
            assert time.monotonic() - begun < 10, "not every lifeline is watched"
            time.sleep(0.001)
            watched = [(time.monotonic() - begun) * 1000, self.cpu_ms()]
        return [*ready, *watched]

    def many_sessions_figures(self) -> None:
        self.daemon.stop()
        writers = self._write_sessions()
        times = []
        for _ in range(self.effort.starts):
            times.append(self._start())
            time.sleep(0.5)
            anon, rss = (memory_kib(self.daemon.pid, key) / 1024 for key in ("RssAnon", "VmRSS"))
            self.daemon.stop()
        names = "start_ms", "start_cpu_ms", "lifelines_ms", "lifelines_cpu_ms"
        for name, column in zip(names, zip(*times)):
            show(name, statistics.median(column), "ms")
        show("daemon_anon_mib_10000", anon, "MiB")
        show("daemon_rss_mib_10000", rss, "MiB")
        for writer in writers:
            os.close(writer)

    def account_figures(self) -> None:
        AccountBench(
            self.effort, self.run, self.programs, self.daemon, self.kratos, self.postgres
        ).all()

    def system_figures(self) -> None:
        self.postgres.start()
        self.kratos = Kratos(dsn=self.postgres.create("kratos"))
        self.kratos.start()
        SystemBench(self.effort, self.kratos, *layers()).all()
        self.kratos.kill()
        self.postgres.destroy()

    def all(self, accounts_only: bool) -> None:
        self.begin()
        if accounts_only:
            self.daemon.stop()
            self.account_figures()
            self.end()
            return
        show("daemon_anon_mib_fresh", self.daemon.anon_kib() / 1024, "MiB")
        self.login_figures()
        self.renewal_figures()
        self.mfa_figures()
        self.throughput_figures()
        self.pooled_figures()
        self.idle_figures()
        self.local_user_figures()
        self.many_sessions_figures()
        self.account_figures()
        self.end()


def main() -> None:
    options = set(sys.argv[1:])
    if not options <= {"--quick", "--accounts", "--system"}:
        sys.exit("usage: tests/bench/run [--quick] [--accounts | --system]")
    bench = Bench(QUICK if "--quick" in options else Effort())
    if "--system" in options:
        bench.system_figures()
    else:
        bench.all("--accounts" in options)


if __name__ == "__main__":
    main()
