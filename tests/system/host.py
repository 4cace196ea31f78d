"""A host as its administrator makes it, before our software comes and after."""

import re
import shutil
from pathlib import Path

from world.box import ROOT, Box
from world.kratos import ADMIN_PORT, PUBLIC_PORT, Identity, Json, Kratos
from world.paths import TREE, build
from world.processes import wait_until
from world.ssh import SshSession, make_keys

PASSWORD = "correct horse battery staple"
LOCAL_PASSWORD = "the password of lokal"
ROOT_PASSWORD = "the password of root"
INSTALL_TIMEOUT = 120.0
# More than a boot varies, in seconds, and far less than anybody who waits for somebody has to wait.
BOOT_MARGIN = 2.0
# The same where several boots are compared.
BOOT_ADDED = 1.0

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
Match User *,!root
    AuthorizedKeysCommand /usr/bin/userdbctl ssh-authorized-keys %u
    AuthorizedKeysCommandUser root
"""


def prepare_host(box: Box) -> None:
    """The files of a host as its administrator has it before our software comes."""
    box.write("/etc/hostname", "testhost\n")
    box.write("/etc/hosts", "127.0.0.1 localhost testhost\n")
    # The prompt that world.ssh waits for.
    for profile in "/etc/skel/.profile", "/root/.profile":
        box.write(profile, "PS1='[\\u@\\h]\\$ '\nunset MAIL PROMPT_COMMAND\n")
    # People who come and go as quickly as tests do look like a getty that does not start.
    box.write("/etc/systemd/system/console-getty.service.d/often.conf", "[Unit]\nStartLimitIntervalSec=0\n")
    box.write("/etc/ssh/sshd_config.d/people.conf", SSHD)
    box.write("/root/.ssh/authorized_keys", make_keys() + "\n")
    box.write("/etc/sudoers.d/lokal", "Defaults lecture=never\nlokal ALL=(ALL) ALL\n", 0o440)


def make_people(box: Box) -> None:
    """On a running host: its administrator's password, and a person of its own."""
    box.run("useradd", "--create-home", "--shell=/bin/bash", "lokal")
    box.run("chpasswd", input=f"lokal:{LOCAL_PASSWORD}\nroot:{ROOT_PASSWORD}\n")


def suite() -> str:
    """The release of the Debian that is booted."""
    release = (max(ROOT.iterdir()) / "etc/os-release").read_text()
    (found,) = re.findall(r"^VERSION_CODENAME=(\w+)$", release, re.M)
    return found


def built_packages() -> Path:
    """The folder of those that were built there."""
    built = build()
    assert built
    return built / f"package-{suite()}"


def put_packages(box: Box, folder: Path | None = None) -> list[str]:
    """Copies those of a folder, or else of the build, onto its disk. Returns the names that they have there."""
    found = [
        path for path in (folder or built_packages()).glob("*.deb") if "-dbgsym_" not in path.name
    ]
    for path in found:
        shutil.copy(path, box.path("/var/cache"))
    return [f"/var/cache/{path.name}" for path in found]


def install_packages(box: Box) -> None:
    """On a running host. What they depend on is there already."""
    put_packages(box)
    box.sh("apt-get --quiet --yes install /var/cache/*.deb; rm /var/cache/*.deb", timeout=INSTALL_TIMEOUT)


def readme_steps() -> list[list[str]]:
    """The indented blocks of the README's numbered steps, in their order: each is some lines of a file, or of
    a shell."""
    text = (TREE / "README.md").read_text()
    section = text.split("\n## Put it on a host\n")[1].split("\n## ")[0]
    steps = section[: section.rindex("\n5. ")]
    return [
        [line.strip() for line in block.splitlines()]
        for block in re.findall(r"(?:^ {7}\S.*\n)+", steps, re.M)
    ]


def take_readme_step(box: Box, lines: list[str]) -> None:
    if lines[0].startswith("["):
        text = "\n".join(lines) + "\n"
        for key, port in ("PublicURL", PUBLIC_PORT), ("AdminURL", ADMIN_PORT):
            text = re.sub(rf"^{key}=.*$", f"{key}=http://127.0.0.1:{port}", text, flags=re.M)
        box.write("/etc/kratosd/kratosd.conf.d/local.conf", text)
        return
    for line in lines:
        box.sh(f"cd /var/cache/tree; {line}", timeout=INSTALL_TIMEOUT)


def follow_the_readme(box: Box, *, until: str = "") -> None:
    """On a running host, with the packages built already: that part is done where the tools are. Ends before the
    line that begins like that."""
    built, *steps = readme_steps()
    box.path("/var/cache/tree").mkdir()
    put_packages(box)
    take_readme_step(box, [line for line in built if line.startswith("apt install")])
    for lines in steps:
        for number, line in enumerate(lines):
            if until and line.startswith(until):
                return take_readme_step(box, lines[:number])
        take_readme_step(box, lines)


def install_as_the_readme_says(box: Box) -> None:
    """As far as it can be done without a Kratos, which the tests have later."""
    follow_the_readme(box, until="getent passwd")
    box.write("/etc/kratosd/kratosd.conf.d/tests.conf", "[Log]\nLevel=debug\n")
    box.sh("rm -r /var/cache/*.deb /var/cache/tree")


def person(kratos: Kratos, name: str, **document: Json) -> Identity:
    """An identity with an account document: uid=…, groups=[…]."""
    document = {"name": name, "sshKeys": [make_keys()]} | document
    return kratos.create_identity(name, f"{PASSWORD} of {name}", metadata_public={"posix": document})


def put_key(box: Box, name: str) -> None:
    """The tests' key into the home of somebody who may have none yet."""
    home = f"/home/{name}"
    box.sh(f"install -d -o {name} -g {name} -m 700 {home} {home}/.ssh")
    box.write(f"{home}/.ssh/authorized_keys", make_keys() + "\n")


def key_is_in_vain(box: Box, name: str) -> None:
    """sshd takes somebody's key, and the account phase refuses them all the same. They come from an address of
    their own, for Debian 13's sshd drops whoever comes in vain too often."""

    def denials() -> int:
        told = box.run("journalctl", "--boot", "--output=cat", "--unit=ssh.service").stdout
        return told.count(f"Access denied for user {name} by PAM account configuration")

    before = denials()
    assert SshSession(name, key=True, source="127.0.0.9").finish().status == 255
    wait_until(lambda: denials() > before, f"the account phase has refused {name}")


def boot_seconds(box: Box, unit: str = "multi-user.target") -> float:
    """From the start of systemd until a unit is there, or all that a boot starts, by systemd's clock."""
    begun = box.run("systemctl", "show", "--value", "--property=UserspaceTimestampMonotonic").stdout
    (done,) = box.show(unit, "ActiveEnterTimestampMonotonic")
    assert int(done), box.log()[-4000:]
    return (int(done) - int(begun)) / 1e6
