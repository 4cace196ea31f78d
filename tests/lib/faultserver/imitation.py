"""Answers of Kratos's API as far as kratosd asks for them, in the form of today's servers or of the
oldest ones (v0.6, v0.7-alpha): no assurance level, no devices, no state, another key for the identifier,
and another request for a logout.

It is an imitation: what it answers was read off real servers and their source, and it knows nothing
beyond. That Kratos behaves like this is for tests against a real one to show.
"""

import secrets
import threading
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from faultserver.server import Request

Json = Any
WHEN = "2030-01-01T00:00:00Z"
INVALID_CREDENTIALS = 4000006
MISSING_FIELD = 4000002


@dataclass
class Person:
    identity: str
    password: str
    active: bool = True
    second_factor: bool = False
    totp: bool = False  # an app for that, of which every code is wrong
    metadata_public: Json = None


@dataclass
class Session:
    id: str
    token: str
    person: Person
    user_agent: str
    ip_address: str
    active: bool = True


@dataclass
class Imitation:
    """People by their identifier, and what they have open. age is "new" or "old"."""

    age: str = "new"
    people: dict[str, Person] = field(default_factory=dict)
    flows: set[str] = field(default_factory=set)
    sessions: dict[str, Session] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, identifier: str, password: str, identity: str | None = None, **further) -> Person:
        person = Person(identity or str(uuid.uuid4()), password, **further)
        self.people[identifier] = person
        return person

    def active_sessions(self, identity: str | None = None) -> list[Session]:
        return [
            one
            for one in self.sessions.values()
            if one.active and identity in (None, one.person.identity)
        ]

    def answer(self, request: "Request") -> tuple[int, Json]:
        """Status and body."""
        handler = getattr(self, f"_{self.age}_{request.endpoint}".replace("-", "_"), None)
        if not handler:
            return 404, error(404, "Unable to locate the resource")
        with self.lock:
            return handler(request)

    # What both ages have.

    def _flow(self, id: str, messages: list[Json] | None = None) -> Json:
        nodes = [node("identifier" if self.age == "new" else "password_identifier", "text")]
        nodes += [node("password", "password"), node("method", "submit")]
        flow = {
            "id": id,
            "type": "api",
            "expires_at": WHEN,
            "issued_at": WHEN,
            "request_url": "http://127.0.0.1/self-service/login/api",
            "ui": {
                "action": f"http://127.0.0.1/self-service/login?flow={id}",
                "method": "POST",
                "nodes": nodes,
            },
            "created_at": WHEN,
            "updated_at": WHEN,
        }
        if self.age == "new":
            more = {"organization_id": None, "refresh": False, "requested_aal": "aal1"}
            flow |= more | {"state": "choose_method"}
        if messages:
            flow["ui"]["messages"] = messages
        return flow

    def _begin(self) -> tuple[int, Json]:
        id = str(uuid.uuid4())
        self.flows.add(id)
        return 200, self._flow(id)

    def _submit(self, request: "Request", key: str) -> tuple[int, Json]:
        flow = dict(pair.partition("=")[::2] for pair in request.query.split("&")).get("flow", "")
        if flow not in self.flows:
            return 404, error(404, "Unable to locate the resource")
        body = request.json
        for wanted in "method", key, "password":
            if not body.get(wanted):
                message = {"id": MISSING_FIELD, "text": f"Property {wanted} is missing."}
                return 400, self._flow(flow, [message | {"type": "error"}])
        person = self.people.get(body[key].strip().lower())
        if not person or person.password != body["password"]:
            message = {"id": INVALID_CREDENTIALS, "text": "The provided credentials are invalid."}
            return 400, self._flow(flow, [message | {"type": "error"}])
        if not person.active:
            refusal = error(401, "identity is disabled", "This account was disabled.")
            refusal["error"]["details"] = {"identity_id": person.identity}
            return 401, refusal
        self.flows.remove(flow)
        return 200, self._login(person, request)

    def _login(self, person: Person, request: "Request") -> Json:
        token = ("ory_st_" if self.age == "new" else "") + secrets.token_hex(16)
        agent = (request.header("user-agent") or "")[:512]
        address = request.header("x-real-ip") or "127.0.0.1:40000"
        session = Session(str(uuid.uuid4()), token, person, agent, address)
        self.sessions[token] = session
        answer = {"session_token": token, "session": self._session(session)}
        if self.age == "new":
            answer["continue_with"] = None
        return answer

    def _session(self, session: Session) -> Json:
        person = session.person
        identity = {
            "id": person.identity,
            "schema_id": "default",
            "schema_url": "http://127.0.0.1/schemas/default",
            "traits": {"username": "somebody"},
        }
        shown = {
            "id": session.id,
            "active": session.active,
            "expires_at": WHEN,
            "authenticated_at": WHEN,
            "issued_at": WHEN,
            "identity": identity,
        }
        if self.age == "new":
            identity |= {"state": "active", "state_changed_at": WHEN, "organization_id": None}
            identity |= {"metadata_public": person.metadata_public}
            identity |= {"created_at": WHEN, "updated_at": WHEN}
            method = {"method": "password", "aal": "aal1", "completed_at": WHEN}
            device = {"id": str(uuid.uuid4()), "ip_address": session.ip_address}
            device |= {"user_agent": session.user_agent, "location": ""}
            shown |= {"authenticator_assurance_level": "aal1", "authentication_methods": [method]}
            shown |= {"devices": [device]}
            if person.second_factor:
                shown["identity"] = None
        return shown

    def _owner(self, request: "Request") -> Session | None:
        session = self.sessions.get(request.header("x-session-token") or "")
        return session if session and session.active else None

    def _revoke(self, request: "Request") -> bool:
        session = self.sessions.get(request.json.get("session_token", ""))
        if not session:
            return False
        session.active = False
        return True

    # Today's.

    def _new_flow(self, _: "Request") -> tuple[int, Json]:
        return self._begin()

    def _new_second(self, request: "Request") -> tuple[int, Json]:
        """Nobody has a second factor that could be asked for, but an app."""
        owner = self._owner(request)
        if not owner:
            refusal = error(401, "The request could not be authorized", "No valid session.")
            refusal["error"]["id"] = "session_aal1_required"
            return 401, refusal
        flow = self._flow(str(uuid.uuid4())) | {"requested_aal": "aal2"}
        codes = [node("totp_code", "text") | {"group": "totp"}]
        flow["ui"]["nodes"] = codes if owner.person.totp else None
        return 200, flow

    def _new_elsewhere(self, request: "Request") -> tuple[int, Json]:
        """The like in a browser, where nobody has anything else."""
        return self._new_second(request)

    def _new_login(self, request: "Request") -> tuple[int, Json]:
        return self._submit(request, "identifier")

    def _new_logout(self, request: "Request") -> tuple[int, Json]:
        if self._revoke(request):
            return 204, None
        return 403, error(403, "The requested action was forbidden", "The token is unknown.")

    def _new_old_logout(self, request: "Request") -> tuple[int, Json]:
        """Today this means: all other sessions of whoever sends a token in a header."""
        owner = self._owner(request)
        if not owner:
            return 401, error(401, "The request could not be authorized", "No valid session.")
        others = [one for one in self.active_sessions(owner.person.identity) if one is not owner]
        for one in others:
            one.active = False
        return 200, {"count": len(others)}

    def _new_sessions(self, request: "Request") -> tuple[int, Json]:
        owner = self._owner(request)
        if not owner:
            return 401, error(401, "The request could not be authorized", "No valid session.")
        others = [one for one in self.active_sessions(owner.person.identity) if one is not owner]
        return 200, [self._session(one) for one in others] or None

    def _new_session(self, request: "Request") -> tuple[int, Json]:
        owner = self._owner(request)
        if not owner:
            return 401, error(401, "The request could not be authorized", "No valid session.")
        if request.argument == owner.id:
            return 400, error(400, "The request was malformed", "Cannot revoke current session.")
        for one in self.active_sessions(owner.person.identity):
            if one.id == request.argument:
                one.active = False
        return 204, None

    def _new_whoami(self, request: "Request") -> tuple[int, Json]:
        owner = self._owner(request)
        if not owner:
            return 401, error(401, "The request could not be authorized", "No valid session.")
        return 200, self._session(owner)

    def _new_admin_sessions(self, request: "Request") -> tuple[int, Json]:
        active = "active=true" in request.query.split("&")
        found = [one for one in self.sessions.values() if one.person.identity == request.argument]
        return 200, [self._session(one) for one in found if one.active or not active] or None

    def _new_admin_session(self, request: "Request") -> tuple[int, Json]:
        for one in self.sessions.values():
            if one.id == request.argument:
                one.active = False
                return 204, None
        return 404, error(404, "Unable to locate the resource")

    # The oldest.

    def _old_flow(self, _: "Request") -> tuple[int, Json]:
        return self._begin()

    def _old_login(self, request: "Request") -> tuple[int, Json]:
        return self._submit(request, "password_identifier")

    def _old_old_logout(self, request: "Request") -> tuple[int, Json]:
        if self._revoke(request):
            return 204, None
        return 403, error(403, "The requested action was forbidden", "The token is unknown.")

    def _old_whoami(self, request: "Request") -> tuple[int, Json]:
        return self._new_whoami(request)


def error(code: int, message: str, reason: str | None = None) -> Json:
    names = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found"}
    about = {"code": code, "status": names[code], "message": message}
    return {"error": about | ({"reason": reason} if reason else {})}


def node(name: str, kind: str) -> Json:
    attributes = {"name": name, "type": kind, "disabled": False}
    return {"type": "input", "group": "password", "attributes": attributes, "messages": []}
