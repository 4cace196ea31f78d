"""Traits, which people change themselves, and what they give: nothing, or a name where that is wanted."""

from collections.abc import Callable

import pytest
from looking import a_round_later, getent, groups, passwd, told, uid
from world.daemon import Daemon
from world.journal import Journal
from world.kratos import Identity, Kratos
from world.ssh import Sshd, SshSession

Make = Callable[..., Identity]

PASSWORD = "correct horse battery staple"

# What somebody may call themselves.
TAKEN = ["root", "docker", "kratosd", "www-data", "erik", "alice", "x\nroot::0:0", "sudo", "../x", "x:y"]


@pytest.mark.parametrize("username", TAKEN)
def test_rule_12_traits_change_nothing(
    quick: Daemon, kratos: Kratos, make: Make, journal: Journal, sshd: Sshd, username: str
) -> None:
    """Neither for the one who changed them nor for the one whose name that is."""
    dora = make("dora", groups=["developers"])
    before = passwd("dora"), groups("dora"), getent("passwd", "root"), getent("group", "docker")
    if username == "erik":
        make("frida", name="erik")
    kratos.rename_self(dora, username)
    a_round_later(2.5)
    assert before == (
        passwd("dora"), groups("dora"), getent("passwd", "root"), getent("group", "docker")
    )  # fmt: skip
    if "\n" not in username and username != "alice":
        assert dora.id not in getent("passwd", username)
        login = SshSession(username).answer(PASSWORD).finish()
        assert login.status == 255
    assert not told(journal, "is hidden") and passwd("dora")[2] == before[0][2]


@pytest.fixture
def trusting(stopped_daemon: Daemon) -> Daemon:
    """A host on which traits give the names of people whose document has none."""
    stopped_daemon.configure(
        Accounts={"TrustTraitNames": "yes", "UserName": "/traits/username", "RefreshSec": "1s"},
        Access={"FreshSec": "0"},
    )
    stopped_daemon.start()
    return stopped_daemon


def nameless(kratos: Kratos, username: str, **further: str) -> Identity:
    return kratos.create_identity(
        username, PASSWORD, metadata_public={"posix": {"gecos": "x"}}, **further
    )


def test_a_trusted_trait(trusting: Daemon, kratos: Kratos, sshd: Sshd) -> None:
    nameless(kratos, "dora")
    assert passwd("dora")
    SshSession("dora").login(PASSWORD).logout()


@pytest.mark.parametrize("name", ["root", "docker", "sudo", "www-data", "_apt", "systemd-x", "kratosd"])
def test_rule_31_reserved_names_are_not_given(
    trusting: Daemon, kratos: Kratos, journal: Journal, sshd: Sshd, name: str
) -> None:
    """Whether this host has them or not, and whatever gives them."""
    before = getent("passwd", name), getent("group", name)
    nameless(kratos, name)
    kratos.create_identity("other", PASSWORD, metadata_public={"posix": {"name": name}})
    assert (getent("passwd", name), getent("group", name)) == before
    SshSession(name).answer(PASSWORD).finish()
    assert (getent("passwd", name), getent("group", name)) == before
    assert not told(journal, "is an account")


def test_rule_31_a_trait_renames_nobody(
    trusting: Daemon, kratos: Kratos, journal: Journal, sshd: Sshd
) -> None:
    """Whoever changes it, is refused; whose name it was, keeps it."""
    dora, erik = nameless(kratos, "dora"), nameless(kratos, "erik")
    numbers = uid("dora"), uid("erik")
    kratos.rename_self(dora, "theodora")
    a_round_later()
    assert passwd("theodora") == [] and (uid("dora"), uid("erik")) == numbers
    assert len(told(journal, dora.id, "it had another name here")) == 1
    kratos.rename_self(erik, "dora")
    a_round_later()
    assert (uid("dora"), uid("erik")) == numbers
    SshSession("dora").answer(PASSWORD).refused()
    kratos.set_username(erik.id, "erik")
    kratos.set_username(dora.id, "dora")
    a_round_later()
    SshSession("dora").login(PASSWORD).logout()


def test_rule_31_the_document_wins_over_the_trait(
    trusting: Daemon, kratos: Kratos, make: Make
) -> None:
    make("dora", name="theodora")
    kratos.create_identity("theodora", PASSWORD)
    assert passwd("dora") == []


@pytest.fixture
def stripping(stopped_daemon: Daemon) -> Daemon:
    """A host on which the part before the @ is the name."""
    stopped_daemon.configure(
        Accounts={
            "TrustTraitNames": "yes",
            "UserName": "/traits/email",
            "StripDomain": "example.org",
            "Identifier": "%u@example.org",
        }
    )
    stopped_daemon.start()
    return stopped_daemon


def with_address(kratos: Kratos, username: str, email: str, verified: bool) -> Identity:
    address = {
        "value": email,
        "verified": verified,
        "via": "email",
        "status": "completed" if verified else "sent",
    }
    return nameless(kratos, username, email=email, verifiable_addresses=[address])


def test_rule_31_only_a_verified_address(stripping: Daemon, kratos: Kratos) -> None:
    with_address(kratos, "x1", "dora@example.org", True)
    with_address(kratos, "x2", "erik@example.org", False)
    with_address(kratos, "x3", "frida@example.com", True)
    with_address(kratos, "x4", "gerd@example.org.example.com", True)
    with_address(kratos, "x5", "root@example.org", True)
    with_address(kratos, "x6", "hanna+tag@example.org", True)
    assert passwd("dora")
    for name in "erik", "frida", "gerd", "hanna", "x1", "x2":
        assert passwd(name) == [], name
    assert passwd("root")[2] == "0"


def test_all_with_schemas_and_an_allow_list(
    stopped_daemon: Daemon, kratos: Kratos, make: Make, journal: Journal, sshd: Sshd
) -> None:
    """Accounts=all: whoever is in Kratos, of those schemas, and then only whom the list lets in."""
    stopped_daemon.configure(
        Accounts={
            "Accounts": "all",
            "Schemas": "default",
            "TrustTraitNames": "yes",
            "UserName": "/traits/username",
        },
        Access={"AllowUsers": "dora"},
    )
    stopped_daemon.start()
    kratos.create_identity("dora", PASSWORD)
    kratos.create_identity("erik", PASSWORD)
    kratos.create_identity("frida", PASSWORD, email="frida", schema="email")
    assert passwd("dora") and passwd("erik") and passwd("frida") == []
    SshSession("dora").login(PASSWORD).logout()
    login = SshSession("erik", key=True, log_level="INFO").finish()
    assert login.status == 255 and "You may not log in to this host" in login.output
    SshSession("frida").answer(PASSWORD).refused()


def test_schemas_count_for_documents_too(
    stopped_daemon: Daemon, kratos: Kratos, make: Make, journal: Journal
) -> None:
    stopped_daemon.configure(Accounts={"Schemas": "email"})
    stopped_daemon.start()
    make("dora")
    document = {"posix": {"name": "frida"}}
    kratos.create_identity("frida", email="frida", schema="email", metadata_public=document)
    assert passwd("dora") == [] and passwd("frida")


@pytest.mark.parametrize(
    "missing",
    [
        {"Accounts": {"Schemas": None}},
        {"Access": {"AllowUsers": None}},
        {"Accounts": {"TrustTraitNames": None}},
    ],
    ids=["schemas", "allow-list", "names"],
)
def test_rule_12_all_needs_more(stopped_daemon: Daemon, missing: dict) -> None:
    stopped_daemon.configure(
        Accounts={
            "Accounts": "all",
            "Schemas": "default",
            "TrustTraitNames": "yes",
            "UserName": "/traits/username",
        },
        Access={"AllowUsers": "dora"},
    )
    assert stopped_daemon.check_config().returncode == 0
    stopped_daemon.configure(**missing)
    assert stopped_daemon.check_config().returncode != 0
