"""The fixtures of the real programs' tests. What they share by name is in programs.py."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from faultserver import FaultServer
from world import pam
from world.daemon import Daemon
from world.kratos import Kratos

sys.path.insert(0, str(Path(__file__).parent))

from programs import (  # noqa: E402
    OPEN_TIMEOUT_SEC, ROOT_PASSWORD, configure_client, nothing_left, on_the_bus,
)  # fmt: skip

PROXY_PORT = 435
PROFILES = "sshd", "login", "su", "sudo", "sudo-i"

SUDOERS = """\
Defaults env_reset, use_pty, timestamp_timeout=0, lecture=never, !mail_badpass
root, alice, bob, lokal ALL=(ALL:ALL) ALL
"""

# The prompt for which SshSession waits, also in shells that are no login shells.
PROMPT = "PS1='[\\u@\\h]\\$ '\nunset MAIL PROMPT_COMMAND\n"


@pytest.fixture(scope="module", autouse=True)
def _host(_software: None) -> None:
    """A host with the tree's profiles, sudo for everybody, a password for root, and a plain prompt."""
    for name in PROFILES:
        pam.pam_service(name)
    sudoers = Path("/etc/sudoers")
    sudoers.write_text(SUDOERS)
    os.chmod(sudoers, 0o440)
    subprocess.run(["chpasswd"], input=f"root:{ROOT_PASSWORD}\n", text=True, check=True)
    for path in "/etc/bash.bashrc", "/root/.bashrc", "/root/.profile":
        Path(path).write_text(PROMPT)
    configure_client()


@pytest.fixture(autouse=True)
def _profiles() -> Iterator[None]:
    """Profiles that a test changed are the tree's again."""
    yield
    for name in PROFILES:
        pam.pam_service(name)


@pytest.fixture
def daemon(stopped_daemon: Daemon, kratos: Kratos) -> Iterator[Daemon]:
    """kratosd, as new, on the bus; it does not wait long for a session to be opened. At the end of a
    test in which it still runs, nothing may be left."""
    stopped_daemon.configure(Sessions={"OpenTimeoutSec": f"{OPEN_TIMEOUT_SEC:.0f}s"})
    stopped_daemon.start()
    yield on_the_bus(stopped_daemon)
    if stopped_daemon.running and kratos.running:
        nothing_left(kratos)


@pytest.fixture
def proxied_daemon(
    stopped_daemon: Daemon, kratos: Kratos
) -> Iterator[tuple[Daemon, FaultServer]]:
    """The like, with a server between it and Kratos that can hold requests and answers."""
    upstream = kratos.public_port, kratos.admin_port
    with FaultServer(PROXY_PORT, upstream=upstream) as proxy:
        stopped_daemon.configure(
            Kratos={"PublicURL": proxy.url, "AdminURL": proxy.url},
            Sessions={"OpenTimeoutSec": f"{OPEN_TIMEOUT_SEC:.0f}s"},
        )
        stopped_daemon.start()
        yield on_the_bus(stopped_daemon), proxy
        if stopped_daemon.running:
            nothing_left(kratos)
