"""PAM's account phase: who may come in, how old what is known may be, and how often Kratos is asked."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from faultserver import FaultServer, faults
from looking import client_key, passwd, refused
from world import pam
from world.daemon import Daemon
from world.journal import Journal
from world.kratos import Identity, Json, Kratos
from world.ssh import Sshd, SshSession

Make = Callable[..., Identity]

# [Access], [Service strict], the document's fields, and the reason to be refused, if there is one.
RULES: dict[str, tuple[dict[str, str], dict[str, str], Json, str | None]] = {
    "nothing": ({}, {}, {}, None),
    "allowed": ({"AllowUsers": "d*"}, {}, {}, None),
    "not allowed": ({"AllowUsers": "erik"}, {}, {}, "not-in-allow-list"),
    "allowed group": ({"AllowGroups": "dev*"}, {}, {"groups": ["developers"]}, None),
    "reserved group": ({"AllowGroups": "docker"}, {}, {"groups": ["docker"]}, None),
    "not allowed group": ({"AllowGroups": "dev*"}, {}, {"groups": ["testers"]}, "not-in-allow-list"),
    "own group": ({"AllowGroups": "dora"}, {}, {}, "not-in-allow-list"),
    "one of two": ({"AllowUsers": "erik", "AllowGroups": "dev*"}, {}, {"groups": ["developers"]}, None),
    "denied": ({"AllowUsers": "dora", "DenyUsers": "[c-e]ora"}, {}, {}, "denied-user"),
    "denied group": ({"DenyGroups": "dev*"}, {}, {"groups": ["developers"]}, "denied-group"),
    "service": ({}, {"AllowUsers": "dora"}, {}, None),
    "not service": ({"AllowUsers": "dora"}, {"DenyUsers": "dora"}, {}, "denied-user"),
    "both": ({"DenyUsers": "dora"}, {"AllowUsers": "dora"}, {}, "denied-user"),
    "hosts": ({}, {}, {"hosts": ["web*", "TESTHOST"]}, None),
    "other hosts": ({}, {}, {"hosts": ["web*"]}, "host-not-allowed"),
    "no hosts": ({}, {}, {"hosts": []}, "host-not-allowed"),
    "services": ({}, {}, {"services": ["stri*"]}, None),
    "other services": ({}, {}, {"services": ["sshd"]}, "service-not-allowed"),
    "begun": ({}, {}, {"notBefore": "2020-01-01"}, None),
    "not begun": ({}, {}, {"notBefore": "2999-01-01"}, "not-yet-valid"),
    "not over": ({}, {}, {"notAfter": "2999-01-01"}, None),
    "over": ({}, {}, {"notAfter": "2020-01-01T12:00:00Z"}, "expired"),
}


@pytest.mark.parametrize("case", RULES)
def test_rule_5_access(
    stopped_daemon: Daemon, make: Make, journal: Journal, stack: str, case: str
) -> None:
    access, service, document, reason = RULES[case]
    stopped_daemon.configure(**{"Access": dict(access), f"Service {stack}": dict(service)})
    stopped_daemon.start()
    make("dora", **document)
    assert passwd("dora")
    done = pam.run(stack, "dora", ["acct_mgmt"])
    assert (done.status == 0) == (reason is None), done.output
    if reason:
        refused(journal, "dora", reason)


def test_rule_5_the_name_of_the_host(
    stopped_daemon: Daemon, make: Make, stack: str
) -> None:
    stopped_daemon.configure(Access={"HostName": "web1.example.org"})
    stopped_daemon.start()
    make("dora", hosts=["*.example.org"])
    make("erik", hosts=["web?"])
    make("frida", hosts=["testhost"])
    for name, may in ("dora", True), ("erik", True), ("frida", False):
        assert passwd(name)
        assert (pam.run(stack, name, ["acct_mgmt"]).status == 0) == may


def asked(proxy: FaultServer, person: Identity) -> int:
    return len([one for one in proxy.of("identity") if one.argument == person.id])


def test_fresh(stopped_daemon: Daemon, proxy: FaultServer, make: Make, stack: str) -> None:
    """Kratos is asked once, and not again while that is fresh."""
    stopped_daemon.configure(Access={"FreshSec": "3s"})
    stopped_daemon.start()
    dora = make("dora")
    assert passwd("dora")
    time.sleep(4.1)
    for _ in range(5):
        assert pam.run(stack, "dora", ["acct_mgmt"]).status == 0
    assert asked(proxy, dora) == 1
    time.sleep(4.1)
    for _ in range(3):
        assert pam.run(stack, "dora", ["acct_mgmt"]).status == 0
    assert asked(proxy, dora) == 2


def test_never_fresh(stopped_daemon: Daemon, proxy: FaultServer, make: Make, stack: str) -> None:
    """FreshSec=0 asks each time."""
    stopped_daemon.configure(Access={"FreshSec": "0"})
    stopped_daemon.start()
    dora = make("dora")
    assert passwd("dora")
    for count in 1, 2, 3:
        assert pam.run(stack, "dora", ["acct_mgmt"]).status == 0
        assert asked(proxy, dora) == count


def test_rule_5_a_password_does_not_make_the_document_fresh(
    stopped_daemon: Daemon, kratos: Kratos, make: Make, journal: Journal, sshd: Sshd
) -> None:
    """It shows that the identity is active. That the account has expired its document says."""
    stopped_daemon.configure(Access={"FreshSec": "3s"})
    stopped_daemon.start()
    dora = make("dora")
    SshSession("dora").login(dora.password).logout()
    time.sleep(4.1)
    path = "/metadata_public/posix/notAfter"
    kratos.patch(dora.id, {"op": "add", "path": path, "value": "2020-01-01"})
    SshSession("dora").answer(dora.password).finish()
    refused(journal, "dora", "expired")


@pytest.mark.parametrize("away", ["refused", "silent", "html"])
def test_stale(
    stopped_daemon: Daemon, proxy: FaultServer, make: Make, journal: Journal, keyed_sshd: Sshd, away: str
) -> None:
    """While the admin API is away, what is known counts so long, and then nobody comes in."""
    stopped_daemon.configure(Access={"FreshSec": "0", "MaxStaleSec": "12s"})
    stopped_daemon.start()
    make("dora", sshKeys=[client_key()])
    SshSession("dora", key=True).shell().logout()
    begun = time.monotonic()
    if away == "refused":
        proxy.refuse()
    else:
        fault = {"silent": faults.black_hole(), "html": faults.html(502)}
        proxy.set("*", fault[away])
    login = SshSession("dora", key=True).shell()
    login.logout()
    assert time.monotonic() - begun < 11, "this test is too slow here to tell anything"
    time.sleep(max(0.0, 14 - (time.monotonic() - begun)))
    login = SshSession("dora", key=True, log_level="INFO").finish()
    assert login.status == 255 and "cannot be checked now" in login.output, login.output
    refused(journal, "dora", "too-stale")
    proxy.clear()
    proxy.listen()

    def back() -> bool:
        attempt = SshSession("dora", "true", key=True).finish()
        return attempt.status == 0

    deadline = time.monotonic() + 20
    while not back():
        assert time.monotonic() < deadline
        time.sleep(1)


def test_rule_17_a_silent_kratos_holds_up_one_check(
    stopped_daemon: Daemon, proxy: FaultServer, make: Make, stack: str
) -> None:
    """The first waits for it; those that follow do not."""
    stopped_daemon.configure(Access={"FreshSec": "0"})
    stopped_daemon.start()
    make("dora")
    assert passwd("dora")
    proxy.set("*", faults.black_hole())
    begun = time.monotonic()
    assert pam.run(stack, "dora", ["acct_mgmt"]).status == 0
    assert 2 < time.monotonic() - begun < 6
    begun = time.monotonic()
    for _ in range(3):
        assert pam.run(stack, "dora", ["acct_mgmt"]).status == 0
    assert time.monotonic() - begun < 2


def test_homes(daemon: Daemon, make: Make, sshd: Sshd) -> None:
    """One that belongs to somebody else is nobody's to log in to; a new one is made, and private."""
    make("dora")
    number = int(passwd("dora")[2])
    home = Path("/home/dora")
    home.mkdir(mode=0o755)
    os.chown(home, 2001, 2001)
    for key in True, False:
        login = SshSession("dora", key=key, log_level="INFO")
        login = login.finish() if key else login.answer("correct horse battery staple").finish()
        assert login.status == 255
        assert "Your home directory belongs to somebody else." in login.output
    assert home.stat().st_uid == 2001
    home.rmdir()
    SshSession("dora", key=True).shell().logout()
    made = home.stat()
    assert (made.st_uid, made.st_gid, made.st_mode & 0o777) == (number, number, 0o700)
    home.rename("/home/away")
    home.symlink_to("/home/alice")
    login = SshSession("dora", key=True).finish()
    assert login.status == 255
