"""PAM_AUTHTOK for modules later in the stack, such as those of keyrings: the password, and no code."""

import re
import subprocess
from pathlib import Path

import pytest
from changing import NEW, SHORT, CHANGED, Passwd
from factors import APP, APP_OF_MANY, BACKUP_OF_MANY, GRANTED, PASSWORD, Person, Talk, WRONG
from logging_in import nothing_left
from programs import console

from world import pam
from world.daemon import Daemon
from world.kratos import Kratos
from world.paths import TREE, WORLD
from world.ssh import Sshd, SshSession

MODULE = WORLD / "pam_keyring.so"
FILE = Path("/tmp/keyring")

STACK = f"""\
auth     requisite pam_kratos.so
auth     required  {MODULE} {FILE}
account  required  pam_kratos.so
session  required  pam_kratos.so
session  required  {MODULE} {FILE}
"""

pytestmark = pytest.mark.sanitized


@pytest.fixture(scope="module", autouse=True)
def _module() -> None:
    source = TREE / "tests/pam/keyring.c"
    subprocess.run(["gcc", "-shared", "-fPIC", "-D_GNU_SOURCE", source, "-o", MODULE, "-lpam"], check=True)


@pytest.fixture(autouse=True)
def _fresh() -> None:
    FILE.unlink(missing_ok=True)
    pam.pam_service("factors", STACK)


def got() -> list[str]:
    return FILE.read_text().splitlines()


BOTH = [f"auth: {PASSWORD}", f"session: {PASSWORD}"]


def test_a_password_alone(daemon: Daemon, kratos: Kratos, alice: Person) -> None:
    assert Talk().password().result() == GRANTED
    assert got() == BOTH
    nothing_left(kratos)


def test_after_a_code(daemon: Daemon, kratos: Kratos, alice: Person) -> None:
    alice.add_app()
    talk = Talk().password().asked(APP).say("000000").asked(WRONG + APP)
    assert talk.say(alice.app_code).result() == GRANTED
    assert got() == BOTH
    nothing_left(kratos)


def test_after_a_choice(daemon: Daemon, kratos: Kratos, alice: Person) -> None:
    alice.add_app().add_backup_codes("abcd1234")
    talk = Talk().password().asked(APP_OF_MANY).say("?")
    talk.child.expect_exact("1 app, 2 backup code: ")
    talk.child.sendline("2")
    talk.child.expect_exact(BACKUP_OF_MANY)
    talk.child.sendline("abcd1234")
    assert talk.result() == GRANTED
    assert got() == BOTH
    nothing_left(kratos)


def test_never_through_the_environment(daemon: Daemon, kratos: Kratos, alice: Person) -> None:
    """login hands on PAM's environment to the shell."""
    profile = (TREE / "etc/pam/login").read_text()
    pam.pam_service("login", profile + f"session required {MODULE} {FILE}\n")
    terminal = console().sees("login: ").type("alice").answer(PASSWORD).shell()
    shown = terminal.run("tr '\\0' '\\n' </proc/self/environ; export -p")
    assert PASSWORD not in shown and PASSWORD.split()[0] not in shown
    terminal.logout()
    nothing_left(kratos)


def test_sshd_cannot_carry_it(daemon: Daemon, kratos: Kratos, alice: Person, sshd: Sshd) -> None:
    """Its keyboard-interactive runs the auth phase in a process that is gone by then."""
    alice.add_app()
    profile = (TREE / "etc/pam/sshd").read_text()
    # Before the line over which success jumps nothing of the auth phase is left: so in its place.
    auth = "auth requisite pam_kratos.so login-id=env\n" + f"auth required {MODULE} {FILE}\n"
    rest = "\n".join(line for line in profile.splitlines() if not re.match(r"auth|@include common-auth", line))
    pam.pam_service("sshd", auth + rest + f"\nsession required {MODULE} {FILE}\n")
    login = SshSession("alice", methods="keyboard-interactive").asked().type(PASSWORD)
    login.child.expect_exact(APP)
    login.child.sendline(alice.app_code)
    login.shell()
    assert got() == [f"auth: {PASSWORD}", "session: none"]
    login.logout()
    nothing_left(kratos)


def test_a_changed_password(daemon: Daemon, kratos: Kratos, alice: Person) -> None:
    """Both of them, and what Kratos has refused is not among them."""
    stack = f"password requisite pam_kratos.so\npassword required {MODULE} {FILE}\n"
    pam.pam_service("passwd", stack)
    alice.add_app()
    passwd = Passwd().current().asked(APP).say(alice.app_code).new("abc").asked(SHORT).new()
    assert CHANGED in passwd.ended()
    assert got() == [f"old: {PASSWORD}", f"new: {NEW}"]
    nothing_left(kratos)


def test_a_refused_password_is_handed_to_nobody(
    daemon: Daemon, kratos: Kratos, alice: Person
) -> None:
    stack = f"password optional pam_kratos.so\npassword required {MODULE} {FILE}\n"
    pam.pam_service("passwd", stack)
    passwd = Passwd().current()
    for _ in range(3):
        passwd.new("abc").asked(SHORT)
    passwd.ended()
    assert got() == [f"old: {PASSWORD}", "new: none"]
    nothing_left(kratos)
