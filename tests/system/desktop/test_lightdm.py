"""People of Kratos at lightdm's gtk greeter, who see what is wrong if they cannot come in."""

from collections.abc import Callable

import lightdm
import pytest
from host import LOCAL_PASSWORD
from lightdm import INCORRECT, Lightdm
from sentences import AWAY, DISABLED, FACTOR, HOST, PLACE
from world.box import Box
from world.kratos import Identity, Kratos, totp_code
from world.processes import wait_until

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def _lightdm(machine: Box) -> Lightdm:
    lightdm.set_up(machine)
    return Lightdm(machine)


@pytest.fixture
def greeter(kratos: Kratos, _lightdm: Lightdm) -> Lightdm:
    """A greeter that asks for a name."""
    return _lightdm.start()


def revoked(kratos: Kratos, person: Identity) -> None:
    wait_until(lambda: not kratos.active_sessions(person.id), "no session is left at Kratos")


def test_password(greeter: Lightdm, kratos: Kratos, make: Callable[..., Identity]) -> None:
    dora = make("dora")
    greeter.keep("lightdm-name")
    greeter.name("dora").keep("lightdm-password")
    greeter.type(dora.password)
    greeter.wait_for_session("dora")
    greeter.keep("lightdm-session")
    (session,) = kratos.active_sessions(dora.id)
    assert " (testhost; lightdm; :0)" in session["devices"][0]["user_agent"]
    greeter.logout()
    revoked(kratos, dora)
    assert len(kratos.sessions(dora.id)) == 1


def test_the_x_server_dies(greeter: Lightdm, kratos: Kratos, make: Callable[..., Identity]) -> None:
    erik = make("erik")
    greeter.name("erik").type(erik.password)
    greeter.wait_for_session("erik")
    assert len(kratos.active_sessions(erik.id)) == 1
    greeter.box.run("pkill", "-KILL", "-x", "Xvfb")
    revoked(kratos, erik)


def test_code(greeter: Lightdm, kratos: Kratos, make: Callable[..., Identity]) -> None:
    fritz = make("fritz")
    secret = kratos.set_totp(fritz.id)
    greeter.name("fritz").type(fritz.password)
    greeter.shows("Code from your authenticator app")
    greeter.keep("lightdm-code")
    greeter.type("000000")
    greeter.shows("Wrong code. Code from your authenticator app")
    greeter.keep("lightdm-wrong-code")
    greeter.type(totp_code(secret))
    greeter.wait_for_session("fritz")
    (session,) = kratos.active_sessions(fritz.id)
    assert session["authenticator_assurance_level"] == "aal2"
    greeter.logout()
    revoked(kratos, fritz)


def test_wrong_password(greeter: Lightdm, kratos: Kratos, make: Callable[..., Identity]) -> None:
    gerd = make("gerd")
    greeter.name("gerd").refused("something else", INCORRECT)
    greeter.keep("lightdm-wrong-password")
    assert not kratos.sessions(gerd.id)
    greeter.type(gerd.password)
    greeter.wait_for_session("gerd")
    greeter.logout()
    revoked(kratos, gerd)


def test_nobody_has_that_name(greeter: Lightdm) -> None:
    greeter.name("nobody-here").refused("a password", INCORRECT)


def test_disabled(greeter: Lightdm, kratos: Kratos, make: Callable[..., Identity]) -> None:
    """Whoever does not know the password is not told."""
    hanna = make("hanna")
    kratos.set_state(hanna.id, "inactive")
    greeter.name("hanna").refused("something else", INCORRECT)
    greeter.refused(hanna.password, DISABLED)
    greeter.keep("lightdm-disabled")
    assert not kratos.active_sessions(hanna.id)
    # A sentence is not there any more after the next answer.
    greeter.refused("something else", INCORRECT)


@pytest.mark.parametrize(
    ("settings", "document", "sentence"),
    [
        ("[Access]\nDenyUsers=ida*", {}, HOST),
        ("", {"hosts": ["another"]}, PLACE),
        ("[Service lightdm]\nRequireAAL=aal2", {}, FACTOR),
    ],
    ids=["denied", "host", "factor"],
)
def test_not_allowed(
    request: pytest.FixtureRequest,
    greeter: Lightdm,
    kratos: Kratos,
    make: Callable[..., Identity],
    configure: Callable[[str], None],
    settings: str,
    document: dict[str, list[str]],
    sentence: str,
) -> None:
    what = request.node.callspec.id
    configure(settings)
    ida = make(f"ida-{what}", **document)
    greeter.name(ida.username).refused(ida.password, sentence)
    greeter.keep(f"lightdm-{what}")
    revoked(kratos, ida)


def test_kratos_hangs(greeter: Lightdm, kratos: Kratos, make: Callable[..., Identity]) -> None:
    jan = make("jan")
    greeter.name("jan")
    kratos.pause()
    greeter.refused(jan.password, AWAY)
    greeter.keep("lightdm-kratos-away")
    kratos.resume()
    greeter.type(jan.password)
    greeter.wait_for_session("jan")
    greeter.logout()
    revoked(kratos, jan)


def test_kratosd_is_stopped(greeter: Lightdm, kratos: Kratos, make: Callable[..., Identity]) -> None:
    """Local people come in meanwhile."""
    karl = make("karl")
    greeter.name("karl")
    greeter.box.run("systemctl", "stop", "kratosd")
    greeter.refused(karl.password, AWAY)
    greeter.start()
    greeter.name("lokal").type(LOCAL_PASSWORD)
    greeter.wait_for_session("lokal")
    greeter.box.run("systemctl", "start", "kratosd")
    greeter.start()
    greeter.name("karl").type(karl.password)
    greeter.wait_for_session("karl")
    greeter.logout()
    revoked(kratos, karl)
