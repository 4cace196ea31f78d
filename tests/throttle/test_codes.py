"""Guessing second factors, by somebody who has the password."""

import itertools
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from calling import SEALED, Caller, Refused
from guessing import AT_ONCE, BAD, GRANTED, THROTTLED, Scene
from world.journal import Journal
from world.kratos import Kratos, totp_code
from world.ssh import Sshd, SshSession

STRANGER, OTHER, HOME = "127.0.0.66", "127.0.0.67", "127.0.0.7"
APP = re.escape("Code from your authenticator app: ")
PER_HOUR, LEFT = 10, 3
GUESSES = 1000

pytestmark = pytest.mark.timeout(600)

# Each is another one, for a code that was tried a moment ago is not posted again.
_numbers = itertools.count()


def wrong_code() -> str:
    return f"{next(_numbers):06}"


class App:
    """Alice's authenticator app. Each code counts once."""

    def __init__(self, secret: str) -> None:
        self.secret, self.step = secret, 0

    def code(self) -> str:
        """One that was not shown before; Kratos takes the next one already."""
        self.step = max(self.step + 1, int(time.time()) // 30)
        while self.step > time.time() // 30 + 1:
            time.sleep(0.5)
        return totp_code(self.secret, self.step * 30)


@pytest.fixture
def app(scene: Scene, durable_kratos: Kratos) -> App:
    return App(durable_kratos.set_totp(scene.people["alice"].id))


def codes(scene: Scene) -> int:
    """Codes that have reached Kratos so far."""
    return sum(b'"totp_code"' in request.body for request in scene.proxy.of("login"))


def log_in(scene: Scene, caller: Caller, code: str | None, **context: str) -> str:
    """With the password, and then a code, or wrong ones until it is over: the error's name."""
    login = caller.begin("alice", **context)
    password = scene.people["alice"].password
    answers = itertools.chain([password], [code] if code else iter(wrong_code, ""))
    try:
        for answer in answers:
            state, _ = caller.call("Answer", login, secret=answer.encode().hex(), seals=SEALED)
            assert state == "prompt" or answer == code
    except Refused as refused:
        return refused.name
    caller.cancel(login)
    return GRANTED


def guess(scene: Scene, logins: int, **context: str) -> list[str]:
    """So many logins, AT_ONCE of them at a time."""
    callers = [Caller() for _ in range(min(AT_ONCE, logins))]

    def some(caller: Caller) -> list[str]:
        return [log_in(scene, caller, None, **context) for _ in range(logins // len(callers))]

    with ThreadPoolExecutor(len(callers)) as pool:
        answers = [name for names in pool.map(some, callers) for name in names]
    for caller in callers:
        caller.end()
    return answers


def person(scene: Scene, app: App, **context: str) -> str:
    caller = Caller()
    try:
        return log_in(scene, caller, app.code(), **context)
    finally:
        caller.end()


def test_rule_35_codes_are_guessed_over_the_bus_and_ssh_with_restarts(
    scene: Scene, app: App, sshd: Sshd, journal: Journal
) -> None:
    """A thousand tries, of which seven reach Kratos; and the person still gets in from the console, and
    from where they came in before."""
    assert person(scene, app, service="sshd", rhost=HOME) == GRANTED
    before = codes(scene)
    answers = guess(scene, 500, service="sshd", rhost=STRANGER)
    scene.restart()
    answers += guess(scene, 100, service="su", ruser="bob")
    for _ in range(2):
        session = SshSession("alice", methods="keyboard-interactive", source=OTHER, log_level="INFO")
        session.answer(scene.people["alice"].password).child.expect(APP)
        session.type(wrong_code()).finish()
        assert session.status == 255 and "Too many failed tries. Try again in " in session.output
    scene.restart()
    answers += guess(scene, 400, service="sshd", rhost=OTHER)
    assert codes(scene) - before == PER_HOUR - LEFT
    assert len(answers) == GUESSES and set(answers) <= {BAD, THROTTLED}
    assert answers.count(THROTTLED) >= GUESSES - PER_HOUR
    entry = journal.entries(KRATOSD_EVENT="login-refused", KRATOSD_REASON="throttled")[-1]
    assert 3000 < int(entry["KRATOSD_WAIT"]) <= 3600

    assert person(scene, app, service="login", tty="tty1") == GRANTED
    assert person(scene, app, service="sshd", rhost=HOME) == GRANTED
