"""People of Kratos at greetd's greeter."""

from collections.abc import Callable

import greetd
import pytest
from greetd import Greetd
from sentences import AWAY, DISABLED, HOST
from world.box import Box
from world.kratos import Identity, Kratos, totp_code
from world.processes import wait_until

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def _greetd(machine: Box) -> Greetd:
    greetd.set_up(machine)
    return Greetd(machine)


@pytest.fixture
def greeter(kratos: Kratos, _greetd: Greetd) -> Greetd:
    """A greeter that asks for a name."""
    return _greetd.start()


def revoked(kratos: Kratos, person: Identity) -> None:
    wait_until(lambda: not kratos.active_sessions(person.id), "no session is left at Kratos")


def test_password(greeter: Greetd, kratos: Kratos, make: Callable[..., Identity]) -> None:
    dora = make("dora")
    greeter.keep("greetd-name")
    greeter.name("dora").keep("greetd-password")
    greeter.type(dora.password)
    greeter.wait_for_session("dora")
    (session,) = kratos.active_sessions(dora.id)
    assert " (testhost; greetd; )" in session["devices"][0]["user_agent"]
    greeter.logout("dora")
    revoked(kratos, dora)
    assert len(kratos.sessions(dora.id)) == 1


def test_code(greeter: Greetd, kratos: Kratos, make: Callable[..., Identity]) -> None:
    fritz = make("fritz")
    secret = kratos.set_totp(fritz.id)
    greeter.name("fritz").type(fritz.password)
    greeter.shows("Code from your authenticator app:")
    greeter.keep("greetd-code")
    greeter.type("000000")
    greeter.shows("Wrong code. Code from your authenticator app:")
    greeter.keep("greetd-wrong-code")
    greeter.type(totp_code(secret))
    greeter.wait_for_session("fritz")
    (session,) = kratos.active_sessions(fritz.id)
    assert session["authenticator_assurance_level"] == "aal2"
    greeter.logout("fritz")
    revoked(kratos, fritz)


def test_refusals(
    greeter: Greetd,
    kratos: Kratos,
    make: Callable[..., Identity],
    configure: Callable[[str], None],
) -> None:
    hanna, ida = make("hanna"), make("ida")
    greeter.name("hanna").type("something else")
    greeter.shows("Login incorrect")
    greeter.keep("greetd-wrong-password")
    greeter.start()
    kratos.set_state(hanna.id, "inactive")
    greeter.name("hanna").type(hanna.password)
    greeter.shows(DISABLED)
    greeter.keep("greetd-disabled")
    greeter.start()
    configure("[Access]\nDenyUsers=ida")
    greeter.name("ida").type(ida.password)
    greeter.shows(HOST)
    greeter.keep("greetd-denied")
    revoked(kratos, hanna)
    revoked(kratos, ida)
    greeter.start()
    greeter.box.run("systemctl", "stop", "kratosd")
    greeter.type("hanna")
    try:
        greeter.shows(AWAY)
    finally:
        greeter.box.run("systemctl", "start", "kratosd")
    greeter.keep("greetd-kratosd-away")
