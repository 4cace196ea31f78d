"""The fixtures of the accounts' tests: a host without account files for its people."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from world import pam
from world.daemon import Daemon
from world.kratos import Identity, Json, Kratos

PASSWORD = "correct horse battery staple"


@pytest.fixture(autouse=True)
def _nsswitch() -> None:
    """As Debian's libnss-systemd sets it."""
    Path("/etc/nsswitch.conf").write_text(
        "passwd: files systemd\ngroup: files [SUCCESS=merge] systemd\nshadow: files systemd\n"
        "gshadow: files systemd\nhosts: files\nservices: files\n"
    )


@pytest.fixture
def make(kratos: Kratos) -> Callable[..., Identity]:
    """Makes an identity with an account document: make("dora", uid=…, groups=[…])."""

    def identity(username: str, **document: Json) -> Identity:
        name = document.pop("name", username)
        return kratos.create_identity(
            username, PASSWORD, metadata_public={"posix": {"name": name} | document}
        )

    return identity
