"""A package that is upgraded, downgraded, removed and purged, with people logged in all the while."""

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from host import CONFIGURATION, INSTALL_TIMEOUT, LOCAL_PASSWORD, built_packages, install_packages, put_packages
from world.box import Box
from world.kratos import Identity, Kratos
from world.paths import TREE
from world.processes import wait_until
from world.ssh import SshSession

DATABASE = "/var/lib/kratosd/kratosd.db"
DROP_IN = "/etc/kratosd/kratosd.conf.d/local.conf"
NEWER = "0.1.0+later"
PACKAGES = ("kratosd", "libpam-kratos")


@pytest.fixture(scope="session")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same packages, of a later version."""
    target = tmp_path_factory.mktemp("newer")
    for name in PACKAGES:
        (package,) = built_packages().glob(f"{name}_*.deb")
        tree = target / name
        subprocess.run(["dpkg-deb", "--raw-extract", package, tree], check=True)
        control = tree / "DEBIAN/control"
        text = re.sub(r"^Version: .*$", f"Version: {NEWER}", control.read_text(), flags=re.M)
        control.write_text(re.sub(r"kratosd \(= [^)]*\)", f"kratosd (= {NEWER})", text))
        subprocess.run(["dpkg-deb", "--root-owner-group", "--build", "-Zgzip", "-z1", tree, target], check=True)
    return target


def apt(box: Box, *words: str) -> str:
    quiet = ("apt-get", "--quiet", "--yes", "--allow-downgrades", "-o", "Dpkg::Options::=--force-confold")
    told = box.run(*quiet, *words, timeout=INSTALL_TIMEOUT).stdout
    for left in box.path("/var/cache").glob("*.deb"):
        left.unlink()
    return told


def etc(box: Box) -> dict[str, bytes]:
    """Whatever an installation may change in /etc."""
    names = [*box.path("/etc/pam.d").iterdir(), box.path("/etc/nsswitch.conf"), box.path("/etc/ssh/sshd_config")]
    return {path.name: path.read_bytes() for path in names}


def test_sessions_survive_an_upgrade_and_a_downgrade(
    box: Box, kratos: Kratos, make: Callable[..., Identity], newer: Path
) -> None:
    """Whoever is logged in stays, and the new kratosd revokes the session when it ends. What the
    administrator wrote stays as well."""
    dora = make("dora")
    conffile = box.path("/etc/kratosd/kratosd.conf").read_text() + "\n# of the administrator\n"
    box.write("/etc/kratosd/kratosd.conf", conffile)
    stacks, drop_in = etc(box), box.path(DROP_IN).read_text()
    for packages in newer, None:
        login = SshSession("dora").login(dora.password)
        (session,) = kratos.active_sessions(dora.id)
        (before,) = box.show("kratosd.service", "MainPID")
        apt(box, "install", *put_packages(box, packages))
        assert box.show("kratosd.service", "ActiveState") == ["active"]
        assert box.show("kratosd.service", "MainPID") != [before]
        assert login.run("id -un") == "dora"
        assert [one["id"] for one in kratos.active_sessions(dora.id)] == [session["id"]]
        assert login.logout().status == 0
        wait_until(lambda: not kratos.active_sessions(dora.id), "the session is revoked")
    assert box.path("/etc/kratosd/kratosd.conf").read_text() == conffile
    assert box.path(DROP_IN).read_text() == drop_in
    assert etc(box) == stacks


def test_a_profile_that_was_taken_out_stays_out(box: Box, newer: Path) -> None:
    with_ours = etc(box)
    box.run("pam-auth-update", "--package", "--remove", "kratos", "kratos-password")
    box.run("pam-auth-update", "--disable", "kratos", "kratos-password", check=False)
    without = etc(box)
    assert without != with_ours and b"pam_kratos" not in without["common-auth"]
    apt(box, "install", *put_packages(box, newer))
    assert etc(box) == without


def test_the_database_migrates_forward(box: Box, kratos: Kratos, make: Callable[..., Identity]) -> None:
    """From the first schema, as the source has it, with a session of that time in it."""
    dora = make("dora")
    box.run("systemctl", "stop", "kratosd")
    text = (TREE / "kratosd/store-sql.c").read_text()
    steps = text[text.index("store_migrations[") : text.index("};")]
    first = steps[steps.index("/* 0:") : steps.index("/* 1:")]
    script = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', first))
    box.path(DATABASE).unlink()
    for further in "-wal", "-shm":
        box.path(DATABASE + further).unlink(missing_ok=True)
    subprocess.run(["sqlite3", box.path(DATABASE), script + "PRAGMA user_version = 1;"], check=True)
    box.run("chown", "kratosd:kratosd", DATABASE)
    box.run("systemctl", "start", "kratosd")
    login = SshSession("dora").login(dora.password)
    assert login.logout().status == 0
    wait_until(lambda: not kratos.active_sessions(dora.id), "the session is revoked")
    box.run("systemctl", "stop", "kratosd")
    told = subprocess.check_output(["sqlite3", box.path(DATABASE), "PRAGMA user_version"], text=True)
    assert int(told) == len(re.findall(r"/\* \d+:", steps))


def test_rule_23_an_older_kratosd_refuses_a_newer_database(
    box: Box, make: Callable[..., Identity]
) -> None:
    """It says so, leaves the file as it is, and local people do not notice."""
    make("dora")
    assert box.run("getent", "passwd", "dora").stdout
    box.run("systemctl", "stop", "kratosd")
    database = box.path(DATABASE)
    (version,) = subprocess.check_output(["sqlite3", database, "PRAGMA user_version"], text=True).split()
    subprocess.run(["sqlite3", database, f"PRAGMA user_version = {int(version) + 1}"], check=True)
    before = database.read_bytes()
    box.run("systemctl", "start", "kratosd", check=False)
    assert box.show("kratosd.service", "ActiveState", "ExecMainStatus") == ["failed", "78"]
    log = box.run("journalctl", "--unit=kratosd", "--priority=err", "--output=cat").stdout
    assert "was written by a newer kratosd: use that one, or move the file away" in log
    assert SshSession("lokal").login(LOCAL_PASSWORD).logout().status == 0
    assert database.read_bytes() == before
    subprocess.run(["sqlite3", database, f"PRAGMA user_version = {version}"], check=True)
    box.run("systemctl", "start", "kratosd")
    assert box.run("getent", "passwd", "dora").stdout


def installed_by_hand(box: Box) -> None:
    install_packages(box)
    box.write(DROP_IN, CONFIGURATION)
    box.run("systemctl", "reload", "kratosd")


def test_removal_and_purge(bare: Box, kratos: Kratos, make: Callable[..., Identity]) -> None:
    """What is open is revoked, nobody who is logged in is thrown out, and the host is as it was."""
    before = etc(bare)
    installed_by_hand(bare)
    dora = make("dora")
    mapped = kratos.create_identity("mia", "a password at Kratos")
    bare.sh("useradd --create-home --shell=/bin/bash mia; adduser --quiet mia sudo")
    bare.write("/etc/kratosd/local-users", f"mia {mapped.id} fallback\n")
    logins = [SshSession("dora").login(dora.password), SshSession("mia").login(mapped.password)]
    assert len(kratos.active_sessions()) == 2
    bare.run("chpasswd", input=f"mia:{LOCAL_PASSWORD}\n")

    told = apt(bare, "remove", "kratosd", "libpam-kratos")
    assert kratos.active_sessions() == [], told
    assert etc(bare) == before
    assert "kratosd:" not in told, told
    # The one has the local password now, the other only what is open already.
    assert logins[1].run("id -un") == "mia"
    logins[1].type("sudo -p 'Pass''word: ' id -un").answer(LOCAL_PASSWORD).shell()
    assert "\nroot\n" in logins[1].output
    assert logins[0].run("echo $HOME") == "/home/dora"
    assert [login.logout().status for login in logins] == [0, 0]
    assert SshSession("lokal").login(LOCAL_PASSWORD).logout().status == 0
    assert bare.path("/etc/kratosd/local-users").exists() and bare.path(DATABASE).exists()

    apt(bare, "purge", "kratosd", "libpam-kratos")
    assert etc(bare) == before
    for gone in "/etc/kratosd", "/var/lib/kratosd", "/lib/systemd/system/kratosd.service":
        assert not bare.path(gone).exists(), gone
    left = "test ! -e /run/kratosd && test ! -L /run/systemd/userdb/org.kratosd1"
    bare.sh(left)
    assert bare.run("systemctl", "is-system-running").stdout == "running\n"
    # The user stays, and cannot log in.
    shadow = bare.run("getent", "shadow", "kratosd").stdout
    assert shadow.split(":")[1].startswith("!"), shadow


def test_rule_23_removal_while_kratos_is_away(
    box: Box, kratos: Kratos, make: Callable[..., Identity]
) -> None:
    """It goes on after some seconds, and says what is left; what comes back revokes that."""
    dora = make("dora")
    login = SshSession("dora").login(dora.password)
    drop_in = box.path(DROP_IN).read_text()
    box.write(DROP_IN, re.sub(r":\d+$", ":1", drop_in, flags=re.M))
    box.run("systemctl", "reload", "kratosd")
    told = apt(box, "remove", "kratosd", "libpam-kratos")
    assert "has not confirmed the end of 1 session yet" in told
    assert login.run("echo $HOME") == "/home/dora"
    assert login.logout().status == 0
    assert len(kratos.active_sessions(dora.id)) == 1
    box.write(DROP_IN, drop_in)
    install_packages(box)
    wait_until(lambda: not kratos.active_sessions(dora.id), "the session is revoked", 20)
