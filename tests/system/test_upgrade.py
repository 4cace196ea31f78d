"""A package that is upgraded, downgraded, removed and purged, with people logged in all the while."""

import re
import shutil
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
# Of what these depend on and recommend, what nothing else on the host depends on; and what systemd recommends and
# suggests, so that apt does not remove it by itself.
NEEDED = {"libinih1", "libsodium23"}
OF_SYSTEMD = {"libnss-systemd", "systemd-userdbd"}


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
    box.run("pam-auth-update", "--disable", "kratos", "kratos-password")
    without = etc(box)
    assert without != with_ours and b"pam_kratos" not in without["common-auth"]
    apt(box, "install", *put_packages(box, newer))
    assert etc(box) == without
    box.run("pam-auth-update", "--enable", "kratos", "kratos-password")
    assert etc(box) == with_ours


def migrations() -> list[str]:
    """The steps from one schema to the next, as the source has them."""
    text = (TREE / "kratosd/store-sql.c").read_text()
    steps = re.split(r"/\* \d+:.*?\*/", text[text.index("store_migrations[") : text.index("};")])
    return ["".join(re.findall(r'"((?:[^"\\]|\\.)*)"', step)) for step in steps[1:]]


def sqlite(database: Path, script: str) -> str:
    return subprocess.check_output(["sqlite3", database, script], text=True)


def columns(schema: str, table: str) -> str:
    listed = f"{schema} SELECT group_concat(name) FROM pragma_table_info('{table}')"
    return sqlite(Path(":memory:"), listed).strip()


def put_back_to_the_first_schema(database: Path) -> None:
    """Of kratosd's database, while it is stopped: what that knew of what is in there stays."""
    first = migrations()[0]
    later = database.with_name("later.db")
    # As sqlite leaves it, with what is in the log in the file.
    sqlite(database, f"VACUUM INTO '{later}'")
    for path in database.parent.glob(f"{database.name}*"):
        path.unlink()
    script = f"{first} PRAGMA user_version = 1; ATTACH '{later}' AS later;"
    for table in "session", "pin":
        names = columns(first, table)
        script += f"INSERT INTO {table} ({names}) SELECT {names} FROM later.{table};"
    sqlite(database, script)
    later.unlink()


def test_the_database_migrates_forward(box: Box, kratos: Kratos, make: Callable[..., Identity]) -> None:
    """From the first schema, with the session and the pin of somebody who is logged in meanwhile."""
    dora, ada = make("dora"), make("ada")
    old = SshSession("dora").login(dora.password)
    box.run("systemctl", "stop", "kratosd")
    database = box.path(DATABASE)
    put_back_to_the_first_schema(database)
    assert sqlite(database, "SELECT user, name FROM session, pin") == "dora|dora\n"
    box.run("chown", "kratosd:kratosd", DATABASE)
    box.run("systemctl", "start", "kratosd")
    (session,) = kratos.active_sessions()
    assert SshSession("ada").login(ada.password).logout().status == 0
    wait_until(lambda: not kratos.active_sessions(ada.id), "the new session is revoked")
    assert [one["id"] for one in kratos.active_sessions()] == [session["id"]]
    assert old.logout().status == 0
    wait_until(lambda: not kratos.active_sessions(), "the old session is revoked")
    box.run("systemctl", "stop", "kratosd")
    assert int(sqlite(database, "PRAGMA user_version")) == len(migrations())
    pins = sqlite(database, "SELECT name, identity FROM pin ORDER BY name")
    assert pins == f"ada|{ada.id}\ndora|{dora.id}\n"


def test_rule_23_an_older_kratosd_refuses_a_newer_database(
    box: Box, make: Callable[..., Identity]
) -> None:
    """It says so, leaves the file as it is, and local people do not notice."""
    make("dora")
    assert box.run("getent", "passwd", "dora").stdout
    box.run("systemctl", "stop", "kratosd")
    database = box.path(DATABASE)
    version = int(sqlite(database, "PRAGMA user_version"))
    sqlite(database, f"PRAGMA user_version = {version + 1}")
    before = database.read_bytes()
    box.run("systemctl", "start", "kratosd", check=False)
    assert box.show("kratosd.service", "ActiveState", "ExecMainStatus") == ["failed", "78"]
    log = box.run("journalctl", "--unit=kratosd", "--priority=err", "--output=cat").stdout
    assert "was written by a newer kratosd: use that one, or move the file away" in log
    assert SshSession("lokal").login(LOCAL_PASSWORD).logout().status == 0
    assert database.read_bytes() == before
    sqlite(database, f"PRAGMA user_version = {version}")
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


def repack(box: Box, name: str, folder: Path) -> None:
    """Makes the file again that an installed package came in."""
    tree = folder / name
    (tree / "DEBIAN").mkdir(parents=True)
    status = box.run("dpkg-query", "--status", name).stdout
    (tree / "DEBIAN/control").write_text(re.sub(r"(?m)^Status: .*\n", "", status))
    for part in box.run("dpkg-query", "--control-list", name).stdout.split():
        path = box.run("dpkg-query", "--control-path", name, part).stdout.strip()
        shutil.copy(box.path(path), tree / "DEBIAN" / part)
    for path in box.run("dpkg-query", "--listfiles", name).stdout.split():
        source, target = box.path(path), tree / path.lstrip("/")
        if not source.is_dir():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target, follow_symlinks=False)
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", "-Zgzip", "-z1", tree, folder], check=True)
    shutil.rmtree(tree)


def take_away(box: Box, names: set[str]) -> None:
    """As if they had never been there. apt can fetch them again, and nothing else."""
    repository = box.path("/var/cache/repository")
    repository.mkdir()
    for name in names:
        repack(box, name, repository)
    index = subprocess.check_output(["dpkg-scanpackages", "."], cwd=repository)
    (repository / "Packages").write_bytes(index)
    box.write("/etc/apt/sources.list", "deb [trusted=yes] file:/var/cache/repository ./\n")
    told = apt(box, "purge", *names)
    assert f" {len(names)} to remove " in told, told
    apt(box, "update")


def installed(box: Box) -> set[str]:
    told = box.run("dpkg-query", "--show", "--showformat=${db:Status-Status} ${Package}\\n").stdout
    return set(re.findall(r"(?m)^installed (.*)$", told))


def test_what_it_needs_comes_with_it_and_goes(bare: Box, kratos: Kratos, make: Callable[..., Identity]) -> None:
    """And nsswitch.conf is as libnss-systemd has it, for as long as that is there."""
    everything = installed(bare)
    take_away(bare, NEEDED | OF_SYSTEMD)
    before = etc(bare)
    assert b"systemd" not in before["nsswitch.conf"]
    installed_by_hand(bare)
    assert installed(bare) == everything | set(PACKAGES)
    switch = bare.path("/etc/nsswitch.conf").read_text()
    named = re.findall(r"(?m)^(passwd|group|shadow|gshadow): +files systemd$", switch)
    assert set(named) == {"passwd", "group", "shadow", "gshadow"}, switch
    dora = make("dora")
    assert SshSession("dora").login(dora.password).logout().status == 0
    assert SshSession("dora", key=True).shell().logout().status == 0

    apt(bare, "purge", *PACKAGES)
    apt(bare, "autoremove", "--purge")
    assert installed(bare) == everything - NEEDED
    apt(bare, "purge", *OF_SYSTEMD)
    assert etc(bare) == before
    assert SshSession("lokal").login(LOCAL_PASSWORD).logout().status == 0


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
