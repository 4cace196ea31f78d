"""People who sit in a login session, and what is left at Kratos of what they do there."""

from typing import Any

from calling import SEALED, USER, Caller
from world.kratos import Identity, Kratos
from world.logind import Logind

# Half a second is what kratosd grants logind; the rest is for a busy machine.
NOT_WAITED_FOR_SEC = 1.5

Json = Any


class Seat:
    """Alice's login session, which the caller `door` has opened, as sshd does, and a sudo in it, which is
    the caller `inside`."""

    def __init__(self, logind: Logind, door: Caller, inside: Caller, alice: Identity) -> None:
        self.door, self.inside, self.alice = door, inside, alice
        self.session = door.open("alice", door.login("alice", alice.password))
        logind.place(inside.process.pid, "alice", leader=door.process.pid)

    def login(self, password: str = "", **context: str) -> str:
        return self.inside.login("alice", password or self.alice.password, **context)


def say(caller: Caller, login: str, answer: str) -> str:
    """Answers a question. Returns the next one, or "" where the login was granted."""
    if caller.to == USER:
        state, prompt = caller.call("Answer", login, written=answer.encode().hex(), signature="s")
    else:
        state, prompt = caller.call("Answer", login, secret=answer.encode().hex(), seals=SEALED)
    return prompt["text"] if state == "prompt" else ""


def told(session: Json) -> tuple[str, str]:
    return session["id"], session["authenticated_at"]


def only(kratos: Kratos, person: Identity) -> Json:
    """The one active session, which is this person's; nobody has any other."""
    (session,) = kratos.active_sessions()
    assert session["identity"]["id"] == person.id
    return session
