"""A person whom this host has never seen."""

import subprocess
from collections.abc import Callable

from world.daemon import Daemon
from world.kratos import Identity, Kratos
from world.ssh import Sshd, SshSession


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


def test_ssh(daemon: Daemon, kratos: Kratos, make: Callable[..., Identity], sshd: Sshd) -> None:
    """The first login of a person whom nobody here has ever asked for."""
    dora = make("dora", groups=["developers"])
    login = SshSession("dora").login(dora.password)
    assert login.run("id -un; id -Gn; pwd").split() == ["dora", "dora", "developers", "/home/dora"]
    assert len(kratos.active_sessions(dora.id)) == 1
    assert login.logout().status == 0
