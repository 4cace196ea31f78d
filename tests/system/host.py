"""A host as its administrator makes it, before our software comes and after."""

import shutil

from world.box import Box
from world.kratos import ADMIN_PORT, PUBLIC_PORT
from world.paths import build

PASSWORD = "correct horse battery staple"
LOCAL_PASSWORD = "the password of lokal"
INSTALL_TIMEOUT = 120.0

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


def prepare_host(box: Box) -> None:
    """A host as its administrator has it before our software comes, with a person of its own."""
    box.write("/etc/hostname", "testhost\n")
    box.write("/etc/hosts", "127.0.0.1 localhost testhost\n")
    # The prompt that world.ssh waits for.
    box.write("/etc/skel/.profile", "PS1='[\\u@\\h]\\$ '\nunset MAIL PROMPT_COMMAND\n")
    box.write("/etc/ssh/sshd_config.d/people.conf", SSHD)


def install_packages(box: Box) -> None:
    """On a running host. What they depend on is there already."""
    folder = build()
    assert folder
    for package in (folder / "package").glob("*[!m]_*.deb"):
        shutil.copy(package, box.path("/var/cache"))
    box.sh("apt-get --quiet --yes install /var/cache/*.deb; rm /var/cache/*.deb", timeout=INSTALL_TIMEOUT)


def install_as_the_readme_says(box: Box) -> None:
    install_packages(box)
    box.write("/etc/kratosd/kratosd.conf.d/local.conf", CONFIGURATION)
    box.run("kratosd", "--check-config")
    box.run("systemctl", "reload", "kratosd")
