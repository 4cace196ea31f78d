"""Rule 25: what a program shows of a login tells nobody which names there are, with the files of
/etc/pam.d that are shipped and whatever else they include."""

import pexpect
import pytest
from calling import start
from factors import BAD, CODE, SERVICE, WRONG, Person, Talk

from world import pam
from world.daemon import Daemon
from world.kratos import Kratos

# As the shipped files have it, for a service of the tests.
SHIPPED = """\
auth    [success=1 ignore=ignore user_unknown=ignore module_unknown=ignore default=die] pam_kratos.so
auth    substack    common-auth
auth    required    pam_permit.so
"""


def shown(user: str, service: str, answer: str = "wrong") -> list[str]:
    """All that is shown until PAM has refused: each prompt, and the result."""
    setuid_for = "nobody" if service == "su" else None
    talk = Talk(user, ["authenticate"], service=service, setuid_for=setuid_for)
    lines = []
    while talk.child.expect([rb"[^\r\n]*: $", pexpect.EOF]) == 0:
        lines.append(talk.child.after.decode())
        talk.say(answer)
    return [*lines, *talk.child.before.decode().split("\r\n")]


@pytest.mark.parametrize("service", ["sshd", "login", "su"])
def test_rule_25_the_shipped_files_ask_once(
    daemon: Daemon, kratos: Kratos, alice: Person, service: str
) -> None:
    pam.pam_service(service)
    real = shown("alice", service)
    assert real == ["Password: ", "", f"pamtester: {BAD}", ""]
    assert shown("ghost", service) == real


def test_rule_25_codes_in_place_of_passwords(
    stopped_daemon: Daemon, kratos: Kratos, alice: Person
) -> None:
    """No module that comes later asks a stranger for the password that ours has not."""
    stopped_daemon.configure(**{f"Service {SERVICE}": {"FirstFactor": "code"}})
    start(stopped_daemon)
    pam.pam_service(SERVICE, SHIPPED)
    real = shown("alice", SERVICE)
    assert len(real) > 5
    assert shown("ghost", SERVICE) == real


def test_rule_42_a_mail_limit_shows_no_names(stopped_daemon: Daemon, kratos: Kratos) -> None:
    """Whoever may get no more mails is asked as if one were sent, and a code counts as a wrong one."""
    kratos.configure(selfservice__methods__code__passwordless_enabled=True)
    kratos.restart()
    stopped_daemon.configure(Accounts={"Identifier": "%u@example.test"})
    alice = Person.create(kratos, stopped_daemon, "alice")
    stopped_daemon.configure(**{f"Service {SERVICE}": {"FirstFactor": "code"}})
    start(stopped_daemon)
    for user in "alice", "ghost":
        talk = Talk(user, ["authenticate"]).asked("Code (Enter: send one): ")
        for _ in range(5):
            talk.say("").asked(CODE)
        talk.hang_up()
        talk = Talk(user, ["authenticate"]).asked("Code (Enter: send one): ")
        talk.say("").asked(CODE).say("123456").asked(WRONG + CODE).say("").asked(CODE)
        talk.hang_up()
    assert len(alice.mails()) == 5
