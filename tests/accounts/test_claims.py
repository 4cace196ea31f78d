"""Names and numbers: whose they are, on one host and on several, now and later."""

import hashlib
import time
from collections.abc import Callable

import pytest
from looking import a_round_later, command, getent, hears, passwd, seen, told, uid, wipe
from world.daemon import Daemon
from world.journal import Journal
from world.kratos import Identity, Kratos
from world.processes import wait_until
from world.ssh import Sshd, SshSession

Make = Callable[..., Identity]

PASSWORD = "correct horse battery staple"
DOMAIN = "example.org"


@pytest.fixture
def mailing(stopped_daemon: Daemon) -> Daemon:
    """A host whose identifiers are addresses, which two identities can have: one to log in with, and
    one to send codes to."""
    stopped_daemon.configure(
        Accounts={"Identifier": f"%u@{DOMAIN}", "RefreshSec": "1s"}, Access={"FreshSec": "0"}
    )
    stopped_daemon.start()
    return stopped_daemon


def by_password(kratos: Kratos, name: str, email: str | None = None) -> Identity:
    return kratos.create_identity(
        name,
        PASSWORD,
        email=email or f"{name}@{DOMAIN}",
        schema="email",
        metadata_public={"posix": {"name": name}},
    )


def by_code(kratos: Kratos, name: str, username: str) -> Identity:
    return kratos.create_identity(
        username, email=f"{name}@{DOMAIN}", metadata_public={"posix": {"name": name}}
    )


def test_two_claim_a_name(mailing: Daemon, kratos: Kratos, journal: Journal, sshd: Sshd) -> None:
    """It is nobody's, until the administrator says whose."""
    first, second = by_password(kratos, "dora"), by_code(kratos, "dora", "other")
    assert passwd("dora") == []
    SshSession("dora").answer(PASSWORD).refused()
    assert hears(journal, "2 identities claim the name dora")
    done = command("--add-account", f"dora={first.id}")
    assert (done.returncode, done.stderr) == (0, "")
    SshSession("dora").login(PASSWORD).logout()
    a_round_later()
    assert passwd("dora")
    refused = command("--add-account", f"dora={second.id}")
    assert refused.returncode != 0 and "another identity's here" in refused.stderr
    assert passwd("dora")


def test_the_owner_keeps_a_name(
    mailing: Daemon, kratos: Kratos, journal: Journal, sshd: Sshd
) -> None:
    """Though a second one claims it, before a restart and after."""
    by_password(kratos, "dora")
    before = passwd("dora")
    assert before
    other = by_code(kratos, "dora", "other")
    a_round_later()
    assert passwd("dora") == before
    mailing.restart()
    assert passwd("dora") == before
    SshSession("dora").login(PASSWORD).logout()
    assert not told(journal, other.id, "is an account")


def test_another_persons_address_gives_nothing(mailing: Daemon, kratos: Kratos) -> None:
    """An identifier finds an identity; whether the name is its own its document says."""
    by_password(kratos, "erik", f"dora@{DOMAIN}")
    assert passwd("dora") == [] and passwd("erik") == []


def test_two_claim_a_number(stopped_daemon: Daemon, make: Make, journal: Journal) -> None:
    """Of a user, or of a group and a user: the first keeps it, also when its name is taken away."""
    stopped_daemon.configure(Accounts={"AllowUIDs": "5000-5999"})
    stopped_daemon.start()
    make("dora", uid=5001, groups=[{"name": "developers", "gid": 5100}])
    make("erik", uid=5001)
    make("frida", uid=5100)
    make("gerd", gid=5001)
    make("hanna", groups=[{"name": "testers", "gid": 5001}])
    make("ida", groups=[{"name": "developers", "gid": 5101}])
    assert uid("dora") == 5001
    for name in "erik", "frida", "gerd", "hanna", "ida":
        assert passwd(name) == [], name
    assert passwd(5001)[0] == "dora"
    assert getent("group", "5100").split(":")[0] == "developers"
    why = "cannot be an account here"
    wait_until(lambda: len(told(journal, why)) == 5, "a message about each")
    assert command("--unpin", "dora").returncode == 0
    make("jana", uid=5001)
    assert passwd("jana") == [] and uid("dora") == 5001


def test_rule_1_a_number_is_never_another(
    quick: Daemon, kratos: Kratos, make: Make, journal: Journal
) -> None:
    """Whatever a document says later, and whoever comes after somebody who is gone."""
    dora = make("dora")
    number = uid("dora")
    path = "/metadata_public/posix/uid"
    kratos.patch(dora.id, {"op": "add", "path": path, "value": 1879050001})
    seen(lambda: told(journal, dora.id, "another than it had here before"), "the refusal")
    assert passwd(1879050001) == [] and uid("dora") == number
    kratos.patch(dora.id, {"op": "remove", "path": path})
    a_round_later()
    kratos.delete_identity(dora.id)
    seen(lambda: passwd("dora") == [], "no dora")
    make("erik", uid=number)
    assert passwd("erik") == [] and passwd(number) == []
    assert hears(journal, "a number of its belongs to somebody else here")


def test_rule_1_two_hosts_agree(stopped_daemon: Daemon, make: Make) -> None:
    """Two that have nothing in common but Kratos, and hear of people in another order."""
    stopped_daemon.start()
    names = [f"person{i}" for i in range(12)]
    for i, name in enumerate(names):
        make(name, groups=["developers", f"group{i % 3}"])
    shared = ["developers", "group0", "group1", "group2"]

    def numbers() -> dict[str, list[str]]:
        found = {name: passwd(name)[2:4] for name in names}
        return found | {name: getent("group", name).split(":")[2:3] for name in shared}

    first = numbers()
    wipe(stopped_daemon)
    names.reverse()
    assert numbers() == first
    assert len({tuple(value) for value in first.values()}) == len(names) + len(shared)


def test_rule_1_nobody_is_moved_by_a_collision(stopped_daemon: Daemon, make: Make) -> None:
    """In a small range, where some of these fall on one number."""
    stopped_daemon.configure(Accounts={"UIDRange": "1879048192-1879113727"})
    stopped_daemon.start()
    first = uid(make("dora").username)
    others = [make(f"p{i}").username for i in range(60)]
    given = {}
    for name in others:
        given[name] = uid(name)
        time.sleep(0.06)  # no more names a second than Kratos is asked for
    assert len({first, *given.values()}) == 61
    assert all(1879048192 <= number <= 1879113727 for number in given.values())
    stopped_daemon.restart()
    assert uid("dora") == first and {name: uid(name) for name in others} == given


def test_add_account_without_an_admin_api(
    stopped_daemon: Daemon, make: Make, sshd: Sshd, journal: Journal
) -> None:
    """Whoever Kratos cannot be asked for, the administrator names."""
    stopped_daemon.configure(Kratos={"AdminURL": None})
    stopped_daemon.start()
    dora, erik = make("dora"), make("erik")
    assert passwd("dora") == []
    SshSession("dora").answer(PASSWORD).refused()
    done = command("--add-account", f"dora={dora.id}")
    assert (done.returncode, done.stderr) == (0, "")
    SshSession("dora").login(PASSWORD).logout()
    SshSession("dora", key=True).shell().logout()
    SshSession("erik").answer(PASSWORD).refused()
    stopped_daemon.stop()
    assert command("--add-account", f"erik={erik.id}").returncode == 0
    stopped_daemon.start()
    SshSession("erik").login(PASSWORD).logout()
    SshSession("dora").answer("wrong").refused()


def test_accounts_outlive_the_admin_api(
    stopped_daemon: Daemon, make: Make, kratos: Kratos, sshd: Sshd
) -> None:
    """Those that were known when AdminURL= went."""
    stopped_daemon.start()
    make("dora", groups=["developers"])
    before = passwd("dora")
    stopped_daemon.configure(Kratos={"AdminURL": None}, Access={"FreshSec": "0"})
    stopped_daemon.restart()
    assert passwd("dora") == before
    login = SshSession("dora").login(PASSWORD)
    assert login.run("id -Gn") == "dora developers"
    login.logout()


def test_rule_31_add_account_is_checked(daemon: Daemon, make: Make) -> None:
    dora = make("dora")
    for name in "root", "docker", "_apt", "Dora", "a:b", "", "-x", "x" * 40:
        done = command("--add-account", f"{name}={dora.id}")
        assert done.returncode != 0 and done.stderr, name
    for identity in "", "1", dora.id.upper() + "0", hashlib.sha256(b"").hexdigest():
        assert command("--add-account", f"dora={identity}").returncode == 64
    assert passwd("dora")


def test_add_account_takes_nothing_away(
    stopped_daemon: Daemon, kratos: Kratos, make: Make, sshd: Sshd
) -> None:
    """An account that is known is left as it is: its dates, its groups, and that it is disabled."""
    stopped_daemon.start()
    expired = make("dora", notAfter="2020-01-01", groups=["developers"])
    disabled = make("erik")
    before = passwd("dora")
    assert before
    kratos.set_state(disabled.id, "inactive")
    assert passwd("erik")
    for person in expired, disabled:
        assert command("--add-account", f"{person.username}={person.id}").returncode == 0
    assert passwd("dora") == before and getent("group", "developers")
    for name in "dora", "erik":
        login = SshSession(name, key=True).finish()
        assert login.status == 255, login.output
