"""People with second factors, and conversations with exact prompts."""

import re
import time
from dataclasses import dataclass
from typing import Any

import pexpect

from world import pam
from world.daemon import Daemon
from world.kratos import Identity, Kratos, totp_code

SERVICE = "factors"
PASSWORD = "correct horse battery staple"

PASSWORD_PROMPT = "Password: "
APP = "Code from your authenticator app: "
APP_OF_MANY = "Code from your authenticator app (Enter: another way): "
BACKUP = "Backup code: "
BACKUP_OF_MANY = "Backup code (Enter: another way): "
MAILED = "Code sent to a…@example.test (Enter: send again): "
MAILED_OF_MANY = "Code sent to a…@example.test (Enter: send again, ?: another way): "
CHOICE = "1 app, 2 mail to a…@example.test, 3 backup code: "
CODE = "Code that was sent to you (Enter: send again): "
WRONG = "Wrong code. "
USED = "That code was used before: wait for the next one. "
OLD = "That code has expired. "
NO_MAIL = "No more codes can be sent now. "
NO_CHOICE = "Type one of the numbers. "
GONE = "That way is not open to you any more. "

GRANTED = "granted"
BAD = "Authentication failure"
DENIED = "Permission denied"
EXPIRED = "User account has expired"
THROTTLED = "Have exhausted maximum number of retries for service"
UNAVAILABLE = "Authentication service cannot retrieve authentication info"

# What the test under way adds to the table of combinations and results.
table: list[str] = []


def note(combination: str, result: str) -> None:
    table.append(f"{combination:70} {result}")


@dataclass
class Person:
    """Somebody at Kratos who has an account here."""

    kratos: Kratos
    identity: Identity
    secret: str = ""
    phone: str = ""
    # The times of codes that were given out: each is right once.
    steps: int = 0

    @classmethod
    def create(cls, kratos: Kratos, daemon: Daemon, name: str, **further: Any) -> "Person":
        further = {"email": f"{name}@example.test"} | further
        identity = kratos.create_identity(name, PASSWORD, **further)
        daemon.map(name, identity.id)
        return cls(kratos, identity)

    def add_app(self) -> "Person":
        self.secret = self.kratos.set_totp(self.identity.id)
        return self

    def add_backup_codes(self, *codes: str) -> "Person":
        config = {"recovery_codes": [{"code": code} for code in codes]}
        value = {"type": "lookup_secret", "identifiers": [self.identity.id], "config": config}
        operation = {"op": "add", "path": "/credentials/lookup_secret", "value": value}
        self.kratos.patch(self.identity.id, operation)
        return self

    def add_phone(self, number: str) -> "Person":
        operation = {"op": "add", "path": "/traits/phone", "value": number}
        self.kratos.patch(self.identity.id, operation)
        self.phone = number
        return self

    def remove_mail_address(self) -> "Person":
        self.kratos.patch(self.identity.id, {"op": "remove", "path": "/traits/email"})
        return self

    def add_security_key(self) -> "Person":
        """Nobody has it, and nothing could be signed with it: it is there."""
        key = {"id": "AAAA", "public_key": "AAAA", "attestation_type": "none", "is_passwordless": False}
        key |= {"authenticator": {"aaguid": "A" * 22 + "==", "sign_count": 0, "clone_warning": False}}
        config = {"credentials": [key], "user_handle": "AAAA"}
        value = {"type": "webauthn", "identifiers": [self.identity.username], "config": config}
        self.kratos.patch(self.identity.id, {"op": "add", "path": "/credentials/webauthn", "value": value})
        return self

    def remove(self, credential: str) -> None:
        path = f"/admin/identities/{self.identity.id}/credentials/{credential}"
        answer = self.kratos.admin("DELETE", path)
        assert answer.status == 204, answer

    @property
    def app_code(self) -> str:
        """What the app shows. Not in the last second of its time."""
        while time.time() % 30 > 28.5:
            time.sleep(0.2)
        return totp_code(self.secret)

    @property
    def next_app_code(self) -> str:
        """What it will show next, which Kratos takes already."""
        return totp_code(self.secret, time.time() + 30)

    def mails(self) -> list[str]:
        """The codes that were sent, by mail or message, the newest first."""
        answer = self.kratos.admin("GET", "/admin/courier/messages?page_size=250")
        assert answer.status == 200, answer
        own = self.identity.username, self.phone or self.identity.username
        recipients = [one for one in answer.body if one["recipient"].startswith(own)]
        found = [re.search(r"\b(\d{6})\b", one["body"]) for one in recipients]
        return [one.group(1) for one in found if one]


class Talk:
    """A conversation with pamtester, prompt by prompt."""

    def __init__(self, user: str = "alice", operations: list[str] | None = None, **further: Any) -> None:
        further = {"service": SERVICE, "timeout": 20.0} | further
        service = further.pop("service")
        operations = operations or ["authenticate", "acct_mgmt", "open_session", "close_session"]
        self.tester = pam.Pamtester(service, user, operations, **further)
        self.child = self.tester.child
        self._echo = ""

    def asked(self, prompt: str) -> "Talk":
        """The next prompt is exactly this one, on a line of its own."""
        found = self.child.expect_exact([prompt.encode(), pexpect.EOF])
        shown = (self.child.before or b"").decode()
        assert found == 0, f"{prompt!r} was not asked: {shown!r}"
        assert shown.strip() in ("", self._echo), f"before {prompt!r}: {shown!r}"
        # Only what is no secret is shown as it is typed.
        self._echo = "1" if prompt.endswith(CHOICE) else ""
        return self

    def say(self, answer: str | bytes) -> "Talk":
        self._echo = answer.strip() if isinstance(answer, str) and self._echo else ""
        self.child.sendline(answer)
        return self

    def password(self) -> "Talk":
        return self.asked(PASSWORD_PROMPT).say(PASSWORD)

    def hang_up(self) -> None:
        """Ends the program as Ctrl-C does."""
        self.child.close(force=True)

    def result(self) -> str:
        """How PAM ended it."""
        self.child.expect(pexpect.EOF)
        self.shown = (self.child.before or b"").decode().replace("\r\n", "\n").strip()
        self.child.close()
        if self.child.exitstatus == 0:
            return GRANTED
        return self.shown.splitlines()[-1].removeprefix("pamtester: ")

