"""A bus or a daemon that hangs: each deadline, measured. 2 s to begin, 12 s for an answer, 15 s for a
whole call of PAM, and nothing at all for those whom it does not concern.
"""

import os
import signal
import time
from contextlib import suppress

import pytest
from driving import BEGIN, GRANTED, LOGIN, Driver, drive, error, result, spent

from world.processes import children, command_name, state, wait_until

EVERYTHING = ("authenticate", "answer right", "acct_mgmt", "open_session")
FIRST = ("timed", "start driver alice", "authenticate")


def unconcerned() -> None:
    for user in "root", "lokal":
        for call in "authenticate", "acct_mgmt", "open_session":
            assert spent(drive("timed", f"start driver {user}", call), call)[1] < 0.5


def test_rule_3_daemon_is_stopped(fake) -> None:
    fake.start()
    fake.pause()
    for user, code in ("alice", "AUTHINFO_UNAVAIL"), ("bob", "USER_UNKNOWN"):
        output = drive("timed", f"start driver {user}", "authenticate")
        got, took = spent(output, "authenticate")
        assert got == code and 1.9 < took < 3
    unconcerned()


def test_rule_3_bus_is_stopped(fake, bus) -> None:
    fake.start()
    bus.pause()
    for call in "authenticate", "acct_mgmt":
        code, took = spent(drive("timed", "start driver alice", call), call)
        assert code == "AUTHINFO_UNAVAIL" and 1.9 < took < 3
    unconcerned()


def test_rule_3_bus_stops_while_somebody_types(fake, bus) -> None:
    fake.start()
    driver = Driver().send(*FIRST).expect("hidden: Password: ")
    bus.pause()
    # 2 s for the answer, and 2 s for the cancelling.
    code, took = spent(driver.send("answer right").finish(), "authenticate")
    assert code == "AUTHINFO_UNAVAIL" and took < 5


def test_rule_3_daemon_hangs(fake) -> None:
    """In an answer, in the account and in the session phase; meanwhile somebody types for 16 s, which
    does not count.
    """
    fake.start(GRANTED, "Answer\thang", GRANTED, "CheckAccount\thang", "OpenSession\thang")
    begun = time.monotonic()
    typing = Driver().send(*FIRST).expect("hidden: Password: ")
    session = Driver().send(*FIRST, "answer right", "open_session", "fifos").expect("hidden: Password: ")
    assert session.read().startswith("authenticate: SUCCESS")
    account = Driver().send("timed", "start driver alice", "acct_mgmt")
    answer = Driver().send(*FIRST, "answer right")
    wait_until(lambda: len([call for call in fake.asked() if call == "Answer"]) == 2, "both have answered")

    for driver, call in (session, "open_session"), (account, "acct_mgmt"), (answer, "authenticate"):
        code, took = spent(driver.finish(), call)
        assert code == "AUTHINFO_UNAVAIL" and 11.9 < took < 13, call
    # The answer may yet become a session that nobody opens.
    assert fake.calls().count(f"CancelLogin {LOGIN}") == 1
    time.sleep(max(0.0, begun + 16 - time.monotonic()))
    assert spent(typing.send("answer right").finish(), "authenticate")[0] == "SUCCESS"


def test_rule_3_daemon_stops_in_an_answer(fake) -> None:
    """That the login is cancelled cannot be said then: it costs another 2 s."""
    fake.start("Answer\tstop")
    code, took = spent(drive(*FIRST, "answer right"), "authenticate")
    assert code == "AUTHINFO_UNAVAIL" and 13.9 < took < 15


def test_rule_3_a_whole_call_takes_15_s(fake) -> None:
    """A slow daemon, a login that expires, and then a daemon that hangs."""
    expires = error("Answer", "NoSuchLogin").replace("error", "after\t2500\terror")
    fake.start(BEGIN.replace("reply", "after\t1000\treply"), expires, "Answer\thang")
    code, took = spent(drive(*FIRST, "answer right"), "authenticate")
    assert code == "AUTHINFO_UNAVAIL" and 14.9 < took < 16


def test_daemon_hangs_at_the_end(fake) -> None:
    """A logout waits 2 s at most, and the lifeline is closed all the same."""
    fake.start("CloseSession\thang")
    output = drive("timed", "start driver alice", *EVERYTHING, "close_session", "fifos")
    code, took = spent(output, "close_session")
    assert code == "SUCCESS" and took < 3 and output[-1] == "fifos: 0"


@pytest.mark.parametrize(
    ("lines", "call", "code"),
    [
        (["answer right", "set user root", "setcred"], "setcred", "PERM_DENIED"),
        (["answer-null"], "authenticate", "CONV_ERR"),
    ],
)
def test_daemon_hangs_at_a_cancelling(fake, lines: list[str], call: str, code: str) -> None:
    fake.start("CancelLogin\thang")
    got, took = spent(drive(*FIRST, *lines), call)
    assert got == code and took < 3


def stands(pid: int) -> bool:
    """It does so between two system calls, too, but not for long."""
    return all(state(pid) in "Tt" and not time.sleep(0.03) for _ in range(2))


@pytest.mark.parametrize("call", ["connect", "sendmsg", "recvmsg", "ppoll"])
@pytest.mark.parametrize("phase", ["authenticate", "acct_mgmt"])
def test_rule_36_whoever_stops_the_program_opens_no_fallback(fake, log, phase: str, call: str) -> None:
    """As one may stop one's own su: here in its first system calls of a kind, for longer in all than it waits."""
    fake.start()
    inject = f"inject={call}:signal=STOP:when=1..8"
    stopping = ("strace", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", inject)
    driver = Driver(prefix=stopping).send("start driver bob", phase, "answer right")
    driver.process.stdin.close()
    # strace has had other children before, to try itself.
    program = wait_until(
        lambda: next((pid for pid in children(driver.pid) if command_name(pid) == "driver"), 0), "it runs"
    )
    stops = 0
    while driver.process.poll() is None:
        if stands(program):
            stops += 1
            time.sleep(0.9)
            with suppress(ProcessLookupError):
                os.kill(program, signal.SIGCONT)
    assert stops > 0
    output = driver.process.stdout.read().decode().splitlines()
    assert result(output, phase) in ("SUCCESS", "SYSTEM_ERR"), log()
