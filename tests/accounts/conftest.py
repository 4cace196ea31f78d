"""The fixtures of the accounts' tests: a host without account files for its people."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from world.kratos import Identity, Json, Kratos

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
    """What a new home has in it: the prompt that world.ssh waits for."""
    shutil.rmtree("/etc/skel", ignore_errors=True)
    Path("/etc/skel").mkdir()
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
