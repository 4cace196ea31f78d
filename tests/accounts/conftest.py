"""The fixtures of the accounts' tests: a host without account files for its people."""

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from faultserver import FaultServer
from world import pam
from world.daemon import Daemon
from world.kratos import Identity, Json, Kratos
from world.prepare import PEOPLE
from world.ssh import Sshd

sys.path.insert(0, str(Path(__file__).parent))

from looking import QUICK  # noqa: E402

PROXY_PORT = 435
PASSWORD = "correct horse battery staple"


@pytest.fixture(autouse=True)
def _nsswitch() -> None:
    """As Debian's libnss-systemd sets it."""
    Path("/etc/nsswitch.conf").write_text(
        "passwd: files systemd\ngroup: files [SUCCESS=merge] systemd\nshadow: files systemd\n"
        "gshadow: files systemd\nhosts: files\nservices: files\n"
    )


@pytest.fixture(autouse=True)
def _skeleton() -> None:
    """No home of anybody's, and what a new one has in it: the prompt that world.ssh waits for."""
    shutil.rmtree("/etc/skel", ignore_errors=True)
    Path("/etc/skel").mkdir()
    for home in Path("/home").iterdir():
        if home.name not in PEOPLE:
            shutil.rmtree(home)
    Path("/etc/skel/.profile").write_text("PS1='[\\u@\\h]\\$ '\nunset MAIL PROMPT_COMMAND\n")


@pytest.fixture
def make(kratos: Kratos) -> Callable[..., Identity]:
    """Makes an identity with an account document: make("dora", uid=…, groups=[…])."""

    def identity(username: str, **document: Json) -> Identity:
        name = document.pop("name", username)
        return kratos.create_identity(
            username, PASSWORD, metadata_public={"posix": {"name": name} | document}
        )

    return identity


@pytest.fixture
def quick(stopped_daemon: Daemon) -> Daemon:
    """kratosd, as new, running, with an account's every change asked for within seconds."""
    stopped_daemon.configure(**QUICK)
    stopped_daemon.start()
    return stopped_daemon


@pytest.fixture
def proxy(stopped_daemon: Daemon, kratos: Kratos) -> Iterator[FaultServer]:
    """Between a kratosd that is not yet started and Kratos's admin API."""
    with FaultServer(PROXY_PORT, upstream=(kratos.public_port, kratos.admin_port)) as server:
        stopped_daemon.configure(Kratos={"AdminURL": server.url})
        yield server


@pytest.fixture
def keyed_sshd(sshd: Sshd) -> Sshd:
    """sshd that takes people's keys from the user database, and nowhere else."""
    sshd.stop()
    sshd.start(
        AuthorizedKeysFile="none",
        AuthorizedKeysCommand="/usr/bin/userdbctl ssh-authorized-keys %u",
        AuthorizedKeysCommandUser="root",
    )
    return sshd


@pytest.fixture
def stack() -> str:
    """A PAM service whose account phase is ours alone."""
    pam.pam_service("strict", pam.ONLY_US)
    return "strict"
