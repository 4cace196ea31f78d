"""What must not get through the gateway, as raw bytes from a host whose certificate is good: Kratos
never hears of it. (rule 32)"""

import pytest
from faultserver import FaultServer
from world.gateway import Client
from world.kratos import Kratos

ID = "9f425a8d-7efc-4768-8f23-7647a74fdf13"
OTHER = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"
ONE = f"/admin/identities/{ID}"
LIST = "/admin/identities"
NAMED = "/admin/identities?credentials_identifier=alice"
BY_IDS = f"/admin/identities?ids={ID}&page_size=1"
ENDS = f"/admin/sessions/{ID}"

# Targets of a GET.
TARGETS = {
    # include_credential, in any form.
    "include_credential": f"{ONE}?include_credential=totp",
    "include_credential of a list": f"{LIST}?include_credential=totp",
    "include_credential after a name": f"{NAMED}&include_credential=totp",
    "include_credential before a name": f"{LIST}?include_credential=totp&credentials_identifier=alice",
    "include_credential after ids": f"{BY_IDS}&include_credential=password",
    "include_credential among ids": f"{LIST}?ids={ID}&include_credential=totp&page_size=1",
    "include_credential without a value": f"{ONE}?include_credential",
    "include_credential twice": f"{ONE}?include_credential=totp&include_credential=password",
    "an encoded letter in the key": f"{ONE}?include%5Fcredential=totp",
    "an encoded letter, in lower case": f"{NAMED}&include%5fcredential=totp",
    "the whole key encoded": f"{NAMED}&" + "".join(f"%{ord(c):02X}" for c in "include_credential=totp"),
    "an encoded ampersand": f"{NAMED}%26include_credential=totp",
    "an encoded ampersand and equals": f"{NAMED}%26include_credential%3Dtotp",
    "encoded twice": f"{NAMED}%2526include_credential%253Dtotp",
    "mixed case": f"{NAMED}&Include_Credential=totp",
    "a semicolon": f"{NAMED};include_credential=totp",
    "an encoded semicolon": f"{NAMED}%3Binclude_credential=totp",
    "a plus before the key": f"{NAMED}&+include_credential=totp",
    "an encoded blank before the key": f"{NAMED}&%20include_credential=totp",
    "an encoded NUL before the key": f"{NAMED}%00&include_credential=totp",
    "an encoded line end": f"{NAMED}%0d%0a&include_credential=totp",
    "an overlong encoding": f"{NAMED}%C0%A6include_credential=totp",
    "an index": f"{NAMED}&include_credential[]=totp",
    "a second question mark": f"{ONE}??include_credential=totp",
    "an encoded question mark": f"{ONE}%3Finclude_credential=totp",
    "after a fragment": f"{ONE}#?include_credential=totp",
    # Other keys.
    "an empty query": f"{ONE}?",
    "a query to one": f"{ONE}?a=b",
    "a name twice": f"{NAMED}&credentials_identifier=bob",
    "a name and ids": f"{NAMED}&ids={ID}&page_size=1",
    "a similar name": f"{LIST}?preview_credentials_identifier_similar=a",
    "an organization": f"{LIST}?organization_id={ID}",
    "an empty name": f"{LIST}?credentials_identifier=",
    "a plus in a name": f"{LIST}?credentials_identifier=a+b",
    "a wildcard": f"{LIST}?credentials_identifier=%25",
    "a name that is too long": f"{LIST}?credentials_identifier=" + "a" * 129,
    "consistency": f"{NAMED}&consistency=eventual",
    "ids without a page size": f"{LIST}?ids={ID}",
    "a page before ids": f"{LIST}?page_size=1&ids={ID}",
    "a page token": f"{BY_IDS}&page_token=eyJ",
    "a page that is too large": f"{LIST}?ids={ID}&page_size=1000",
    "an empty id": f"{LIST}?ids=&page_size=1",
    "an id with more behind it": f"{LIST}?ids={ID}x&page_size=1",
    "ids with a comma": f"{LIST}?ids={ID},{OTHER}&page_size=2",
    "81 ids": f"{LIST}?" + f"ids={ID}&" * 81 + "page_size=81",
    "more ids than a line may hold": f"{LIST}?" + f"ids={ID}&" * 500 + "page_size=500",
    # Lists.
    "all identities": LIST,
    "all identities, by a slash": LIST + "/",
    "all identities, by pages": f"{LIST}?page_size=250",
    "somebody's sessions": f"{ONE}/sessions",
    "somebody's sessions as once asked for": f"{ONE}/sessions?active=true&page_size=250",
    "somebody's sessions, encoded": f"{ONE}/%73essions",
    "somebody's sessions, by an encoded slash": f"{ONE}%2Fsessions",
    "somebody's sessions, by two slashes": f"{ONE}//sessions",
    "somebody's sessions, by a dot": f"{ONE}/./sessions",
    "somebody's sessions, by a parameter": f"{ONE};/sessions",
    "all sessions": "/admin/sessions",
    "one session": ENDS,
    "one session, expanded": f"{ENDS}?expand=identity",
    # Paths.
    "without the prefix": f"/identities/{ID}",
    "the prefix in capitals": f"/ADMIN/identities/{ID}",
    "an encoded segment": f"/admin/%69dentities/{ID}",
    "an encoded prefix": f"/%61dmin/identities/{ID}",
    "two slashes": f"//admin/identities/{ID}",
    "two slashes within": f"/admin//identities/{ID}",
    "a slash at the end": ONE + "/",
    "a dot": f"/admin/./identities/{ID}",
    "two dots": f"/admin/sessions/../identities/{ID}",
    "two dots out of what is allowed": f"{ONE}/../{OTHER}/sessions",
    "two dots, encoded": f"{ONE}/%2e%2e/{OTHER}/credentials",
    "a backslash": f"/admin\\identities\\{ID}",
    "an id in capitals": f"/admin/identities/{ID.upper()}",
    "an id without hyphens": f"/admin/identities/{ID.replace('-', '')}",
    "an external id": f"/admin/identities/by/external/{ID}",
    "credentials": f"{ONE}/credentials/totp",
    "the courier": "/admin/courier/messages",
    "the version": "/version",
    "health": "/admin/health/ready",
    "metrics": "/admin/metrics/prometheus",
    "schemas": "/schemas",
    "a letter that is no ASCII": f"{LIST}?credentials_identifier=\xe9",
}

# Whole first lines.
LINES = {
    "the absolute form": f"GET http://localhost{ONE} HTTP/1.1",
    "the absolute form to another host": f"GET http://127.0.0.1:4434{LIST} HTTP/1.1",
    "the form of a proxy": "CONNECT 127.0.0.1:434 HTTP/1.1",
    "HTTP/1.0": f"GET {ONE} HTTP/1.0",
    "HTTP/0.9": f"GET {ONE}",
    "HTTP/1.2": f"GET {ONE} HTTP/1.2",
    "HTTP/2.0": f"GET {ONE} HTTP/2.0",
    "no slash": f"GET admin/identities/{ID} HTTP/1.1",
    "two blanks": f"GET  {ONE} HTTP/1.1",
    "two blanks before the version": f"GET {ONE}  HTTP/1.1",
    "a blank in the target": f"GET {ONE} ?include_credential=totp HTTP/1.1",
    "a tabulator": f"GET\t{ONE} HTTP/1.1",
    "a NUL": f"GET {ONE}\0 HTTP/1.1",
    "a carriage return in the target": f"GET {ONE}\r?include_credential=totp HTTP/1.1",
    "a method in lower case": f"get {ONE} HTTP/1.1",
    "HEAD": f"HEAD {ONE} HTTP/1.1",
    "OPTIONS": f"OPTIONS {ONE} HTTP/1.1",
    "TRACE": f"TRACE {ONE} HTTP/1.1",
    "PUT": f"PUT {ONE} HTTP/1.1",
    "POST": f"POST {LIST} HTTP/1.1",
    "PATCH": f"PATCH {ONE} HTTP/1.1",
    "DELETE of an identity": f"DELETE {ONE} HTTP/1.1",
    "DELETE of all of somebody's sessions": f"DELETE {ONE}/sessions HTTP/1.1",
    "DELETE of a credential": f"DELETE {ONE}/credentials/totp HTTP/1.1",
    "DELETE with a query": f"DELETE {ENDS}?a=b HTTP/1.1",
    "DELETE by two dots": f"DELETE {ENDS}/../../identities/{ID} HTTP/1.1",
    "POST of a recovery code": "POST /admin/recovery/code HTTP/1.1",
    "PATCH of a session": f"PATCH {ENDS}/extend HTTP/1.1",
}

# Headers of a request that is fine without them, and what stands behind the headers.
CHUNKED = "0\r\n\r\n"
SMUGGLED = f"GET {ONE}?include_credential=totp HTTP/1.1\r\nHost: localhost\r\n\r\n"
HEADERS = {
    "X-Original-URL": (f"X-Original-URL: {ONE}?include_credential=totp", ""),
    "X-Original-URI": (f"X-Original-URI: {ONE}/sessions", ""),
    "X-Rewrite-URL": (f"X-Rewrite-URL: {LIST}", ""),
    "X-Forwarded-Uri": (f"X-Forwarded-Uri: {LIST}", ""),
    "X-HTTP-Method-Override": ("X-HTTP-Method-Override: PATCH", ""),
    "X-HTTP-Method": ("X-HTTP-Method: DELETE", ""),
    "X-Method-Override": ("x-method-override: PUT", ""),
    "a body": ("Content-Length: 2", "{}"),
    "a body of no bytes": ("Content-Length: 0", ""),
    "a body that is too large": ("Content-Length: 100000", "x"),
    "a length that is none": ("Content-Length: +2", "{}"),
    "a negative length": ("Content-Length: -1", "{}"),
    "two lengths": ("Content-Length: 0\r\nContent-Length: 44", SMUGGLED),
    "chunks": ("Transfer-Encoding: chunked", CHUNKED),
    "a length and chunks": ("Content-Length: 5\r\nTransfer-Encoding: chunked", CHUNKED + SMUGGLED),
    "chunks and a length": ("Transfer-Encoding: chunked\r\nContent-Length: 5", CHUNKED + SMUGGLED),
    "chunks of another name": ("Transfer-Encoding: xchunked", CHUNKED + SMUGGLED),
    "chunks twice": ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", CHUNKED + SMUGGLED),
    "chunks behind a tabulator": ("Transfer-Encoding:\tchunked", CHUNKED + SMUGGLED),
    "a smuggled request as a body": (f"Content-Length: {len(SMUGGLED)}", SMUGGLED),
    "100-continue": ("Expect: 100-continue", ""),
    "an upgrade": ("Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__", ""),
    "a second host": ("Host: other", ""),
    "a header of 9 KiB": ("X-A: " + "a" * 9216, ""),
}


@pytest.fixture(autouse=True)
def _alice(kratos: Kratos) -> None:
    kratos.create_identity("alice", "the password of alice")


def attack(client: Client, upstream: FaultServer, data: bytes) -> None:
    """Every answer to it is a refusal of nginx's, and Kratos's side has not even been connected to. A
    request as it ought to be then passes: the gateway is there, and was not merely broken."""
    answer = client.send(data)
    assert upstream.connections == 0 and not upstream.requests, answer
    assert b"HTTP/1.1 2" not in answer and b"HTTP/1.1 3" not in answer, answer
    if answer.startswith(b"HTTP/1.1 "):
        assert answer.split()[1] in (b"400", b"403", b"405", b"413", b"414", b"501", b"505"), answer
    assert b"traits" not in answer and b"HTTP/1.1 404" not in answer
    assert client.send(client.request(f"GET {NAMED} HTTP/1.1")).startswith(b"HTTP/1.1 200 ")
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("name", TARGETS)
def test_rule_32_target(client: Client, upstream: FaultServer, name: str) -> None:
    attack(client, upstream, client.request(f"GET {TARGETS[name]} HTTP/1.1"))


@pytest.mark.parametrize("name", LINES)
def test_rule_32_line(client: Client, upstream: FaultServer, name: str) -> None:
    attack(client, upstream, client.request(LINES[name]))


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("name", HEADERS)
def test_rule_32_header(client: Client, upstream: FaultServer, name: str, method: str) -> None:
    headers, body = HEADERS[name]
    request = client.request(f"{method} {ONE if method == 'GET' else ENDS} HTTP/1.1", headers)
    attack(client, upstream, request + body.encode())


@pytest.mark.parametrize(
    "head",
    [
        f"GET {ONE} HTTP/1.1\nHost: localhost\nX-A: b\n?include_credential=totp: c\n\n",
        f"GET {ONE} HTTP/1.1\r\nHost: localhost\r\nX A: b\r\nX-HTTP-Method : PUT\r\nContent-Length : 5\r\n\r\n",
        f"GET {ONE} HTTP/1.1\r\n Host: localhost\r\nHost: localhost\r\n\r\n",
        f"GET {ONE} HTTP/1.1\r\n\r\n",
    ],
    ids=["bare line ends", "blanks in names", "a folded line", "no host"],
)
def test_rule_32_malformed(client: Client, upstream: FaultServer, head: str) -> None:
    """What nginx takes for a good request all the same goes on without any of it."""
    answer = client.send(head.replace("\n\n", "\nConnection: close\n\n", 1).encode())
    assert answer.count(b"HTTP/1.1 ") == 1
    for seen in upstream.requests:
        assert (seen.method, seen.path, seen.query, seen.body) == ("GET", ONE, "", b"")
        assert {name for name, _ in seen.headers} == {"host", "accept"}


def test_rule_32_each_request_of_a_connection_is_judged(
    client: Client, upstream: FaultServer
) -> None:
    """Three at once: only those that may do get on."""
    good = f"GET {NAMED} HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answer = client.send((good + SMUGGLED + good.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")).encode())
    statuses = [part.split()[0] for part in answer.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [b"200", b"403", b"200"]
    assert [one.query for one in upstream.requests] == ["credentials_identifier=alice"] * 2
