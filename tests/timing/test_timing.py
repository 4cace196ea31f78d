"""Rule 25: how long a refusal takes tells nobody what it is about."""

import statistics
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from calling import Caller, Refused
from refusing import PASSWORD, PROGRAM, SERVICE, describe, superiority
from world.kratos import Kratos

TRIES = 500
# Each try takes up to 2 s and next to nothing of the processor.
WORKERS = 24
# With 500 tries of each kind, chance alone stays within 0.06 in 999 of 1,000 runs (its deviation is
# 0.018); 0.06 of the random part are 30 ms. A stranger who tries so often is throttled long before.
LIMIT = 0.06

AUTH_ERR, USER_UNKNOWN, ACCT_EXPIRED = 7, 10, 13


def check(times: dict[str, list[float]], limit: float) -> None:
    """Each kind beside wrong passwords."""
    beside = times["wrong password"]
    for kind, own in times.items():
        print(describe(kind, own, beside))
    for kind, own in times.items():
        assert abs(superiority(own, beside) - 0.5) <= limit, kind
        assert abs(statistics.median(own) - statistics.median(beside)) < 100, kind
        assert min(own) > 1000, kind


@pytest.mark.timeout(400)
def test_rule_25_refusals_through_pam(scene: Kratos) -> None:
    """As a login program sees them, with nothing but its own delay left out."""
    kinds = {
        "wrong password": ("active", PASSWORD + "?", AUTH_ERR),
        "wrong password, inactive": ("resting", PASSWORD + "?", AUTH_ERR),
        "name unknown to Kratos": ("gone", PASSWORD + "?", AUTH_ERR),
        "name unknown to this host": ("ghost#", PASSWORD + "?", USER_UNKNOWN),
    }
    users = [user for user, _, _ in kinds.values()]
    argv = [PROGRAM, SERVICE, str(WORKERS), str(TRIES), PASSWORD + "?", *users]
    run = subprocess.run(argv, capture_output=True, text=True, timeout=350)
    assert run.returncode == 0, run.stderr
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    for line in run.stdout.splitlines():
        number, usec, code = (int(word) for word in line.split())
        kind = list(kinds)[number]
        assert code == kinds[kind][2], (kind, code)
        times[kind].append(usec / 1000)
    assert {len(own) for own in times.values()} == {TRIES}
    check(times, LIMIT)


def test_rule_25_the_delay_of_kratos_is_on(scene: Kratos) -> None:
    """And it tells the names that it knows from others: else the tests here would prove nothing."""
    times: dict[str, list[float]] = {"active": [], "gone": []}
    for number in range(60):
        name = "active" if number % 2 else "gone"
        begun = time.monotonic()
        assert scene.login(name, PASSWORD + "?").status == 400
        times[name].append((time.monotonic() - begun) * 1000)
    print(describe("gone, asked directly", times["gone"], times["active"]))
    assert max(times["gone"]) > 300


class TestOverTheBus:
    """What the inactive person's right password leads to, and prompts."""

    TRIES = 120
    LIMIT = 0.13  # three and a half deviations of so few

    def _try(self, caller: Caller, user: str, password: str, purpose: str) -> tuple[str, float]:
        login, prompt = caller.call("BeginLogin", user, {"purpose": purpose, "service": "sshd"})
        assert prompt == {"kind": "password", "text": "Password: ", "echo": False}
        begun = time.monotonic()
        with pytest.raises(Refused) as refused:
            caller.answer(login, password)
        return refused.value.name, (time.monotonic() - begun) * 1000

    def test_rule_25_refusals(self, scene: Kratos) -> None:
        kinds = {
            "wrong password": ("active", PASSWORD + "?", "login", "BadCredentials"),
            "right password, inactive": ("resting", PASSWORD, "login", "AccountDisabled"),
            "name unknown to Kratos": ("gone", PASSWORD, "login", "BadCredentials"),
            "name unknown to this host": ("ghost", PASSWORD, "refuse", "BadCredentials"),
            "name of somebody, to be refused": ("active", PASSWORD, "refuse", "BadCredentials"),
        }
        callers = [Caller() for _ in range(20)]
        times: dict[str, list[float]] = {kind: [] for kind in kinds}

        def work(caller: Caller, offset: int) -> None:
            for number in range(self.TRIES // len(callers) * len(kinds)):
                kind = list(kinds)[(number + offset) % len(kinds)]
                user, password, purpose, expected = kinds[kind]
                name, took = self._try(caller, user, password, purpose)
                assert name == expected, (kind, name)
                times[kind].append(took)

        try:
            with ThreadPoolExecutor(len(callers)) as pool:
                for done in [pool.submit(work, one, i) for i, one in enumerate(callers)]:
                    done.result()
        finally:
            for caller in callers:
                caller.end()
        check(times, self.LIMIT)
        assert not scene.active_sessions()
