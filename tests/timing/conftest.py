"""The fixtures of the timing's tests: a Kratos with its own random delay on, and names of all kinds."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from world import pam
from world.daemon import Daemon
from world.kratos import Kratos

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "login")]

from calling import start  # noqa: E402
from refusing import PASSWORD, PEOPLE, PROGRAM, SERVICE  # noqa: E402


@pytest.fixture(scope="session")
def _program() -> None:
    PROGRAM.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["cc", "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O1", "-g"]
        + [HERE / "refusals.c", "-o", PROGRAM, "-lpam"],
        check=True,
    )


@pytest.fixture
def scene(durable_daemon: Daemon, durable_kratos: Kratos, _program: None) -> Iterator[Kratos]:
    """People of every kind, and nobody is throttled."""
    durable_kratos.configure(
        hashers__argon2__expected_duration="500ms", hashers__argon2__expected_deviation="500ms"
    )
    durable_kratos.restart()
    durable_kratos.delete_all_identities()
    pam.pam_service(SERVICE, pam.ONLY_US)
    passwd = Path("/etc/passwd")
    before = passwd.read_text()
    people = {name: durable_kratos.create_identity(name, PASSWORD) for name in PEOPLE}
    lines = [f"{name}:x:{uid}:{uid}::/:/bin/sh\n" for uid, name in enumerate(PEOPLE, 3000)]
    passwd.write_text(before + "".join(lines))
    for name, identity in people.items():
        durable_daemon.map(name, identity.id)
    durable_kratos.set_state(people["resting"].id, "inactive")
    durable_kratos.delete_identity(people["gone"].id)
    durable_daemon.configure(Throttle={"Enabled": "no"})
    start(durable_daemon)
    yield durable_kratos
    passwd.write_text(before)
