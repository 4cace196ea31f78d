"""The figures of whole machines: what our packages add to a boot and to the ssh login of somebody local,
who is not ours. Two machines that differ in nothing else are measured by turns.

A login is measured from the start of ssh until the first word from the shell that it has led to: with a
key, and with a password, which is the way that passes through our module's part of the auth phase, but
also through a hash, beside which nothing of ours shows."""

import statistics
import sys
import time
from pathlib import Path
from typing import Protocol

from figures import show

from world.box import Box
from world.kratos import Kratos
from world.processes import command_name, descendants, memory_kib
from world.ssh import make_keys, start_client

sys.path.insert(0, str(Path(__file__).parents[1] / "system"))

from host import (  # noqa: E402
    LOCAL_PASSWORD, boot_seconds, install_as_the_readme_says, make_people, prepare_host,
)  # fmt: skip

WITH, WITHOUT = "with", "without"
PORTS = {WITH: 2022, WITHOUT: 2023}
# A shell of the machine's that has been started, and what starts for the first login only.
WARM_UP = 3
LOGIN_TIMEOUT = 60.0


class Effort(Protocol):
    """How often each thing is measured."""

    boots: int
    ssh_pairs: int
    ssh_password_pairs: int


class SystemBench:
    def __init__(self, effort: Effort, kratos: Kratos, with_us: list[Path], without: list[Path]) -> None:
        """The layers of a machine's disk with our packages and without them."""
        self.effort = effort
        self.kratos = kratos
        self.layers = {WITH: with_us, WITHOUT: without}

    def _machine(self, side: str) -> Box:
        box = Box(side, *self.layers[side])
        box.write("/etc/ssh/sshd_config.d/port.conf", f"Port {PORTS[side]}\n")
        box.write("/home/lokal/.ssh/authorized_keys", make_keys() + "\n")
        box.power_on()
        return box

    # Boots.

    def _boot(self, side: str) -> float:
        box = self._machine(side)
        try:
            if side == WITH:
                (pid,) = (pid for pid in descendants(box.pid) if command_name(pid) == "kratosd")
                self.memory.append((memory_kib(pid, "RssAnon") / 1024, memory_kib(pid, "VmRSS") / 1024))
            return boot_seconds(box)
        finally:
            box.remove()

    def boot_figures(self) -> None:
        self.memory: list[tuple[float, float]] = []
        boots = by_turns(self.effort.boots, self._boot)
        tell("boot", boots, "s")
        anon, rss = (statistics.median(column) for column in zip(*self.memory))
        show("booted_daemon_anon_mib", anon, "MiB")
        show("booted_daemon_rss_mib", rss, "MiB")

    # Logins.

    @staticmethod
    def _login_ms(side: str, password: str | None) -> float:
        begun = time.monotonic()
        client = start_client("ssh", "-p", str(PORTS[side]), "lokal@127.0.0.1", "echo", password=password)
        assert client.stdout
        said = client.stdout.readline()
        took = time.monotonic() - begun
        _, errors = client.communicate(timeout=LOGIN_TIMEOUT)
        assert said == "\n" and client.returncode == 0, errors
        return took * 1000

    def login_figures(self) -> None:
        machines = [self._machine(side) for side in self.layers]
        try:
            for name, pairs, password in (
                ("key", self.effort.ssh_pairs, None),
                ("password", self.effort.ssh_password_pairs, LOCAL_PASSWORD),
            ):
                by_turns(WARM_UP, lambda side: self._login_ms(side, password))
                logins = by_turns(pairs, lambda side: self._login_ms(side, password))
                tell(f"local_ssh_{name}", logins, "ms")
        finally:
            for box in machines:
                box.remove()

    def all(self) -> None:
        self.boot_figures()
        self.login_figures()


def by_turns(pairs: int, measure) -> list[dict[str, float]]:
    """Measures one side and the other, and the other one first the next time."""
    found = []
    for number in range(pairs):
        sides = (WITH, WITHOUT) if number % 2 else (WITHOUT, WITH)
        found.append({side: measure(side) for side in sides})
    return found


def tell(name: str, pairs: list[dict[str, float]], unit: str) -> None:
    """The medians of both sides and of the differences of the pairs, and how far half of these lie apart."""
    for side in WITH, WITHOUT:
        show(f"{name}_{side}_{unit}_p50", statistics.median(pair[side] for pair in pairs), unit)
    added = sorted(pair[WITH] - pair[WITHOUT] for pair in pairs)
    show(f"{name}_added_{unit}_p50", statistics.median(added), unit)
    show(f"{name}_added_{unit}_quartiles", added[len(added) * 3 // 4] - added[len(added) // 4], unit)


def layers() -> tuple[list[Path], list[Path]]:
    """Of machines with our packages, and without them: made as those of the tests are."""
    prepared = Box("preparation")
    prepare_host(prepared)
    prepared.power_on()
    make_people(prepared)
    prepared.power_off()
    below = [prepared.layer()]
    installed = Box("installation", *below)
    installed.power_on()
    install_as_the_readme_says(installed)
    installed.power_off()
    return [installed.layer(), *below], below
