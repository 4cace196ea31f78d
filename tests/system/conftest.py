"""The fixtures of the tests on a booted Debian: a machine with our software on it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from world.box import Box
from world.fixtures import kept
from world.kratos import ADMIN_PORT, PUBLIC_PORT, Identity, Json, Kratos
from world.paths import TREE, build
from world.prepare import install
from world.ssh import make_keys

PASSWORD = "correct horse battery staple"
LOCAL_PASSWORD = "the password of lokal"

CONFIGURATION = f"""\
[Kratos]
PublicURL=http://127.0.0.1:{PUBLIC_PORT}
AdminURL=http://127.0.0.1:{ADMIN_PORT}

[Log]
Level=debug
"""

SSHD = """\
KbdInteractiveAuthentication yes
PasswordAuthentication yes
AuthorizedKeysCommand /usr/bin/userdbctl ssh-authorized-keys %u
AuthorizedKeysCommandUser root
"""


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    """Shows with each failure what the machine's journal says."""
    outcome = yield
    box = item.funcargs.get("off")
    if outcome.get_result().failed and box and box.running:
        journal = box.run("journalctl", "--lines=60", "--no-hostname", check=False).stdout
        outcome.get_result().sections.append(("the end of the machine's journal", journal))


def prepare_host(box: Box) -> None:
    """A host as its administrator has it before our software comes, with a person of its own."""
    box.write("/etc/hostname", "testhost\n")
    box.write("/etc/hosts", "127.0.0.1 localhost testhost\n")
    # The prompt that world.ssh waits for.
    box.write("/etc/skel/.profile", "PS1='[\\u@\\h]\\$ '\nunset MAIL PROMPT_COMMAND\n")
    box.write("/etc/ssh/sshd_config.d/people.conf", SSHD)


def install_as_the_readme_says(box: Box) -> None:
    """On a running host."""
    folder = build()
    assert folder
    install(folder, destination=box.root)
    box.run("systemd-sysusers")
    box.run("systemctl", "daemon-reload")
    box.run("systemctl", "reload", "dbus")
    box.write("/etc/kratosd/kratosd.conf.d/local.conf", CONFIGURATION)
    box.run("kratosd", "--check-config")
    box.run("systemctl", "enable", "--now", "kratosd")
    for service in "sshd", "login", "su", "sudo":
        shutil.copy(TREE / "etc/pam" / service, box.path(f"/etc/pam.d/{service}"))
    box.run("systemctl", "reload", "ssh")


@pytest.fixture(scope="session")
def _installed() -> Iterator[Path]:
    """What the installation changes on the disk of a fresh Debian."""
    box = Box("installation")
    try:
        with kept(box):
            prepare_host(box)
            box.power_on()
            box.run("useradd", "--create-home", "--shell=/bin/bash", "lokal")
            box.run("chpasswd", input=f"lokal:{LOCAL_PASSWORD}\n")
            install_as_the_readme_says(box)
            box.power_off()
            yield box.layer()
    finally:
        box.remove()


@pytest.fixture
def off(_installed: Path) -> Iterator[Box]:
    """A machine with our software, powered off."""
    box = Box("box", _installed)
    try:
        yield box
    finally:
        box.remove()


@pytest.fixture
def box(kratos: Kratos, off: Box) -> Box:
    """A machine with our software, booted, and a Kratos that it can reach."""
    off.power_on()
    return off


@pytest.fixture
def make(kratos: Kratos) -> Callable[..., Identity]:
    """Makes an identity with an account document: make("dora", uid=…, groups=[…])."""

    def identity(name: str, **document: Json) -> Identity:
        document = {"name": name, "sshKeys": [make_keys()]} | document
        return kratos.create_identity(
            name, f"{PASSWORD} of {name}", metadata_public={"posix": document}
        )

    return identity
