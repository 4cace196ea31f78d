"""A person whom this host has never seen."""

import subprocess
from collections.abc import Callable

from world.daemon import Daemon
from world.kratos import Identity, Kratos


def getent(*argv: str) -> str:
    return subprocess.run(["getent", *argv], capture_output=True, text=True).stdout.strip()


def test_getent(daemon: Daemon, kratos: Kratos, make: Callable[..., Identity]) -> None:
    make("dora", groups=["developers"], gecos="Dora")
    entry = getent("passwd", "dora").split(":")
    assert entry[0] == "dora" and entry[4:] == ["Dora", "/home/dora", "/bin/bash"], daemon.log()
    assert getent("passwd", entry[2]).split(":") == entry
    assert getent("group", "developers").split(":")[0] == "developers"
    told = subprocess.run(["id", "dora"], capture_output=True, text=True).stdout
    assert "developers" in told
