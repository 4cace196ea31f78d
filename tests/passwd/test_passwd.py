"""passwd on a terminal, run by the person: each way in which it can end, and what is left of it."""

from changing import CHANGED, WRONG, Passwd, is_changed, is_unchanged
from factors import Person
from logging_in import nothing_left, reason

from world.daemon import Daemon
from world.journal import Journal
from world.kratos import Kratos


def test_changed(daemon: Daemon, kratos: Kratos, alice: Person, journal: Journal) -> None:
    passwd = Passwd().current().new()
    assert CHANGED in passwd.ended() and passwd.status == 0
    nothing_left(kratos)
    assert is_changed(alice)
    journal.wait(KRATOSD_EVENT="password-changed", KRATOSD_USER="alice")


def test_wrong_old_password(
    daemon: Daemon, kratos: Kratos, alice: Person, journal: Journal
) -> None:
    passwd = Passwd().current("not hers")
    assert WRONG in passwd.ended() and passwd.status != 0
    assert reason(journal) == "bad-credentials"
    nothing_left(kratos)
    assert is_unchanged(alice)
