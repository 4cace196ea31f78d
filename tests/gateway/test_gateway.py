"""The gateway of etc/examples: what hosts need passes, unchanged, and nothing else does. (rule 32)"""

import http.client
import json
import ssl
from typing import Any
from urllib.parse import quote

import pytest
from faultserver import FaultServer
from world.gateway import PORT, Authority, Client, Gateway
from world.kratos import Answer, Identity, Kratos
from world.processes import wait_until

IDS_MAX = 80


@pytest.fixture
def person(kratos: Kratos) -> Identity:
    return kratos.create_identity("alice", "the password of alice", metadata_admin={"posix": {}})


def ask(client: Client, method: str, path: str) -> Answer:
    """As any HTTP client asks."""
    connection = http.client.HTTPSConnection("localhost", PORT, context=client.context, timeout=10)
    connection.request(method, path)
    response = connection.getresponse()
    answer = Kratos._answer(response, response.read())
    connection.close()
    return answer


def status(answer: bytes) -> int:
    """0 where there is no answer of HTTP."""
    return int(answer.split()[1]) if answer.startswith(b"HTTP/1.1 ") else 0


class TestWhatHostsNeed:
    def same(self, client: Client, kratos: Kratos, upstream: FaultServer, path: str) -> Any:
        """The answer through the gateway, which is Kratos's own, to the request as it was written."""
        through, direct = ask(client, "GET", path), kratos.admin("GET", path)
        assert (through.status, through.body) == (direct.status, direct.body)
        (seen,) = upstream.requests
        assert (seen.method, seen.path + ("?" + seen.query if seen.query else "")) == ("GET", path)
        return through

    @pytest.mark.parametrize("name", ["alice", "nobody-here", "a.b-c_d~e", "alice@example.org"])
    def test_an_identity_by_its_name(
        self, client: Client, kratos: Kratos, upstream: FaultServer, person: Identity, name: str
    ) -> None:
        path = f"/admin/identities?credentials_identifier={quote(name)}"
        answer = self.same(client, kratos, upstream, path)
        assert [one["id"] for one in answer.body] == ([person.id] if name == "alice" else [])

    def test_a_name_with_a_plus(self, client: Client, kratos: Kratos, upstream: FaultServer) -> None:
        """And the longest."""
        name = quote("a+" + "b" * 114 + "@example.org", safe="")
        self.same(client, kratos, upstream, f"/admin/identities?credentials_identifier={name}")

    def test_as_many_identities_as_kratosd_asks_for(
        self, client: Client, kratos: Kratos, upstream: FaultServer
    ) -> None:
        made = [kratos.create_identity(f"person{n}").id for n in range(IDS_MAX)]
        query = "&".join(f"ids={id}" for id in made)
        path = f"/admin/identities?{query}&page_size={IDS_MAX}"
        answer = self.same(client, kratos, upstream, path)
        assert {one["id"] for one in answer.body} == set(made)

    def test_an_identity_by_its_id(
        self, client: Client, kratos: Kratos, upstream: FaultServer, person: Identity
    ) -> None:
        answer = self.same(client, kratos, upstream, f"/admin/identities/{person.id}")
        assert answer.body["metadata_admin"] == {"posix": {}}

    def test_one_that_kratos_does_not_have(
        self, client: Client, kratos: Kratos, upstream: FaultServer
    ) -> None:
        """In Kratos's own words: from nobody else's does kratosd take it that something is gone."""
        path = "/admin/identities/1b4e28ba-2fa1-11d2-883f-0016d3cca427"
        answer = self.same(client, kratos, upstream, path)
        assert answer.body["error"]["code"] == 404

    def test_a_session_ends(
        self, client: Client, kratos: Kratos, upstream: FaultServer, person: Identity
    ) -> None:
        session = kratos.login("alice", person.password).body["session"]["id"]
        assert ask(client, "DELETE", f"/admin/sessions/{session}").status == 204
        assert kratos.active_sessions(person.id) == []
        assert [one.method for one in upstream.requests] == ["DELETE"]

    def test_rule_32_no_header_of_the_client_passes(
        self, client: Client, upstream: FaultServer, person: Identity
    ) -> None:
        headers = ["Authorization: Bearer x", "Cookie: a=b", "X-Forwarded-For: 1.2.3.4"]
        headers += ["X-Session-Token: x", "X-Kratos-Anything: y", "Range: bytes=0-1", "Via: 1.1 z"]
        line = f"GET /admin/identities/{person.id} HTTP/1.1"
        assert status(client.send(client.request(line, *headers))) == 200
        (seen,) = upstream.requests
        expected = [("host", "kratos-gateway"), ("accept", "application/json")]
        assert sorted(seen.headers) == sorted(expected)

    def test_connections_to_kratos_are_kept(
        self, client: Client, upstream: FaultServer, person: Identity
    ) -> None:
        for _ in range(5):
            assert ask(client, "GET", f"/admin/identities/{person.id}").status == 200
        assert len(upstream.requests) == 5
        assert upstream.connections <= 2  # one for each of nginx's processes


class TestWhoMayAsk:
    LINE = "GET /admin/identities?credentials_identifier=alice HTTP/1.1"

    def refused(self, gateway: Gateway, upstream: FaultServer, pair: Any) -> None:
        answer = Client(gateway, pair).send(Client.request(self.LINE))
        assert status(answer) in (0, 400), answer
        assert upstream.connections == 0
        known = Client(gateway, gateway.hosts.host("host1"))
        assert status(known.send(Client.request(self.LINE))) == 200

    def test_rule_32_nobody_without_a_certificate(
        self, gateway: Gateway, upstream: FaultServer
    ) -> None:
        self.refused(gateway, upstream, None)

    def test_rule_32_nobody_of_another_authority(
        self, gateway: Gateway, upstream: FaultServer
    ) -> None:
        self.refused(gateway, upstream, Authority("other").host("host1"))

    def test_rule_32_no_certificate_that_a_host_has_signed(
        self, gateway: Gateway, upstream: FaultServer
    ) -> None:
        """A host's certificate is no authority."""
        certificate, _ = gateway.hosts.host("host1")
        (certificate.parent / "ca2").mkdir(exist_ok=True)
        sub = Authority("sub", certificate.parent)
        sub.certificate.write_text(certificate.read_text())
        (sub.folder / "ca.key").write_text((certificate.parent / "host1.key").read_text())
        signed, key = sub.host("host3")
        signed.write_text(signed.read_text() + certificate.read_text())
        self.refused(gateway, upstream, (signed, key))

    def test_rule_32_no_certificate_for_a_server(
        self, gateway: Gateway, upstream: FaultServer
    ) -> None:
        self.refused(gateway, upstream, gateway.hosts.sign("a-server", "extendedKeyUsage=serverAuth"))

    def test_rule_32_nobody_whose_certificate_was_revoked(
        self, gateway: Gateway, upstream: FaultServer
    ) -> None:
        gone, stays = gateway.hosts.host("host2"), gateway.hosts.host("host1")
        list_ = gateway.hosts.revoke(gone[0])
        gateway.stop()
        line = "#ssl_crl /etc/nginx/kratos-gateway/hosts-ca.crl;"
        gateway.configure((line, f"ssl_crl {list_};"))
        gateway.start()
        assert status(Client(gateway, gone).send(Client.request(self.LINE))) == 400
        assert upstream.connections == 0
        assert status(Client(gateway, stays).send(Client.request(self.LINE))) == 200

    def test_rule_32_no_http2(self, client: Client) -> None:
        context = client.context
        context.set_alpn_protocols(["h2"])
        connection = http.client.HTTPSConnection("localhost", PORT, context=context, timeout=10)
        try:
            connection.connect()
            assert connection.sock.selected_alpn_protocol() is None
        except ssl.SSLError:
            pass
        connection.close()

    def test_each_host_has_a_rate_of_its_own(
        self, gateway: Gateway, client: Client, upstream: FaultServer, person: Identity
    ) -> None:
        connection = http.client.HTTPSConnection("localhost", PORT, context=client.context, timeout=10)
        path = "/admin/identities?credentials_identifier=alice"

        def one() -> int:
            connection.request("GET", path)
            response = connection.getresponse()
            response.read()
            return response.status

        upstream.set("*", quick)
        wait_until(lambda: one() == 429, "a host that asks for too much is told so", 20)
        other = Client(gateway, gateway.hosts.host("host2"))
        assert ask(other, "GET", path).status == 200
        connection.close()


async def quick(exchange: Any) -> None:
    """An answer that costs Kratos nothing."""
    await exchange.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + json.dumps([]).encode())


class TestHostedProject:
    def test_the_key_of_a_project_is_added_here(
        self, gateway: Gateway, client: Client, upstream: FaultServer, person: Identity
    ) -> None:
        """No host has it, and none can send another."""
        gateway.stop()
        comment = '#proxy_set_header Authorization "Bearer ory_pat_...";'
        gateway.configure((comment, comment[1:].replace("...", "canary")))
        gateway.start()
        line = f"GET /admin/identities/{person.id} HTTP/1.1"
        answer = client.send(client.request(line, "Authorization: Bearer of-the-host"))
        assert status(answer) == 200 and b"ory_pat_canary" not in answer
        (seen,) = upstream.requests
        assert seen.header("authorization") == "Bearer ory_pat_canary"
