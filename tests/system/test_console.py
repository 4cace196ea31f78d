"""login on the console: what is asked, said and waited for there, and what is left in Kratos."""

import re
import time
from collections.abc import Callable, Iterator

import pexpect.fdpexpect
import pytest
from counting import active, ever, over
from host import LOCAL_PASSWORD
from world.box import Box
from world.kratos import Identity, Kratos, totp_code
from world.ssh import SHELL_PROMPT

Make = Callable[..., Identity]
Console = pexpect.fdpexpect.fdspawn

ASKED = "Password: "
APP = "Code from your authenticator app: "
INCORRECT = "Login incorrect"
# /etc/pam.d/login asks for 3 s, which PAM makes a quarter more or less.
FAIL_DELAY = 3.0


@pytest.fixture(scope="module")
def _console() -> bool:
    return True


@pytest.fixture
def console(shared: Box) -> Iterator[Console]:
    """Somebody sits at it, and nobody is logged in, before the test and after it."""
    shared.console.sendline("")
    shared.console.expect("testhost login: ")
    yield shared.console
    # Nothing of this test is there for the next one to read.
    shared.run("systemctl", "restart", "console-getty.service")
    shared.console.expect("testhost login: ")


def name(console: Console, user: str) -> None:
    console.sendline(user)
    console.expect_exact(ASKED)


def logout(console: Console) -> None:
    console.sendline("exit")
    console.expect("testhost login: ")


def of_logind(box: Box, user: str) -> str:
    """The one session that logind knows of, beside those that newer ones list for user managers."""
    lines = box.run("loginctl", "--no-legend", "list-sessions").stdout.splitlines()
    found = [line.split() for line in lines if " manager" not in line]
    (session,) = [number for number, _, name, *_ in found if name == user]
    return session


def test_password(console: Console, shared: Box, kratos: Kratos, make: Make) -> None:
    anna = make("anna", gecos="Anna")
    name(console, "anna")
    console.sendline(anna.password)
    console.expect(SHELL_PROMPT)
    (session,) = kratos.active_sessions(anna.id)
    assert "; login; " in session["devices"][0]["user_agent"], session["devices"]
    told = set(shared.run("loginctl", "show-session", of_logind(shared, "anna")).stdout.split())
    assert {"Name=anna", "Service=login", "Class=user", "Remote=no"} <= told, told
    logout(console)
    over(kratos, anna, made=1)


def test_wrong_password(console: Console, shared: Box, kratos: Kratos, make: Make) -> None:
    """The one text and the one delay that everybody gets: for a person of ours, for a local one, and for
    nobody."""
    berta = make("berta")
    for user in "berta", "lokal", "nobody-at-all":
        name(console, user)
        begun = time.monotonic()
        console.sendline("wrong")
        console.expect_exact(INCORRECT)
        assert 0.7 * FAIL_DELAY < time.monotonic() - begun < 2.5 * FAIL_DELAY, user
        # Between what was typed and that, there is nothing to tell them apart.
        assert console.before.strip() == "", user
        console.expect("login: ")
    assert ever(kratos, berta) == 0
    # The same login still lets in whoever has the right password.
    name(console, "berta")
    console.sendline(berta.password)
    console.expect(SHELL_PROMPT)
    assert active(kratos, berta) == 1
    logout(console)
    over(kratos, berta, made=1)


def test_code_of_an_app(console: Console, shared: Box, kratos: Kratos, make: Make) -> None:
    carla = make("carla")
    secret = kratos.set_totp(carla.id)
    name(console, "carla")
    console.sendline(carla.password)
    console.expect_exact(APP)
    console.sendline("000000")
    console.expect_exact("Wrong code. " + APP)
    console.sendline(totp_code(secret))
    console.expect(SHELL_PROMPT)
    (session,) = kratos.active_sessions(carla.id)
    assert session["authenticator_assurance_level"] == "aal2"
    logout(console)
    over(kratos, carla, made=1)


def test_wrong_password_before_a_code(
    console: Console, shared: Box, kratos: Kratos, make: Make
) -> None:
    dora = make("dora")
    kratos.set_totp(dora.id)
    name(console, "dora")
    console.sendline("wrong")
    assert console.expect_exact([INCORRECT, APP]) == 0
    assert ever(kratos, dora) == 0


def test_disabled(console: Console, shared: Box, kratos: Kratos, make: Make) -> None:
    """Nobody is told so who does not know the password."""
    eva = make("eva")
    kratos.set_state(eva.id, "inactive")
    for password, said in ("wrong", ""), (eva.password, "Your account is disabled"):
        name(console, "eva")
        console.sendline(password)
        console.expect_exact(INCORRECT)
        assert re.sub(r"\W+", " ", console.before).strip() == said
    over(kratos, eva, made=ever(kratos, eva))


def test_a_local_person(console: Console, shared: Box, kratos: Kratos) -> None:
    name(console, "lokal")
    console.sendline(LOCAL_PASSWORD)
    console.expect(SHELL_PROMPT)
    assert not kratos.sessions()
    logout(console)
