"""Fills a fresh world: people, system users, the files that decide how people are looked up and
authenticated, and the software under test. tests/lib/enter runs it once: python3 -m world.prepare
"""

import fcntl
import grp
import os
import pwd
import shutil
import socket
import struct
import subprocess
import sys
import uuid
from pathlib import Path

from world.paths import ETC, LOGS, TREE, build

# Local accounts that tests map to Kratos identities, and one that is never mapped, with a password.
PEOPLE = {"alice": 2001, "bob": 2002, "carol": 2003, "lokal": 2004}
LOCAL_PASSWORD = "the password of lokal"

# What Debian's pam-auth-update writes on a host without further modules.
COMMON = {
    "common-auth": """\
auth [success=1 default=ignore] pam_unix.so nullok
auth requisite pam_deny.so
auth required pam_permit.so
""",
    "common-account": """\
account [success=1 new_authtok_reqd=done default=ignore] pam_unix.so
account requisite pam_deny.so
account required pam_permit.so
""",
    "common-password": """\
password [success=1 default=ignore] pam_unix.so obscure yescrypt
password requisite pam_deny.so
password required pam_permit.so
""",
    "common-session": """\
session [default=1] pam_permit.so
session requisite pam_deny.so
session required pam_permit.so
session required pam_unix.so
""",
    "common-session-noninteractive": """\
session [default=1] pam_permit.so
session requisite pam_deny.so
session required pam_permit.so
session required pam_unix.so
""",
    "other": """\
auth required pam_deny.so
account required pam_deny.so
password required pam_deny.so
session required pam_deny.so
""",
}


def loopback_up() -> None:
    SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = struct.pack("16sh14x", b"lo", 0)
        (flags,) = struct.unpack("16xh14x", fcntl.ioctl(sock, SIOCGIFFLAGS, request))
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))


def _system_lines(path: str, lowest_person: int = 1000) -> list[str]:
    """The lines of passwd or group that belong to the system, root and nobody."""
    kept = []
    for line in Path(path).read_text().splitlines():
        fields = line.split(":")
        if len(fields) > 2 and (int(fields[2]) < lowest_person or int(fields[2]) >= 65533):
            kept.append(line)
    return kept


def _replace(path: str, lines: list[str]) -> None:
    Path(path).write_text("".join(line + "\n" for line in lines))


def people() -> None:
    """Leaves the system's users and adds ours: whoever else the host knows is not in this world."""
    passwd, group = _system_lines("/etc/passwd"), _system_lines("/etc/group")
    names = {line.split(":")[0] for line in passwd}
    shadow = [
        line for line in Path("/etc/shadow").read_text().splitlines() if line.split(":")[0] in names
    ]
    for name, uid in PEOPLE.items():
        passwd.append(f"{name}:x:{uid}:{uid}:{name.title()}:/home/{name}:/bin/bash")
        group.append(f"{name}:x:{uid}:")
        shadow.append(f"{name}:*:19000:0:99999:7:::")
    _replace("/etc/passwd", passwd)
    _replace("/etc/group", group)
    _replace("/etc/shadow", shadow)
    for name, uid in PEOPLE.items():
        home = Path("/home", name)
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(mode=0o755)
        (home / ".profile").write_text("PS1='[\\u@\\h]\\$ '\nunset MAIL PROMPT_COMMAND\n")
        for path in home, home / ".profile":
            os.chown(path, uid, uid)
    subprocess.run(
        ["chpasswd", "--crypt-method", "SHA512"],
        input=f"lokal:{LOCAL_PASSWORD}\n",
        text=True,
        check=True,
    )


def system_user(name: str, home: str = "/") -> None:
    try:
        pwd.getpwnam(name)
    except KeyError:
        subprocess.run(
            ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", home]
            + ["--shell", "/usr/sbin/nologin", name],
            check=True,
        )


def daemon_user() -> None:
    """Adds the user kratosd, as the package would, by systemd-sysusers where the host has it."""
    lines = TREE / "systemd/kratosd.sysusers"
    if lines.exists() and shutil.which("systemd-sysusers"):
        subprocess.run(["systemd-sysusers", lines], check=True, capture_output=True)
    system_user("kratosd", "/var/lib/kratosd")


def files() -> None:
    Path("/etc/hosts").write_text("127.0.0.1 localhost testhost\n::1 localhost\n")
    Path("/etc/hostname").write_text("testhost\n")
    machine_id = Path("/etc/machine-id")
    machine_id.unlink(missing_ok=True)
    machine_id.write_text(uuid.uuid4().hex + "\n")
    Path("/etc/nsswitch.conf").write_text(
        "passwd: files\ngroup: files\nshadow: files\nhosts: files\nservices: files\n"
    )
    Path("/etc/environment").write_text("")
    for name, text in COMMON.items():
        (Path("/etc/pam.d") / name).write_text(text)
    for folder in "/run/dbus", "/run/sshd", "/run/systemd/journal", "/run/user", LOGS:
        Path(folder).mkdir(parents=True, exist_ok=True)
    # Where tests put what programs of other users must reach.
    Path("/run/world/open").mkdir(exist_ok=True)
    os.chmod("/run/world/open", 0o1777)


def install(folder: Path, what: str = "install", destination: Path | str = "") -> None:
    """Installs a build that is there already: all of it, or only the "daemon"."""
    if what == "daemon":
        shutil.copy(folder / "kratosd", "/usr/sbin/kratosd")
        return
    result = subprocess.run(
        ["make", "-s", "-C", TREE, "-o", "all", f"BUILD={folder}", f"DESTDIR={destination}", what],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if result.returncode != 0:
        sys.exit(f"world: make install failed:\n{result.stdout}")


def main() -> None:
    loopback_up()
    people()
    daemon_user()
    system_user("messagebus")
    grp.getgrnam("messagebus")
    files()
    ETC.mkdir(exist_ok=True)
    folder = build()
    if folder and (folder / "kratosd").exists():
        install(folder)


if __name__ == "__main__":
    main()
