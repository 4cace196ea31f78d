"""Screen lockers, which run as the person; and that nobody but root gets any further."""

import contextlib
import os
import pwd
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from calling import (
    INTERFACES, MANAGER, PATHS, SIGNATURES, USER, Caller, refusal, slow_refusal, start, wait_for_names,
)  # fmt: skip
from logging_in import AUTHENTICATE, BAD, DENIED, GRANTED, SERVICE, UNKNOWN, login, nothing_left, reason

from world.bus import POLICY, Bus
from world.daemon import Daemon
from world.journal import Journal
from world.kratos import Identity, Kratos
from world.processes import wait_until

pytestmark = pytest.mark.sanitized

IN_FLIGHT = 4
LOCKER = ["authenticate", "setcred", "acct_mgmt"]
ANSWERS = Path("/run/kratosd/answers")
NOT_SUPPORTED = "org.freedesktop.DBus.Error.NotSupported"
BUS_DENIES = "org.freedesktop.DBus.Error.AccessDenied"

OPEN_POLICY = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <policy context="default">
    <allow own="*"/>
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
"""


@pytest.fixture
def open_policy(bus: Bus, daemon: Daemon) -> Iterator[None]:
    """The bus lets everybody do everything."""
    ours = POLICY.read_text()
    POLICY.write_text(OPEN_POLICY)
    bus.restart()
    wait_for_names()
    yield
    POLICY.write_text(ours)
    bus.restart()


class TestLocker:
    def test_its_session_is_revoked_at_once(
        self, daemon: Daemon, kratos: Kratos, alice: Identity, journal: Journal
    ) -> None:
        assert login("alice", alice.password, LOCKER, run_as="alice") == GRANTED
        nothing_left(kratos, 3)
        (session,) = kratos.sessions(alice.id)
        granted = journal.wait(KRATOSD_EVENT="login-granted")
        revoked = journal.wait(KRATOSD_EVENT="session-revoked")
        assert granted["KRATOSD_SESSION"] == revoked["KRATOSD_SESSION"] == session["id"]
        assert not journal.entries(KRATOSD_EVENT="session-opened")

    def test_a_wrong_password(self, daemon: Daemon, alice: Identity, journal: Journal) -> None:
        assert login("alice", "wrong", AUTHENTICATE, run_as="alice") == BAD
        assert reason(journal) == "bad-credentials"

    def test_an_unlock_by_the_bus(
        self, daemon: Daemon, kratos: Kratos, alice: Identity, caller: Callable[..., Caller]
    ) -> None:
        locker = caller("alice")
        locker.login("alice", alice.password, purpose="unlock", service="xscreensaver", tty=":0")
        assert locker.check_account("alice") == ("ok", "")
        nothing_left(kratos, 3)
        ((device,),) = [session["devices"] for session in kratos.sessions(alice.id)]
        assert device["user_agent"].endswith(" (testhost; xscreensaver; :0)")

    def test_where_it_comes_from_is_not_believed(
        self,
        daemon: Daemon,
        kratos: Kratos,
        alice: Identity,
        journal: Journal,
        caller: Callable[..., Caller],
    ) -> None:
        caller("alice").login("alice", alice.password, rhost="192.0.2.99", ruser="root")
        ((device,),) = [session["devices"] for session in kratos.sessions(alice.id)]
        assert device["ip_address"].startswith("127.0.0.1")
        assert journal.wait(KRATOSD_EVENT="login-granted")["KRATOSD_RHOST"] == ""
        nothing_left(kratos)

    def test_rule_2_nobody_else_is_authenticated(
        self, daemon: Daemon, kratos: Kratos, alice: Identity, bob: Identity, caller: Callable[..., Caller]
    ) -> None:
        assert login("alice", alice.password, AUTHENTICATE, run_as="bob") == DENIED
        assert login("lokal", "anything", AUTHENTICATE, run_as="bob") == UNKNOWN
        assert refusal(caller("bob").begin, "alice") == "NotAllowed"
        assert refusal(caller("bob").check_account, "alice") == "NotAllowed"
        assert kratos.sessions() == []

    def test_who_asks_for_others_learns_no_more_than_the_list_says(
        self, daemon: Daemon, alice: Identity, bob: Identity, caller: Callable[..., Caller]
    ) -> None:
        """Anybody may read local-users. Whoever is not in it may be another directory's person."""
        locker = caller("bob")
        for ask in locker.begin, locker.check_account:
            assert refusal(ask, "alice") == "NotAllowed"
            for name in "lokal", "ghost", "root", "Alice", "":
                assert refusal(ask, name) == "UnknownUser"

    def test_who_asks_for_others_is_told_of(
        self, daemon: Daemon, alice: Identity, bob: Identity, journal: Journal
    ) -> None:
        assert login("alice", alice.password, AUTHENTICATE, run_as="bob") == DENIED
        entry = journal.wait(KRATOSD_EVENT="login-refused", KRATOSD_REASON="not-allowed")
        assert (entry["KRATOSD_USER"], entry["KRATOSD_SERVICE"]) == ("alice", SERVICE)

    def test_who_asks_for_others_does_not_fill_the_journal(
        self, daemon: Daemon, alice: Identity, journal: Journal, caller: Callable[..., Caller]
    ) -> None:
        """Anybody can ask, as often as they like."""
        stranger = caller("bob")
        since = journal.mark()
        begun = time.monotonic()
        for _ in range(100):
            assert refusal(stranger.begin, "alice") == "NotAllowed"
            assert refusal(stranger.check_account, "alice") == "NotAllowed"
        journal.wait(since, KRATOSD_EVENT="login-refused")
        said = [entry for entry in journal.entries(since) if entry.fields.get("PRIORITY", "7") < "7"]
        assert len(said) <= 1 + (time.monotonic() - begun) // 10, said

    def test_who_is_not_ours_has_nothing_to_ask(
        self, daemon: Daemon, alice: Identity, caller: Callable[..., Caller]
    ) -> None:
        assert refusal(caller("lokal").begin, "lokal") == "UnknownUser"


LINGER = Path(__file__).resolve().parent / "linger.py"
LINGERS_SEC = 30


class TestAnswers:
    """The socket that a login has for its secret, for no message may carry a descriptor."""

    def test_its_owner_and_modes(
        self, daemon: Daemon, alice: Identity, caller: Callable[..., Caller]
    ) -> None:
        attempt = caller("alice").begin("alice")
        uid = pwd.getpwnam("kratosd").pw_uid
        found = (ANSWERS / attempt).stat()
        assert stat.S_ISSOCK(found.st_mode) and found.st_uid == uid
        # Its person alone may send (an access control list; its mask stands in for the group), and nobody
        # else may look for names.
        assert stat.S_IMODE(found.st_mode) == 0o620
        assert stat.S_IMODE(ANSWERS.stat().st_mode) == stat.S_IMODE(ANSWERS.parent.stat().st_mode) == 0o711

    def test_it_goes_with_its_login(
        self, daemon: Daemon, alice: Identity, caller: Callable[..., Caller]
    ) -> None:
        locker, root = caller("alice"), caller()
        root.begin("alice")
        assert os.listdir(ANSWERS) == []
        cancelled, refused, granted = (locker.begin("alice") for _ in range(3))
        assert sorted(os.listdir(ANSWERS)) == sorted([cancelled, refused, granted])
        locker.cancel(cancelled)
        assert refusal(locker.answer, refused, "wrong") == "BadCredentials"
        locker.answer(granted, alice.password)
        assert os.listdir(ANSWERS) == []

    def test_those_of_an_earlier_kratosd_are_removed(
        self, daemon: Daemon, alice: Identity, caller: Callable[..., Caller]
    ) -> None:
        attempt = caller("alice").begin("alice")
        daemon.kill()
        assert os.listdir(ANSWERS) == [attempt]
        start(daemon)
        assert os.listdir(ANSWERS) == []

    def test_nothing_written_is_an_empty_answer(
        self, daemon: Daemon, alice: Identity, journal: Journal, caller: Callable[..., Caller]
    ) -> None:
        locker = caller("alice")
        assert refusal(locker.call, "Answer", locker.begin("alice"), signature="s") == "BadCredentials"
        assert reason(journal) == "empty-password"

    def test_rule_39_too_much_is_refused(
        self, daemon: Daemon, alice: Identity, journal: Journal, caller: Callable[..., Caller]
    ) -> None:
        locker = caller("alice")
        assert refusal(locker.answer, locker.begin("alice"), 513 * "x") == "InvalidArgument"
        assert refusal(locker.answer, locker.begin("alice"), 512 * "x") == "BadCredentials"

    def test_one_who_goes_on_holding_it_holds_nobody_up(
        self, daemon: Daemon, alice: Identity, caller: Callable[..., Caller]
    ) -> None:
        locker = caller("alice")
        attempt = locker.begin("alice")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as held:
            held.connect(str(ANSWERS / attempt))
            assert refusal(locker.call, "Answer", attempt, signature="s") == "BadCredentials"
            with pytest.raises(ConnectionRefusedError):
                held.send(b"late")


class TestDescriptors:
    """Whoever closes the last descriptor of a socket that lingers waits for as long as its sender likes."""

    def send(self, daemon: Daemon) -> None:
        """Carol's message carries such a socket. Hers is closed before kratosd can have closed its own."""
        daemon.pause()
        person = pwd.getpwnam("carol")
        run = subprocess.run(
            [sys.executable, LINGER, str(LINGERS_SEC)],
            user=person.pw_uid,
            group=person.pw_gid,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            text=True,
            timeout=LINGERS_SEC / 2,
        )
        daemon.resume()
        assert run.stdout == "sent\n", run.stderr

    def still_answers(self, caller: Callable[..., Caller]) -> None:
        begun = time.monotonic()
        caller().begin("alice")
        assert time.monotonic() - begun < 2

    def test_the_policy_lets_none_through(
        self, daemon: Daemon, alice: Identity, caller: Callable[..., Caller]
    ) -> None:
        self.send(daemon)
        self.still_answers(caller)

    def test_without_the_policy_kratosd_is_handed_none(
        self, daemon: Daemon, alice: Identity, open_policy: None, caller: Callable[..., Caller]
    ) -> None:
        self.send(daemon)
        self.still_answers(caller)
        assert call(caller("alice"), "Answer", signature="sh") == NOT_SUPPORTED


FLOOD_DESCRIPTORS = Path(__file__).resolve().parent / "flood_descriptors.py"
FLOODERS = ("carol", "lokal", "nobody", "games")
CONNECTIONS_EACH = 10
DESCRIPTORS_SEC = 30
IN_TIME_SEC = 4


def begin_flood(user: str, program: Path, *arguments: str) -> subprocess.Popen[str]:
    """Starts one of this folder's floods as a user. It says "begun", and is the caller's to kill."""
    person = pwd.getpwnam(user)
    return subprocess.Popen(
        [sys.executable, program, *arguments],
        user=person.pw_uid,
        group=person.pw_gid,
        extra_groups=[],
        cwd="/",
        stdout=subprocess.PIPE,
        text=True,
    )


@contextlib.contextmanager
def descriptors_flood(*names: str) -> Iterator[None]:
    """40 clients of four users send descriptors to these names, for so long at most."""
    limits = str(CONNECTIONS_EACH), str(DESCRIPTORS_SEC)
    floods = [begin_flood(user, FLOOD_DESCRIPTORS, *limits, *names) for user in FLOODERS]
    for flood in floods:
        assert flood.stdout and flood.stdout.readline() == "begun\n"
    yield
    for flood in floods:
        assert flood.poll() is None
        with flood:
            flood.kill()


class TestFloodsOfDescriptors:
    """A queue with more than 64 of them takes no message more, whoever sends it."""

    def while_it_stands_still(self, daemon: Daemon, call: Callable[..., Any], *arguments: str) -> Any:
        """Makes a call while kratosd takes nothing from its queues, and lets it go on."""
        daemon.pause()
        time.sleep(0.5)
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(call, *arguments)
            time.sleep(0.2)
            daemon.resume()
            begun = time.monotonic()
            value = answer.result()
        assert time.monotonic() - begun < IN_TIME_SEC
        return value

    def all_are_answered(
        self, daemon: Daemon, caller: Callable[..., Caller], alice: Identity, *names: str
    ) -> None:
        root, locker = caller(), caller("bob")
        with descriptors_flood(*names):
            attempt = self.while_it_stands_still(daemon, root.begin, "alice")
            self.while_it_stands_still(daemon, root.answer, attempt, alice.password)
            root.close(root.open("alice", attempt))
            self.while_it_stands_still(daemon, locker.begin, "bob")

    def test_rule_38_to_both_names(
        self, daemon: Daemon, alice: Identity, bob: Identity, caller: Callable[..., Caller]
    ) -> None:
        self.all_are_answered(daemon, caller, alice, MANAGER, USER)

    def test_rule_38_to_the_name_that_everybody_may_call(
        self,
        daemon: Daemon,
        alice: Identity,
        bob: Identity,
        open_policy: None,
        caller: Callable[..., Caller],
    ) -> None:
        """Without the policy, that one takes none; and it is not the one that root calls."""
        self.all_are_answered(daemon, caller, alice, USER)


class TestRoot:
    """Root may call the User interface like anybody, and is nobody special there."""

    def test_rule_38_nobody_elses_account(
        self, daemon: Daemon, kratos: Kratos, alice: Identity, caller: Callable[..., Caller]
    ) -> None:
        root = caller(to=USER)
        for ask in root.begin, root.check_account:
            assert refusal(ask, "alice") == "NotAllowed"
            assert refusal(ask, "root") == "UnknownUser"
        assert kratos.sessions() == []

    def test_rule_38_a_login_keeps_to_the_interface_through_which_it_was_begun(
        self, daemon: Daemon, kratos: Kratos, alice: Identity, caller: Callable[..., Caller]
    ) -> None:
        root, user = caller(), caller(to=USER)
        attempt = root.begin("alice", service="sshd", rhost="192.0.2.1")
        assert refusal(user.call, "Answer", attempt, signature="s") == "NoSuchLogin"
        assert refusal(user.cancel, attempt) == "NoSuchLogin"
        root.answer(attempt, alice.password)
        # Granted, it waits to be opened. That is not ended from there either.
        assert refusal(user.cancel, attempt) == "NoSuchLogin"
        root.close(root.open("alice", attempt, service="sshd"))
        nothing_left(kratos)


FLOOD = Path(__file__).resolve().parent / "flood.py"
FLOOD_SEC = 6


@pytest.fixture
def alice_floods(alice: Identity) -> Iterator[None]:
    """On four connections, for so long at most."""
    floods = [begin_flood("alice", FLOOD, str(FLOOD_SEC)) for _ in range(4)]
    for flood in floods:
        assert flood.stdout and flood.stdout.readline() == "begun\n"
    time.sleep(1)
    yield
    for flood in floods:
        with flood:
            flood.kill()


class TestFloods:
    def test_rule_38_one_persons_calls_keep_nobody_else_out(
        self, daemon: Daemon, bob: Identity, alice_floods: None, caller: Callable[..., Caller]
    ) -> None:
        locker = caller("bob")
        for _ in range(6):
            locker.cancel(locker.begin("bob"))
            time.sleep(0.5)  # no more of his own than he may have
        assert caller().begin("alice")


class TestInFlight:
    def test_four_for_each_uid(
        self, daemon: Daemon, alice: Identity, bob: Identity, caller: Callable[..., Caller]
    ) -> None:
        first, second = caller("alice"), caller("alice")
        attempts = [first.begin("alice") for _ in range(IN_FLIGHT)]
        assert refusal(first.begin, "alice") == refusal(second.begin, "alice") == "Throttled"
        # Nobody else is touched by it. (rule 38)
        caller("bob").begin("bob")
        root = caller()
        for _ in range(2 * IN_FLIGHT):
            root.begin("alice")
        second.answer(attempts[-1], alice.password)

    def test_one_that_has_ended_counts_a_little_longer(
        self, daemon: Daemon, alice: Identity, caller: Callable[..., Caller]
    ) -> None:
        """So that ending them does not allow any rate."""
        locker = caller("alice")
        begun = time.monotonic()
        for _ in range(2 * IN_FLIGHT):
            while refusal(lambda: locker.cancel(locker.begin("alice"))) == "Throttled":
                assert time.monotonic() - begun < 5
                time.sleep(0.05)
        assert time.monotonic() - begun > 0.9

    def test_guesses_do_not_add_up(
        self, daemon: Daemon, alice: Identity, caller: Callable[..., Caller]
    ) -> None:
        locker = caller("alice")
        for _ in range(IN_FLIGHT):
            assert slow_refusal(locker.login, "alice", "wrong") == "BadCredentials"
        locker.login("alice", alice.password)


def arguments(member: str) -> list[Any]:
    """Such as would be taken from root, but for an answer's secret."""
    some_id = "0" * 32
    return {
        "BeginLogin": ["alice", {"service": "sshd"}],
        "CheckAccount": ["alice", {}],
        "OpenSession": ["alice", some_id, {}],
    }.get(member, [some_id])


def call(caller: Caller, member: str, **further: Any) -> str:
    if member in ("Answer", "ChangePassword"):
        further |= {"secret": "78", "seals": 14}
    return refusal(caller.call, member, *arguments(member), **further)


class TestManager:
    """Six methods, which are for root alone: by the bus's policy, and in the daemon."""

    @pytest.mark.parametrize("user", ["alice", "messagebus", "kratosd"])
    def test_rule_8_by_the_policy(
        self, daemon: Daemon, alice: Identity, caller: Callable[..., Caller], user: str
    ) -> None:
        stranger = caller(user, to=MANAGER)
        for member in SIGNATURES:
            assert call(stranger, member) == BUS_DENIES, member

    @pytest.mark.parametrize("user", ["alice", "messagebus", "kratosd"])
    def test_rule_8_by_the_daemon_itself(
        self,
        daemon: Daemon,
        alice: Identity,
        open_policy: None,
        caller: Callable[..., Caller],
        journal: Journal,
        user: str,
    ) -> None:
        stranger = caller(user, to=MANAGER)
        for member in SIGNATURES:
            assert call(stranger, member) == "NotAllowed", member
            # Not even what is wrong with the call is told.
            wrong = refusal(stranger.call, member, 7, signature="u")
            assert wrong in ("NotAllowed", "org.freedesktop.DBus.Error.InvalidArgs"), member
        uid = f"uid {pwd.getpwnam(user).pw_uid} "
        wait_until(
            lambda: any(uid in entry["MESSAGE"] for entry in journal.entries(PRIORITY="4")), "it is told of"
        )
        # It is the caller, and not the policy: root gets through.
        root = caller()
        root.cancel(root.begin("alice"))

    def test_rule_8_a_login_of_root_is_safe_from_others(
        self,
        daemon: Daemon,
        kratos: Kratos,
        alice: Identity,
        open_policy: None,
        caller: Callable[..., Caller],
    ) -> None:
        root, stranger = caller(), caller("alice", to=MANAGER)
        attempt = root.begin("alice", service="sshd")
        assert refusal(stranger.answer, attempt, alice.password) == "NotAllowed"
        assert refusal(stranger.cancel, attempt) == "NotAllowed"
        root.answer(attempt, alice.password)
        assert refusal(stranger.open, "alice", attempt, service="sshd") == "NotAllowed"
        session = root.open("alice", attempt, service="sshd")
        assert refusal(stranger.call, "CloseSession", session) == "NotAllowed"
        assert len(kratos.active_sessions(alice.id)) == 1
        root.close(session)
        nothing_left(kratos)

    @pytest.mark.parametrize("policy", ["ours", "open"])
    def test_the_user_interface_has_four_methods(
        self,
        request: pytest.FixtureRequest,
        daemon: Daemon,
        alice: Identity,
        caller: Callable[..., Caller],
        policy: str,
    ) -> None:
        if policy == "open":
            request.getfixturevalue("open_policy")
        locker = caller("alice")
        for member in "OpenSession", "CloseSession":
            assert call(locker, member) == "org.freedesktop.DBus.Error.UnknownMethod"
        for to, path in ((USER, PATHS[MANAGER]), (USER, PATHS[USER])):
            for member in SIGNATURES:
                error = call(locker, member, to=to, path=path, interface=INTERFACES[MANAGER])
                assert error.startswith("org.freedesktop.DBus.Error."), (path, member)
