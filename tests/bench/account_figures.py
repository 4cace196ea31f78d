"""The figures of account look-ups: what NSS costs with kratosd behind nss-systemd, beside the same
with a provider that does nothing (trivial-provider.c); what 100,000 people cost; and what hosts that
ask again and again cost Kratos.

Ours and the trivial one are measured by turns, by one process, each in the place of the other
(look-ups.c). A known name is somebody's with an SSH key; an unknown one is known to be nobody's,
but for nss_unknown_asked: a new one each time, for which Kratos is asked.
"""

import json
import math
import random
import shutil
import socket
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from admin_server import Watch
from figures import p50, p99, show
from people import DATABASE, Person, install_store, write_store

from world.daemon import USERDB as PROVIDER
from world.daemon import Daemon
from world.kratos import Kratos
from world.paths import WORLD
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
HOSTS = (2_000, 20_000)
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
    """The processor time so far of a process and all below it."""
    spent = 0
    for one in [pid, *descendants(pid)]:
        for task in Path(f"/proc/{one}/task").glob("*/schedstat"):
            spent += int(task.read_text().split()[0])
    return spent / 1e6


class AccountBench:
    def __init__(
        self, effort, run: Run, programs: Path, daemon: Daemon, kratos: Kratos, postgres: Service
    ) -> None:
        self.effort, self._run, self.programs = effort, run, programs
        self.daemon, self.kratos, self.postgres = daemon, kratos, postgres
        self.people: dict[int, list[Person]] = {}

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
        """A new name each time, as fast as kratosd asks Kratos for them."""
        names = [f"stranger{number:03}" for number in range(self.effort.strangers + 1)]
        (times,) = self.look_up("unknown", self.effort.strangers, names, USERDB)
        show("nss_unknown_asked_us_p50", p50(times), "us")

    def local_figures(self) -> None:
        """What a user of /etc/passwd pays for kratosd being there."""
        for kind, name in ("local", "nss_local_added_us"), ("groups", "nss_local_groups_added_us"):
            rows = self.look_up(kind, self.effort.look_ups, ["lokal"], USERDB, PLACES / "nobody")
            added = [ours - without for ours, without in zip(*rows)]
            show(name, p50(added), "us")

    def growth_figures(self) -> None:
        """By turns too, as far as that goes: a daemon has one store at a time."""
        times: dict[int, list[float]] = {size: [] for size in STORE_SIZES}
        starts: dict[int, list[float]] = {size: [] for size in STORE_SIZES}
        many: list[float] = []
        first: list[float] = []
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
                if size == STORE_SIZES[-1]:
                    for asked, column in (ASKED_MANY, many), (self.effort.look_ups, first):
                        people = random.sample(self.people[size], asked)
                        names = [one.name for one in people]
                        (took,) = self.look_up("user", self.effort.look_ups, names, USERDB)
                        column.append(p50(took))
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
        show(f"nss_{largest}_first_us_p50", p50(first), "us")

    def _round(self, watch: Watch, store: str) -> float:
        """One round of the refresh. Returns the daemon's processor time in seconds."""
        accounts = {"RefreshSec": "1s", "RefreshOpenSec": "1d"}
        self.daemon.configure(Kratos={"AdminURL": watch.url}, Accounts=accounts)
        self.start(store)
        before = processor_ms(self.daemon.pid)
        assert watch.done.wait(900), f"{len(watch.waiting)} people were not asked for"
        spent = (processor_ms(self.daemon.pid) - before) / 1000
        self.daemon.stop()
        watch.close()
        return spent

    def refresh_figures(self) -> None:
        """A whole round, of people of whom nothing has changed, with a Kratos that takes no time."""
        people = self.people[STORE_SIZES[-1]][: self.effort.refreshed]
        write_store(STORES / "empty.db", STORES / "refreshed.db", people)
        watch = Watch(people)
        spent = self._round(watch, "refreshed.db")
        took = watch.ended - watch.begun
        show("refresh_accounts", len(people), "accounts")
        show("refresh_requests", watch.requests, "requests")
        show("refresh_s", took, "s")
        show("refresh_without_pauses_s", took - (watch.requests - 1) * STEP_SEC, "s")
        show("refresh_cpu_s", spent, "s")

    def _create(self, people: list[Person]) -> None:
        """Makes them identities of Kratos's."""
        for first in range(0, len(people), 500):
            batch = people[first : first + 500]
            wanted = [
                {"create": {key: one.identity()[key] for key in ("schema_id", "traits", "metadata_public")}}
                for one in batch
            ]
            answer = self.kratos.admin("PATCH", "/admin/identities", {"identities": wanted})
            assert answer.status == 200, answer
            for one, made in zip(batch, answer.body["identities"]):
                one.id = made["identity"]

    def kratos_figures(self) -> None:
        """The same with a real Kratos and fewer people, and what it would be for more."""
        people = [Person(number) for number in range(self.effort.known_to_kratos)]
        self._create(people)
        write_store(STORES / "empty.db", STORES / "kratos.db", people)
        watch = Watch(people, self.kratos.admin_port)
        before = processor_ms(self.kratos.pid) + processor_ms(self.postgres.pid)
        self._round(watch, "kratos.db")
        spent = processor_ms(self.kratos.pid) + processor_ms(self.postgres.pid) - before
        each = watch.answering / watch.requests
        show("kratos_refresh_request_ms", each * 1000, "ms")
        show("kratos_refresh_request_cpu_ms", spent / watch.requests, "ms")
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
        self.kratos_figures()
