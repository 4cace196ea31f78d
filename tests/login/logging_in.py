"""Logins through PAM, and what the journal and Kratos say of them afterwards."""

import contextlib
import shutil
import sqlite3
import tempfile
from typing import Any

from world import pam
from world.journal import Entry, Journal
from world.kratos import Kratos
from world.paths import STATE
from world.processes import wait_until

SERVICE = "logins"

# How pamtester ends, by what PAM said.
GRANTED = ""
BAD = "Authentication failure"
DENIED = "Permission denied"
EXPIRED = "User account has expired"
UNKNOWN = "User not known to the underlying authentication module"
UNAVAILABLE = "Authentication service cannot retrieve authentication info"
THROTTLED = "Have exhausted maximum number of retries for service"

AUTHENTICATE = ["authenticate"]
WHOLE = ["authenticate", "acct_mgmt", "open_session", "close_session"]

REVOKED_WITHIN_SEC = 10.0


def login(user: str, password: str | bytes, operations: list[str] = WHOLE, **further: Any) -> str:
    """A login with a stack of only us. Returns what PAM said to the operation that failed, or ""."""
    tester = pam.run(SERVICE, user, operations, [password], **further)
    if tester.status == 0:
        return GRANTED
    return tester.output.strip().splitlines()[-1].removeprefix("pamtester: ")


def reason(journal: Journal, since: int = 0) -> str:
    """Why a login was refused."""
    return journal.wait(since, KRATOSD_EVENT="login-refused")["KRATOSD_REASON"]


def refusals(journal: Journal) -> list[Entry]:
    return journal.entries(KRATOSD_EVENT="login-refused")


def rows() -> int | None:
    """How many sessions and logins kratosd has in its store. Counted in a copy, for it lets nobody else
    read the store while it runs; None where that was made in the midst of a change."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            for file in STATE.glob("kratosd.db*"):
                shutil.copy(file, folder)
            with contextlib.closing(sqlite3.connect(f"{folder}/kratosd.db")) as store:
                return store.execute("SELECT count(*) FROM session").fetchone()[0]
        except (OSError, sqlite3.Error):
            return None


def nothing_left(kratos: Kratos, timeout: float = REVOKED_WITHIN_SEC) -> None:
    """Waits until kratosd has nothing left to revoke, and then asks Kratos: one in memory fails where
    it is asked while it writes."""
    wait_until(lambda: rows() == 0, "kratosd has nothing left to revoke", timeout)
    assert kratos.active_sessions() == []
