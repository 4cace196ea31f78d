"""What the host's own files hold, and who wins."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from faultserver import FaultServer
from looking import add_line, getent, groups, hears, passwd, refused, remove_line, run, told, uid
from world import pam
from world.daemon import Daemon
from world.journal import Journal
from world.kratos import Identity, Kratos
from world.prepare import LOCAL_PASSWORD
from world.ssh import Sshd, SshSession

Make = Callable[..., Identity]

PASSWD, GROUP = "/etc/passwd", "/etc/group"

@pytest.fixture(autouse=True)
def _files() -> Iterator[None]:
    """What a test has written into the host's files is gone afterwards."""
    kept = {path: Path(path).read_bytes() for path in (PASSWD, GROUP, "/etc/shadow")}
    yield
    for path, content in kept.items():
        Path(path).write_bytes(content)


# A line of a local file that takes what dora has, and what the log says of it.
TAKEN = {
    "name": (PASSWD, "dora:x:2100:2100:Local:/home/local:/bin/sh", "its name is a local user's"),
    "name of a group": (GROUP, "dora:x:2100:", "its name is a local group's"),
    "uid": (PASSWD, "other:x:{uid}:2100:Local:/home/local:/bin/sh", "its uid is a local user's"),
    "uid as a gid": (GROUP, "other:x:{uid}:", "its uid is a local group's gid"),
    "gid": (GROUP, "other:x:{gid}:", "its gid is a local group's"),
}


@pytest.mark.parametrize("when", ["before", "later"])
@pytest.mark.parametrize("case", TAKEN)
def test_rule_13_local_files_win(
    stopped_daemon: Daemon, make: Make, journal: Journal, sshd: Sshd, case: str, when: str
) -> None:
    """A local entry hides ours, is told of once, and gives it free again when it goes. Of a local user's name
    Kratos is not asked, so that somebody who has it, and comes later, is nobody here."""
    stopped_daemon.configure(Accounts={"AllowUIDs": "5000-5999"})
    stopped_daemon.start()
    file, line, why = TAKEN[case]
    line = line.format(uid=5001, gid=5002)
    if when == "before":
        add_line(file, line)
    make("dora", uid=5001, gid=5002)
    if when == "later":
        assert passwd("dora")[2:4] == ["5001", "5002"]
        add_line(file, line)
    ours = "org.kratosd1"
    for _ in range(3):
        assert ours not in run("userdbctl", "user", "--json=short", "dora").stdout
        assert ours not in run("userdbctl", "user", "--json=short", "5001").stdout
        assert ours not in run("userdbctl", "group", "--json=short", "dora").stdout
    known = (case, when) != ("name", "before")
    if known:
        (warning,) = hears(journal, "dora is hidden")
        assert why in warning
    if case != "name":
        SshSession("dora", key=True).refused()
    SshSession("dora").answer("correct horse battery staple").refused()
    remove_line(file, line)
    assert passwd("dora")[2:4] == ["5001", "5002"]
    if known:
        hears(journal, "dora is not hidden any more")
    assert len(told(journal, "dora is not hidden any more")) == known
    assert len(told(journal, "dora is hidden:")) == known
    SshSession("dora").login("correct horse battery staple").logout()


def test_rule_13_a_local_group_is_not_joined(daemon: Daemon, make: Make) -> None:
    """One of the host's own, under the name or the number of a group of a document."""
    add_line(GROUP, "testers:x:2200:")
    make("dora", groups=["testers", "developers"])
    assert groups("dora") == {"dora", "developers"}
    assert getent("group", "testers") == "testers:x:2200:"
    gid = getent("group", "developers").split(":")[2]
    line = f"other:x:{gid}:"
    add_line(GROUP, line)
    assert groups("dora") == {"dora"}
    assert getent("group", gid) == line and getent("group", "developers") == ""
    remove_line(GROUP, line)
    assert groups("dora") == {"dora", "developers"}


def test_rule_13_a_number_is_chosen_around_local_ones(
    stopped_daemon: Daemon, make: Make, kratos: Kratos
) -> None:
    """Another number for somebody whose own had been taken before, and for good."""
    stopped_daemon.start()
    dora = make("dora")
    first = uid("dora")
    stopped_daemon.stop()
    settings = stopped_daemon.settings
    stopped_daemon.fresh(kratos)
    stopped_daemon.settings = settings
    line = f"other:x:{first}:2100:Local:/home/local:/bin/sh"
    add_line(PASSWD, line)
    stopped_daemon.start()
    assert (second := uid("dora")) != first
    remove_line(PASSWD, line)
    assert uid("dora") == second and passwd(first) == []
    stopped_daemon.restart()
    assert uid("dora") == second
    assert dora.username == "dora"


def test_rule_13_members_by_configuration_are_no_local_users(
    stopped_daemon: Daemon, make: Make
) -> None:
    """A local user does not come into a local group because somebody of Kratos had that name."""
    stopped_daemon.configure(Groups={"wheel-admins": "sudo"})
    stopped_daemon.start()
    make("dora", groups=["wheel-admins", "developers"])
    assert passwd("dora") and getent("group", "sudo").split(":")[3] == "dora"
    add_line(PASSWD, "dora:x:2100:2100:Local:/home/local:/bin/sh")
    assert groups("dora").isdisjoint({"sudo", "wheel-admins", "developers"})
    assert getent("group", "sudo").split(":")[3] == ""
    assert "dora" not in getent("group", "developers")


def test_rule_23_a_local_user_is_not_touched(
    daemon: Daemon, make: Make, journal: Journal, sshd: Sshd
) -> None:
    """Though an identity claims the name."""
    make("lokal", groups=["developers"])
    before = run("id", "lokal").stdout
    login = SshSession("lokal").login(LOCAL_PASSWORD)
    assert login.run("id -un") == "lokal"
    login.logout()
    SshSession("lokal").answer("correct horse battery staple").refused()
    SshSession("lokal", key=True).shell().logout()
    assert run("id", "lokal").stdout == before and "developers" not in before
    assert passwd("lokal")[2] == "2004"
    assert not journal.entries(KRATOSD_USER="lokal")


def test_rule_23_kratos_is_not_asked_for_a_local_user(stopped_daemon: Daemon, proxy: FaultServer) -> None:
    """By those who ask kratosd about everybody: where Kratos is away, they would wait for it. A mapped one is
    ours."""
    stopped_daemon.map("alice", "-")
    stopped_daemon.start()
    for name in "lokal", "alice", "nosuchname":
        run("userdbctl", "user", name)
    asked = " ".join(request.query for request in proxy.requests)
    assert "nosuchname" in asked and "alice" in asked and "lokal" not in asked


def test_rule_5_a_document_of_somebody_who_is_mapped_counts(
    stopped_daemon: Daemon, make: Make, journal: Journal, stack: str
) -> None:
    """From the first login on, with a key too, whatever has asked for the name before."""
    stopped_daemon.configure(Access={"AllowGroups": "developers"})
    documents = {
        "alice": {"groups": ["developers"], "notAfter": "2020-01-01"},
        "bob": {"groups": ["developers"]},
        "carol": {"groups": ["testers"]},
    }
    for name, document in documents.items():
        stopped_daemon.map(name, make(name, **document).id)
    stopped_daemon.start()
    assert [name for name in documents if pam.run(stack, name, ["acct_mgmt"]).status == 0] == ["bob"]
    refused(journal, "alice", "expired")
    refused(journal, "carol", "not-in-allow-list")


def replace(line: str, by: str) -> None:
    """As vipw and useradd do it: another file takes the place of the old one."""
    new = Path(PASSWD + "+")
    new.write_text(Path(PASSWD).read_text().replace(line, by))
    new.chmod(0o644)
    new.rename(PASSWD)


def test_rule_13_a_file_that_is_replaced_is_read_again(daemon: Daemon, make: Make) -> None:
    """However often, also several times within a second, and when it stays of the same size."""
    make("dora")
    assert passwd("dora")[2] != "2100"
    add_line(PASSWD, "dore:x:2100:2100:Local:/home/local:/bin/sh")
    for _ in range(10):
        replace("dore:x:", "dora:x:")
        assert passwd("dora")[2] == "2100"
        assert "org.kratosd1" not in run("userdbctl", "user", "--json=short", "dora").stdout
        replace("dora:x:", "dore:x:")
        assert "org.kratosd1" in run("userdbctl", "user", "--json=short", "dora").stdout
