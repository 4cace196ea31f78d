"""The figures of account look-ups: what NSS costs with kratosd behind nss-systemd, beside the same
with a provider that does nothing (trivial-provider.c); what 100,000 people cost; and what hosts that
ask again and again cost a Kratos that has as many identities.

Ours and the trivial one are measured by turns, by one process, each in the place of the other
(look-ups.c). A known name is somebody's with an SSH key; an unknown one is known to be nobody's,
but for the figures of what is asked: those are names for which Kratos is asked, a new one each time.
"""

import json
import math
import os
import random
import shutil
import socket
import statistics
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from figures import p50, p99, show
from identities import create_identities
from people import DATABASE, Person, install_store, read_store, write_store

from world.daemon import USERDB as PROVIDER
from world.daemon import Daemon
from world.kratos import Kratos, Request
from world.paths import WORLD
from world.postgres import Postgres
from world.processes import Service, descendants, memory_kib, wait_until

USERDB = PROVIDER.parent
PLACES = WORLD / "providers"
STORES = WORLD / "stores"
GROUPS = (5, 100)
STORE_SIZES = (10, 1_000, 100_000)
# Of whom is asked by turns: as many of each store, for what grows with the store; and more of the
# largest.
ASKED = 10
ASKED_MANY = 1_000
# Of whom is asked for the first time: as many of two stores, both larger than that.
FIRST_ASKED = 900
FIRST_SIZES = STORE_SIZES[1:]
HOSTS = (2_000, 20_000)
# Those of whom Kratos says something else than the host has known: two of them disabled and deleted.
CHANGED = 7
ROUND_MAX_SEC = 900
# Until kratosd has in its store what Kratos has answered last.
SETTLE_SEC = 1
# Until kratosd/lookup.c has all its tokens again.
REFILL_SEC = 2
# kratosd/refresh.c, kratosd/kratos.h, and etc/kratosd.conf.
STEP_SEC = 0.1
BATCH = 80
REFRESH_SEC = 900

Run = Callable[..., list[list[float]]]


def call(method: str, **parameters: object) -> str:
    """The first reply of kratosd to a call, as it is."""
    message = {"method": f"io.systemd.UserDatabase.{method}"}
    message["parameters"] = parameters | {"service": "org.kratosd1"}  # type: ignore[assignment]
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(PROVIDER))
        connection.sendall(json.dumps(message).encode() + b"\0")
        data = b""
        while b"\0" not in data:
            data += connection.recv(65536)
    return data.partition(b"\0")[0].decode()


def processor_ms(pid: int) -> float:
    """The processor time so far of a process and all below it; of those that have ended, in ticks."""
    spent, ticks = 0, 0
    for one in [pid, *descendants(pid)]:
        for task in Path(f"/proc/{one}/task").glob("*/schedstat"):
            spent += int(task.read_text().split()[0])
        # cutime and cstime of proc(5), counted from behind the name.
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[13]) + int(fields[14])
    return spent / 1e6 + ticks * 1000 / os.sysconf("SC_CLK_TCK")


class AccountBench:
    def __init__(
        self, effort, run: Run, programs: Path, daemon: Daemon, kratos: Kratos, postgres: Postgres
    ) -> None:
        self.effort, self._run, self.programs = effort, run, programs
        self.daemon, self.kratos, self.postgres = daemon, kratos, postgres
        self.people: dict[int, list[Person]] = {}
        self.known: list[Person] = []  # to Kratos

    # The world.

    def begin(self) -> None:
        """Leaves the daemon stopped, without anybody mapped, and makes the stores."""
        Path("/etc/nsswitch.conf").write_text(
            "passwd: files systemd\ngroup: files [SUCCESS=merge] systemd\nshadow: files systemd\n"
            "gshadow: files systemd\nhosts: files\nservices: files\n"
        )
        self.daemon.fresh(self.kratos)
        self.daemon.configure(
            Log={"Level": "info"}, Accounts={"RefreshSec": "1d", "RefreshOpenSec": "1d"}
        )
        self.daemon.start()
        self.daemon.stop()
        STORES.mkdir()
        empty = STORES / "empty.db"
        shutil.move(DATABASE, empty)
        for size in STORE_SIZES:
            self.people[size] = [Person(number) for number in range(size)]
        self.known = self.people[STORE_SIZES[-1]][: self.effort.identities]
        create_identities(self.kratos, self.postgres, "kratos", self.known)
        for size, groups in enumerate(GROUPS, 1):
            self.people[10][size].groups = groups
        for size, people in self.people.items():
            write_store(empty, STORES / f"{size}.db", people)
        for place in "trivial", "nobody":
            (PLACES / place).mkdir(parents=True)

    def start(self, store: str) -> None:
        install_store(STORES / store)
        self.daemon.start()

    def look_up(self, kind: str, times: int, words: list[str], *places: Path) -> list[list[float]]:
        """The times in microseconds, one list for each place."""
        input = "".join(f"{word}\n" for word in words)
        rows = self._run("look-ups", kind, times, *places, input=input)
        return [list(column) for column in zip(*rows)]

    def pairs(self, kind: str, times: int, person: Person) -> list[list[float]]:
        """Times with kratosd, and with a trivial provider of the same answers."""
        place = PLACES / "trivial"
        trivial = Service("trivial-provider")
        record = call("GetUserRecord", userName=person.name)
        trivial.spawn(
            [str(self.programs / "trivial-provider"), str(place / PROVIDER.name)]
            + [person.name, str(person.uid), str(person.groups), record]
        )
        wait_until((place / PROVIDER.name).exists, "the trivial provider is there")
        word = {"uid": str(person.uid), "unknown": "nobodyatall"}.get(kind, person.name)
        try:
            return self.look_up(kind, times, [word], USERDB, place)
        finally:
            trivial.kill()
            (place / PROVIDER.name).unlink()

    # The figures.

    def look_up_figures(self) -> None:
        someone, *members = self.people[10]
        times = self.effort.look_ups
        for kind, name in ("user", "nss_known"), ("uid", "nss_uid"), ("unknown", "nss_unknown"):
            ours, trivial = self.pairs(kind, times, someone)
            show(f"{name}_us_p50", p50(ours), "us")
            show(f"{name}_us_p99", p99(ours), "us")
            show(f"{name}_trivial_us_p50", p50(trivial), "us")
            show(f"{name}_ratio", p50(ours) / p50(trivial), "ratio")
        for member in members[: len(GROUPS)]:
            ours, trivial = self.pairs("groups", times // member.groups, member)
            show(f"initgroups_{member.groups}_us", p50(ours), "us")
            show(f"initgroups_{member.groups}_ratio", p50(ours) / p50(trivial), "ratio")
        ours, trivial = self.pairs("id", self.effort.processes, someone)
        show("id_cold_ms", p50(ours) / 1000, "ms")
        show("id_cold_ratio", p50(ours) / p50(trivial), "ratio")

    def asked_figures(self) -> None:
        """Names of nobody, and of people of whom this host has never heard and who become accounts."""
        asked = self.effort.strangers
        strangers = [f"stranger{number:03}" for number in range(asked + 1)]
        newcomers = [one.name for one in random.sample(self.known[STORE_SIZES[0] :], asked + 1)]
        for kind, names in ("unknown", strangers), ("user", newcomers):
            time.sleep(REFILL_SEC)
            (times,) = self.look_up(kind, asked, names, USERDB)
            name = "nss_unknown_asked" if kind == "unknown" else "nss_newcomer_asked"
            show(f"{name}_us_p50", p50(times), "us")

    def local_figures(self) -> None:
        """What a user of /etc/passwd pays for kratosd being there."""
        for kind, name in ("local", "nss_local_added_us"), ("groups", "nss_local_groups_added_us"):
            rows = self.look_up(kind, self.effort.look_ups, ["lokal"], USERDB, PLACES / "nobody")
            added = [ours - without for ours, without in zip(*rows)]
            show(f"{name}_p50", p50(added), "us")
            show(f"{name}_p99", p99(added), "us")

    def _first_look_ups(self, size: int, asked: list[Person]) -> list[float]:
        """Of people of whom this daemon has not been asked before, each of them once."""
        known = {one.number for one in asked}
        others = [one for one in self.people[size] if one.number not in known]
        people = random.sample(others, FIRST_ASKED + 1)
        (took,) = self.look_up("user", FIRST_ASKED, [one.name for one in people], USERDB)
        return took

    def growth_figures(self) -> None:
        """By turns too, as far as that goes: a daemon has one store at a time. What is asked for again
        and again it has ready; what grows with the store is what a first look-up costs."""
        times: dict[int, list[float]] = {size: [] for size in STORE_SIZES}
        starts: dict[int, list[float]] = {size: [] for size in STORE_SIZES}
        many: list[float] = []
        first: dict[int, list[float]] = {size: [] for size in FIRST_SIZES}
        memory: dict[int, tuple[float, float]] = {}
        chosen = {size: random.sample(people, ASKED) for size, people in self.people.items()}
        for _ in range(self.effort.store_rounds):
            for size in STORE_SIZES:
                install_store(STORES / f"{size}.db")
                begun = time.monotonic()
                self.daemon.spawn_only()
                assert self.daemon.notifications.wait(self.daemon.pid, "READY")
                starts[size].append((time.monotonic() - begun) * 1000)
                names = [one.name for one in chosen[size]]
                (took,) = self.look_up("user", self.effort.look_ups, names, USERDB)
                times[size].append(p50(took))
                if size in FIRST_SIZES:
                    first[size].append(p50(self._first_look_ups(size, chosen[size])))
                if size == STORE_SIZES[-1]:
                    names = [one.name for one in random.sample(self.people[size], ASKED_MANY)]
                    (took,) = self.look_up("user", self.effort.look_ups, names, USERDB)
                    many.append(p50(took))
                memory[size] = tuple(  # type: ignore[assignment]
                    memory_kib(self.daemon.pid, key) / 1024 for key in ("RssAnon", "VmRSS")
                )
                self.daemon.stop()
        for size in STORE_SIZES:
            show(f"nss_{size}_us_p50", p50(times[size]), "us")
            show(f"accounts_{size}_start_ms", p50(starts[size]), "ms")
            show(f"accounts_{size}_anon_mib", memory[size][0], "MiB")
            show(f"accounts_{size}_rss_mib", memory[size][1], "MiB")
        smallest, *_, largest = STORE_SIZES
        ratios = [large / small for small, large in zip(times[smallest], times[largest])]
        show("nss_growth_ratio", statistics.median(ratios), "ratio")
        show(f"nss_{largest}_{ASKED_MANY}_asked_us_p50", p50(many), "us")
        for size in FIRST_SIZES:
            show(f"nss_{size}_first_us_p50", p50(first[size]), "us")
        ratios = [large / small for small, large in zip(*first.values())]
        show("nss_first_growth_ratio", statistics.median(ratios), "ratio")

    def _change(self) -> dict[str, tuple[str, int, int]]:
        """Changes a few of them at Kratos. Returns what the host is to know of all then (read_store)."""
        *renamed, disabled, deleted = random.sample(self.known, CHANGED)
        for one in renamed:
            one.gecos = "Another Name"
            path = "/metadata_public/posix/gecos"
            self.kratos.patch(one.id, {"op": "replace", "path": path, "value": one.gecos})
        self.kratos.set_state(disabled.id, "inactive")
        self.kratos.delete_identity(deleted.id)
        return {
            one.id: (one.document_text(), int(one is not disabled), 1)
            for one in self.known
            if one is not deleted
        }

    def _round(self, requests: int) -> tuple[list[Request], list[float]]:
        """One round of the refresh, of so many requests. Returns them, and the processor time in
        seconds of the daemon, of Kratos, and of PostgreSQL."""
        pids = self.daemon.pid, self.kratos.pid, self.postgres.pid
        before = [processor_ms(pid) for pid in pids]
        with closing(self.kratos.follow("/admin/identities")) as log:
            self.daemon.reload()
            wait_until(lambda: len(log.read()) >= requests, "the round is over", ROUND_MAX_SEC)
            time.sleep(SETTLE_SEC)
            spent = [(processor_ms(pid) - ms) / 1000 for pid, ms in zip(pids, before)]
            return log.read(), spent

    def refresh_figures(self) -> None:
        """A whole round. Exactly what has changed at Kratos arrives, and everybody was asked for."""
        write_store(STORES / "empty.db", STORES / "refreshed.db", self.known, checked=0)
        wanted = self._change()
        batches = math.ceil(len(self.known) / BATCH)
        self.start("refreshed.db")
        # Whoever is not in an answer any more is asked for once more, alone.
        requests, spent = self._round(batches + 1)
        self.daemon.stop()
        wrong = read_store().items() ^ wanted.items()
        assert not wrong, f"{len(wrong)} differ: {sorted(wrong)[:4]}"
        took = max(one.begun + one.took for one in requests) - min(one.begun for one in requests)
        working = took - (batches - 1) * STEP_SEC
        show("refresh_accounts", len(self.known), "accounts")
        show("refresh_requests", len(requests), "requests")
        show("refresh_s", took, "s")
        show("refresh_without_pauses_s", working, "s")
        for name, seconds in zip(("", "kratos_", "postgres_"), spent):
            show(f"refresh_{name}cpu_s", seconds, "s")
        answering, answering_cpu = sum(one.took for one in requests), sum(spent[1:])
        show("kratos_refresh_request_ms", answering / len(requests) * 1000, "ms")
        show("kratos_refresh_request_cpu_ms", answering_cpu / len(requests) * 1000, "ms")
        self.load_figures(working / batches)

    def load_figures(self, each: float) -> None:
        """What many hosts would cost, where a request and what becomes of it takes so many seconds."""
        for accounts in STORE_SIZES[1:]:
            requests = math.ceil(accounts / BATCH)
            took = requests * (STEP_SEC + each)
            show(f"kratos_refresh_{accounts}_s", took, "s")
            for hosts in HOSTS:
                rate = hosts * requests / (REFRESH_SEC + took)
                show(f"kratos_load_{hosts}_hosts_{accounts}_accounts", rate, "requests/s")

    def all(self) -> None:
        self.begin()
        self.start(f"{STORE_SIZES[0]}.db")
        self.look_up_figures()
        self.asked_figures()
        self.local_figures()
        self.daemon.stop()
        self.growth_figures()
        self.refresh_figures()
