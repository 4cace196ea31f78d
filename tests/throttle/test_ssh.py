"""Guessing over ssh, from several addresses: what reaches Kratos, and what people see."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from guessing import BAD, FREE_TRIES, GRANTED, Scene, allowed
from world.journal import Journal
from world.processes import wait_until
from world.ssh import Sshd, SshSession

STRANGER, OTHER, HOME, AWAY = "127.0.0.66", "127.0.0.67", "127.0.0.7", "127.0.0.8"
AT_ONCE = 6

pytestmark = pytest.mark.timeout(300)


def guess(count: int, methods: str = "keyboard-interactive", prompts: int = 1) -> None:
    """Wrong passwords for alice, by turns from two addresses."""

    def one(number: int) -> None:
        source = (STRANGER, OTHER)[number % 2]
        session = SshSession("alice", methods=methods, prompts=prompts, source=source, timeout=60)
        session.answer(f"guess {number}").finish()
        assert session.status == 255

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(one, range(count)))


def test_rule_19_guesses_over_ssh_and_over_the_bus(scene: Scene, sshd: Sshd, journal: Journal) -> None:
    """200 in all, with a restart between them."""
    home = SshSession("alice", source=HOME).login(scene.people["alice"].password)
    assert home.run("echo $SSH_CLIENT").startswith(f"{HOME} ")
    home.logout()
    before, begun = scene.posts(), time.monotonic()
    guess(20)
    scene.restart()
    scene.guess("alice", 160, [STRANGER, OTHER], service="sshd")
    guess(20, "password")
    assert FREE_TRIES <= scene.posts() - before <= allowed(time.monotonic() - begun)
    throttled = journal.entries(KRATOSD_EVENT="login-refused", KRATOSD_REASON="throttled")
    assert len(throttled) == 200 - (scene.posts() - before)
    assert {entry["KRATOSD_RHOST"] for entry in throttled} == {STRANGER, OTHER}

    # The person: from the console, and from where they have logged in before, at once.
    assert scene.console("alice") == GRANTED
    SshSession("alice", source=HOME).login(scene.people["alice"].password).logout()
    # From elsewhere not: after one more guess that counts, for on a busy machine the wait may be over.
    wait_until(
        lambda: scene.guess("alice", 1, service="sshd", rhost=STRANGER) == [BAD], "it counts", timeout=120
    )
    away = SshSession("alice", source=AWAY).answer(scene.people["alice"].password).finish()
    assert away.status == 255


def test_rule_35_the_person_sees_when_to_come_again(scene: Scene, sshd: Sshd) -> None:
    scene.daemon.configure(Throttle={"FreeTries": "1", "MaxDelaySec": "3min"})
    scene.restart()
    # The fourth failure makes the person wait for 16 s.
    for delay in 0, 1.5, 3.5, 7.5:
        time.sleep(delay)
        assert scene.guess("alice", 1, service="sshd", rhost=STRANGER) == [BAD]
    session = SshSession(
        "alice", methods="keyboard-interactive", prompts=3, source=STRANGER, log_level="INFO"
    )
    session.answer("a guess").finish()
    assert "Too many failed tries. Try again in " in session.output
    # sshd lets nobody try on who has tried too often.
    assert session.output.count("assword:") == 1 and session.status == 255
