"""Guessing over the bus: what reaches Kratos, who is delayed by it, and who never is."""

import pwd
import re
import time
from collections.abc import Callable

import pytest
from calling import Caller, refusal, slow_refusal
from faultserver import faults
from guessing import AT_ONCE, BAD, FREE_TRIES, GRANTED, THROTTLED, Scene, allowed
from world.journal import Journal
from world.processes import wait_until

STRANGER, HOME, AWAY = "192.0.2.66", "198.51.100.7", "203.0.113.5"
SENTENCE = re.compile(r"Too many failed tries\. Try again in (\d+) seconds?\.")

pytestmark = pytest.mark.timeout(180)


def seconds_of(text: str) -> int:
    match = SENTENCE.fullmatch(text)
    assert match, text
    return int(match[1])


# People whom Kratos does not know.
OTHERS = {
    "carol": "9f425a8d-7efc-4768-8f23-7647a74fdf13",
    "lokal": "9f425a8d-7efc-4768-8f23-7647a74fdf14",
}


def test_rule_19_200_guesses_from_one_address_and_a_restart(scene: Scene) -> None:
    begun = time.monotonic()
    answers = scene.guess("alice", 100, service="sshd", rhost=STRANGER)
    scene.restart()
    answers += scene.guess("alice", 100, service="sshd", rhost=STRANGER)
    most = allowed(time.monotonic() - begun)
    assert FREE_TRIES <= scene.posts() <= most < 200
    assert answers.count(BAD) == scene.posts()
    assert answers.count(THROTTLED) == 200 - scene.posts()
    # The person is where they are, and gets in at once.
    assert scene.console("alice") == GRANTED
    assert scene.from_host("bob", AWAY) == GRANTED


def test_rule_19_200_guesses_from_many_addresses(scene: Scene) -> None:
    sources = [f"192.0.2.{number}" for number in range(1, 101)]
    begun = time.monotonic()
    scene.guess("alice", 200, sources, service="sshd")
    assert FREE_TRIES <= scene.posts() <= allowed(time.monotonic() - begun)
    assert scene.console("alice") == GRANTED


def test_rule_19_a_stranger_delays_nobody_at_an_address_that_is_theirs(
    scene: Scene, journal: Journal
) -> None:
    assert scene.from_host("alice", HOME) == GRANTED
    sources = [STRANGER, "192.0.2.67", "2001:db8::1"]
    scene.guess("alice", 60, sources, service="sshd")
    scene.restart()
    scene.guess("alice", 60, sources, service="sshd")
    scene.guess("bob", 20, service="sshd", rhost=HOME)
    before = scene.posts()
    assert scene.from_host("alice", HOME) == GRANTED
    assert scene.console("alice") == GRANTED
    assert scene.posts() == before + 2

    # Elsewhere, the person is told when to come again, and then gets in: nobody is locked out for good.
    wait_until(lambda: BAD in scene.guess("alice", 6, sources, service="sshd"), "another guess", 60)
    before, since = scene.posts(), journal.mark()
    name, text = scene.log_in("alice", service="sshd", rhost=AWAY)
    wait = seconds_of(text)
    assert name == THROTTLED and scene.posts() == before
    entry = journal.wait(since, KRATOSD_EVENT="login-refused", KRATOSD_RHOST=AWAY)
    assert (entry["KRATOSD_REASON"], entry["KRATOSD_WAIT"]) == ("throttled", str(wait))
    assert entry["KRATOSD_USER"] == "alice"
    time.sleep(wait)
    assert scene.from_host("alice", AWAY) == GRANTED


def test_rule_19_another_user_with_su_delays_nobody(scene: Scene) -> None:
    answers = []
    for _ in range(4):  # he may have 8 answers waited for at once
        answers += scene.guess("alice", 6, service="su", ruser="bob", tty="pts/0")
    assert FREE_TRIES <= answers.count(BAD) == scene.posts() < 12
    assert scene.console("alice") == GRANTED
    assert scene.log_in("alice", service="su", ruser="alice")[0] == GRANTED
    # The first delay may be over when the refusal before it is told.
    bob = {"service": "su", "ruser": "bob", "tty": "pts/0"}
    wait_until(lambda: BAD in scene.guess("alice", 1, **bob), "another guess", 60)
    assert scene.log_in("alice", service="su", ruser="bob")[0] == THROTTLED


def test_rule_19_a_person_who_is_known_by_number(scene: Scene) -> None:
    """The person's own number is the person, at a place of theirs; another's is another user's."""
    own = str(pwd.getpwnam("alice").pw_uid)
    answers = []
    for _ in range(3):
        answers += scene.guess("alice", 6, service="su", ruser=str(int(own) + 1))
    assert FREE_TRIES <= answers.count(BAD) == scene.posts() < 12
    assert scene.log_in("alice", service="su", ruser=own)[0] == GRANTED
    while THROTTLED not in scene.guess("alice", 6, service="su", ruser=own):
        pass
    wait_until(lambda: BAD in scene.guess("alice", 1, service="su", ruser=own), "another guess", 60)
    assert scene.log_in("alice", service="su", ruser="alice")[0] == THROTTLED


def test_rule_19_one_password_for_everybody(scene: Scene) -> None:
    """A remote host as a whole has four times the free tries of a person. The first delay may be over
    when the refusal before it is told, and the second is not."""
    scene.daemon.configure(Throttle={"FreeTries": "1"})
    scene.restart()
    for name, identity in OTHERS.items():
        scene.daemon.map(name, identity)
    for name in "alice", "bob", "alice", "bob", "carol":
        wait_until(
            lambda name=name: BAD in scene.guess(name, 1, service="sshd", rhost=STRANGER), "a guess", 30
        )
    name, text = scene.log_in("lokal", password="a guess", service="sshd", rhost=STRANGER)
    assert name == THROTTLED and seconds_of(text) <= 4
    assert scene.from_host("bob", STRANGER) == THROTTLED
    assert scene.log_in("lokal", password="a guess", service="sshd", rhost=AWAY)[0] == BAD


def test_rule_35_delays_grow_and_are_forgotten(scene: Scene) -> None:
    limits = {"FreeTries": "1", "MaxDelaySec": "3s", "ForgetSec": "6s"}
    scene.daemon.configure(Throttle=limits)
    scene.restart()
    place = {"service": "sshd", "rhost": STRANGER}
    # A refusal takes a second, so that less is left of each delay when it is told.
    for most in 2, 3, 3:
        assert scene.guess("alice", 1, **place) == [BAD]
        name, text = scene.log_in("alice", **place)
        assert name == THROTTLED and seconds_of(text) in (most - 1, most)
        time.sleep(seconds_of(text) - 1)
    time.sleep(1)
    assert scene.guess("alice", 1, **place) == [BAD]
    time.sleep(6)
    assert scene.guess("alice", 1, **place) == [BAD]
    assert 1 <= seconds_of(scene.log_in("alice", **place)[1]) <= 2


def test_a_right_password_forgets_what_failed_at_that_place(scene: Scene) -> None:
    for _ in range(4):
        assert scene.guess("alice", 4, service="login") == [BAD] * 4
        assert scene.console("alice") == GRANTED
    assert scene.posts() == 20


def test_rule_19_at_once_is_no_way_around(scene: Scene) -> None:
    begun = time.monotonic()
    answers = scene.guess("alice", AT_ONCE, service="sshd", rhost=STRANGER)
    assert answers.count(BAD) == scene.posts() <= allowed(time.monotonic() - begun)


def test_right_passwords_at_once_all_get_in(scene: Scene) -> None:
    """They wait for each other, where the throttle cannot know yet that all are right."""
    passwords = [scene.people["alice"].password] * AT_ONCE
    answers = scene.log_in_at_once("alice", passwords, service="sshd", rhost=AWAY)
    assert answers == [(GRANTED, "")] * AT_ONCE
    assert scene.posts() == AT_ONCE


def test_rule_19_whoever_waits_for_others_in_vain_is_throttled(scene: Scene) -> None:
    """Somebody who brings others along must not open a fallback: that would be "unavailable"."""
    scene.daemon.configure(Kratos={"TimeoutSec": "4s"})
    scene.restart()
    scene.proxy.set("login", faults.delayed(1.6))
    passwords = [scene.people["alice"].password] * AT_ONCE
    answers = scene.log_in_at_once("alice", passwords, service="sshd", rhost=AWAY)
    assert {name for name, _ in answers} == {GRANTED, THROTTLED}


def test_that_kratos_is_away_is_no_failure(scene: Scene, caller: Callable[..., Caller]) -> None:
    scene.proxy.refuse()
    for _ in range(8):
        assert refusal(caller().login, "alice", "a guess") == "Unavailable"
    scene.proxy.listen()
    assert scene.guess("alice", 5, service="login") == [BAD] * 5


def test_rule_19_a_locker_of_the_person(scene: Scene, caller: Callable[..., Caller]) -> None:
    """It is throttled like any place, whatever service it says it is; and it delays nobody elsewhere."""
    locker = caller("alice")
    answers = []
    for number in range(8):
        login = locker.begin("alice", service=f"lock{number}", rhost=f"192.0.2.{number}")
        answers.append(slow_refusal(locker.answer, login, "a guess"))
    assert answers[:FREE_TRIES] == [BAD] * FREE_TRIES
    assert answers[FREE_TRIES] == THROTTLED and answers.count(BAD) == scene.posts() <= 6 + 1
    assert scene.console("alice") == GRANTED


def test_switched_off(scene: Scene) -> None:
    scene.daemon.configure(Throttle={"Enabled": "no"})
    scene.restart()
    assert scene.guess("alice", 40, service="sshd", rhost=STRANGER) == [BAD] * 40
    scene.daemon.configure(Throttle={"Enabled": "yes"})
    scene.daemon.reload()
    wait_until(
        lambda: THROTTLED in scene.guess("alice", 8, service="sshd", rhost=STRANGER), "it is on again"
    )
