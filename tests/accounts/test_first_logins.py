"""SSH logins of people whom this host has never seen, with a password and with a key."""

import datetime
import time
from collections.abc import Callable

import pytest
from looking import QUICK, client_key, passwd, refused, ssh_keys
from world import pam
from world.daemon import Daemon
from world.journal import Journal
from world.kratos import Identity, Kratos
from world.ssh import Sshd, SshSession

Make = Callable[..., Identity]

# What each way to be refused is set up with, the reason in the journal, and what the person is told.
EXPIRED = {"notAfter": "2020-01-01"}
EARLY = {"notBefore": "2999-01-01"}
ELSEWHERE = {"hosts": ["elsewhere"]}
OTHER_SERVICE = {"services": ["login"]}
REFUSALS = {
    "expired": (EXPIRED, {}, "expired", "Your account has expired"),
    "early": (EARLY, {}, "not-yet-valid", "Your account is not valid yet"),
    "elsewhere": (ELSEWHERE, {}, "host-not-allowed", "not meant for this host or service"),
    "other service": (OTHER_SERVICE, {}, "service-not-allowed", "not meant for this host or service"),
    "denied": ({}, {"DenyUsers": "dora"}, "denied-user", "You may not log in to this host"),
    "denied group": (
        {"groups": ["developers"]}, {"DenyGroups": "dev*"}, "denied-group", "You may not log in"
    ),
    "not allowed": ({}, {"AllowUsers": "erik"}, "not-in-allow-list", "You may not log in"),
}  # fmt: skip


def test_with_a_key(daemon: Daemon, kratos: Kratos, make: Make, keyed_sshd: Sshd) -> None:
    """There is no session at Kratos then, for no password was shown to it."""
    dora = make("dora", groups=["developers"], sshKeys=[client_key()])
    login = SshSession("dora", key=True).shell()
    assert login.run("id -un; id -Gn; pwd").split() == ["dora", "dora", "developers", "/home/dora"]
    assert kratos.sessions(dora.id) == []
    assert login.logout().status == 0


def test_a_key_of_somebody_else(daemon: Daemon, make: Make, keyed_sshd: Sshd) -> None:
    make("dora", sshKeys=[client_key()])
    make("erik")
    SshSession("erik", key=True).refused()
    SshSession("frida", key=True).refused()


def test_the_options_of_a_key(daemon: Daemon, make: Make, keyed_sshd: Sshd) -> None:
    make("dora", sshKeys=['restrict,pty,command="echo forced" ' + client_key()])
    login = SshSession("dora", "id", key=True).finish()
    assert (login.status, login.output.strip()) == (0, "forced")
    make("erik", sshKeys=['from="192.0.2.1" ' + client_key()])
    SshSession("erik", key=True).refused()


def test_with_a_wrong_password(daemon: Daemon, make: Make, keyed_sshd: Sshd) -> None:
    make("dora")
    SshSession("dora").answer("wrong").refused()


@pytest.mark.parametrize("case", REFUSALS)
def test_rule_5_nobody_who_may_not(
    stopped_daemon: Daemon, make: Make, sshd: Sshd, journal: Journal, case: str
) -> None:
    """Although the key fits: it stands in a file of sshd's own here."""
    document, access, reason, sentence = REFUSALS[case]
    stopped_daemon.configure(Access=dict(access))
    stopped_daemon.start()
    make("dora", sshKeys=[client_key()], **document)
    assert passwd("dora") and ssh_keys("dora") == []
    login = SshSession("dora", key=True, log_level="INFO").finish()
    assert login.status == 255 and sentence in login.output, login.output
    refused(journal, "dora", reason)
    login = SshSession("dora", log_level="INFO").answer("correct horse battery staple").finish()
    assert login.status == 255 and login.output.count(sentence) == 1, login.output


@pytest.mark.parametrize("document", [EXPIRED, EARLY], ids=["expired", "early"])
def test_rule_5_no_keys_outside_the_dates(
    daemon: Daemon, make: Make, keyed_sshd: Sshd, document: dict[str, str]
) -> None:
    make("dora", sshKeys=[client_key()], **document)
    assert passwd("dora") and ssh_keys("dora") == []
    SshSession("dora", key=True).refused()


def test_rule_5_keys_end_with_the_permission(
    stopped_daemon: Daemon, make: Make, keyed_sshd: Sshd
) -> None:
    """Also where they have been told before: each time, until the configuration is another."""
    stopped_daemon.start()
    make("dora", sshKeys=[client_key()], groups=["developers"])
    make("erik", sshKeys=[client_key()])
    for section, key, value in (
        ("Access", "DenyUsers", "dora"),
        ("Access", "DenyGroups", "dev*"),
        ("Service sshd", "DenyUsers", "dora"),
    ):
        for _ in range(2):
            assert ssh_keys("dora") == ssh_keys("erik") == [client_key()]
        stopped_daemon.configure(**{section: {key: value}})
        stopped_daemon.reload()
        for _ in range(2):
            assert (ssh_keys("dora"), ssh_keys("erik")) == ([], [client_key()]), (section, key)
        SshSession("dora", key=True).refused()
        stopped_daemon.configure(**{section: {key: None}})
        stopped_daemon.reload()


@pytest.mark.parametrize("keys_of", ["sshd", "document"])
def test_rule_5_disabled(
    stopped_daemon: Daemon, kratos: Kratos, make: Make, sshd: Sshd, journal: Journal, keys_of: str
) -> None:
    """Since the last time that anybody asked: the account phase finds out by itself."""
    stopped_daemon.configure(Access=QUICK["Access"])
    stopped_daemon.start()
    dora = make("dora", sshKeys=[client_key()])
    if keys_of == "document":
        sshd.stop()
        sshd.start(
            AuthorizedKeysFile="none",
            AuthorizedKeysCommand="/usr/bin/userdbctl ssh-authorized-keys %u",
            AuthorizedKeysCommandUser="root",
        )
    SshSession("dora", key=True).shell().logout()
    kratos.set_state(dora.id, "inactive")
    login = SshSession("dora", key=True, log_level="INFO").finish()
    assert login.status == 255 and "Your account is disabled." in login.output, login.output
    refused(journal, "dora", "identity-inactive")
    assert ssh_keys("dora") == []
    SshSession("dora").answer(dora.password).refused()
    kratos.set_state(dora.id, "active")
    SshSession("dora").login(dora.password).logout()
    SshSession("dora", key=True).shell().logout()


def test_rule_5_deleted(
    stopped_daemon: Daemon, kratos: Kratos, make: Make, sshd: Sshd, journal: Journal
) -> None:
    stopped_daemon.configure(Access=QUICK["Access"])
    stopped_daemon.start()
    dora = make("dora")
    SshSession("dora", key=True).shell().logout()
    kratos.delete_identity(dora.id)
    login = SshSession("dora", key=True, log_level="INFO").finish()
    assert login.status == 255, login.output
    refused(journal, "dora", "identity-inactive")


def test_rule_5_the_document_is_gone(
    stopped_daemon: Daemon, kratos: Kratos, make: Make, sshd: Sshd, journal: Journal
) -> None:
    """The identity lives on, and is no account any more."""
    stopped_daemon.configure(Access=QUICK["Access"])
    stopped_daemon.start()
    dora = make("dora")
    SshSession("dora", key=True).shell().logout()
    kratos.patch(dora.id, {"op": "replace", "path": "/metadata_public", "value": {}})
    login = SshSession("dora", key=True, log_level="INFO").finish()
    assert login.status == 255 and "no account here any more" in login.output, login.output
    refused(journal, "dora", "account-ended")


def test_rule_5_the_document_went_wrong(
    stopped_daemon: Daemon, kratos: Kratos, make: Make, sshd: Sshd, journal: Journal
) -> None:
    stopped_daemon.configure(Access=QUICK["Access"])
    stopped_daemon.start()
    dora = make("dora")
    SshSession("dora", key=True).shell().logout()
    path = "/metadata_public/posix/notAftr"
    kratos.patch(dora.id, {"op": "add", "path": path, "value": "2020-01-01"})
    login = SshSession("dora", key=True, log_level="INFO").finish()
    assert login.status == 255 and "not set up correctly" in login.output, login.output
    refused(journal, "dora", "account-refused")


def test_expires_while_the_host_knows_it(
    stopped_daemon: Daemon, kratos: Kratos, make: Make, stack: str
) -> None:
    """By this host's own clock, without a word from Kratos."""
    stopped_daemon.start()
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=6)
    make("dora", sshKeys=[client_key()], notAfter=soon.strftime("%Y-%m-%dT%H:%M:%SZ"))
    assert passwd("dora") and ssh_keys("dora") == [client_key()]
    kratos.pause()
    assert pam.run(stack, "dora", ["acct_mgmt"]).status == 0
    time.sleep(max(0.0, (soon - datetime.datetime.now(datetime.timezone.utc)).total_seconds()))
    done = pam.run(stack, "dora", ["acct_mgmt"])
    assert done.status != 0 and "Your account has expired" in done.output
    assert ssh_keys("dora") == []
