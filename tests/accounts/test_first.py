"""A person whom this host has never seen."""

import subprocess
from collections.abc import Callable
from pathlib import Path

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


def test_keys_without_userdbctl(
    daemon: Daemon, kratos: Kratos, make: Callable[..., Identity], sshd: Sshd
) -> None:
    """kratosd --ssh-keys as AuthorizedKeysCommand, of whoever has them and may come in."""
    key = Path("/run/world/ssh/client_key.pub").read_text().strip()
    dora = make("dora", sshKeys=[key])
    sshd.stop()
    sshd.start(
        AuthorizedKeysFile="none",
        AuthorizedKeysCommand="/usr/sbin/kratosd --ssh-keys %u",
        AuthorizedKeysCommandUser="root",
    )
    login = SshSession("dora", key=True).shell()
    assert login.run("id -un") == "dora"
    login.logout()
    kratos.set_state(dora.id, "inactive")
    daemon.configure(Access={"FreshSec": "0"})
    daemon.reload()
    assert SshSession("dora", key=True).finish().status == 255

    def keys(name: str) -> str:
        run = subprocess.run(["kratosd", "--ssh-keys", name], capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        return run.stdout

    assert keys("dora") == ""
    assert keys("nobody") == keys("lokal") == keys("Dora") == keys('"') == ""
    daemon.stop()
    assert subprocess.run(["kratosd", "--ssh-keys", "dora"], capture_output=True).returncode == 69
