"""kratosd behind the gateway: its certificate, its token, and both exchanged while it runs."""

import re
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from behind import (
    CERTIFICATE,
    CREDENTIALS,
    KEY,
    SERVICE,
    TOKEN,
    ends_by_id,
    give,
    login,
    sent,
    use_token,
)
from faultserver import Exchange, FaultServer, faults
from faultserver.server import no_fault
from world import pam
from world.daemon import Daemon
from world.gateway import URL, Authority, Gateway
from world.journal import Journal
from world.kratos import ADMIN_PORT, PUBLIC_PORT, Identity, Kratos
from world.paths import LOGS
from world.processes import wait_until

pytestmark = [pytest.mark.sanitized]

PLAIN_PORT = 436

def use(daemon: Daemon, gateway: Gateway, pair: tuple[Path, Path], **further: str | None) -> None:
    """With a certificate, and its key as a credential."""
    give(pair[0], CERTIFICATE, 0o444)
    give(pair[1], KEY)
    settings = {"AdminURL": URL, "CAFile": str(gateway.servers.certificate)}
    settings |= {"ClientCertificate": str(CERTIFICATE)} | further
    daemon.configure(Kratos={key: value for key, value in settings.items()})
    daemon.start(CREDENTIALS_DIRECTORY=str(CREDENTIALS))


class TestCertificate:
    def test_a_login_and_its_end_by_id(
        self,
        stopped_daemon: Daemon,
        gateway: Gateway,
        upstream: FaultServer,
        public: FaultServer,
        kratos: Kratos,
        alice: Identity,
        journal: Journal,
    ) -> None:
        use(stopped_daemon, gateway, gateway.hosts.host("host1"))
        login(alice)
        ends_by_id(kratos, alice)
        revoked = journal.wait(KRATOSD_EVENT="session-revoked")
        (seen,) = upstream.requests
        assert (seen.method, seen.path) == ("DELETE", f"/admin/sessions/{revoked['KRATOSD_SESSION']}")

    def test_the_key_as_a_file(
        self,
        stopped_daemon: Daemon,
        gateway: Gateway,
        public: FaultServer,
        kratos: Kratos,
        alice: Identity,
    ) -> None:
        """It counts before the credential, which is another's here."""
        pair = gateway.hosts.host("host1")
        file = Path("/etc/kratosd/client.key")
        give(pair[1], file)
        _, other = gateway.hosts.host("host2")
        use(stopped_daemon, gateway, (pair[0], other), ClientKey=str(file))
        login(alice)
        ends_by_id(kratos, alice)

    def test_the_key_in_the_same_file(
        self,
        stopped_daemon: Daemon,
        gateway: Gateway,
        public: FaultServer,
        kratos: Kratos,
        alice: Identity,
    ) -> None:
        certificate, key = gateway.hosts.host("host1")
        use(stopped_daemon, gateway, (certificate, key))
        stopped_daemon.stop()
        KEY.unlink()
        give(certificate.read_text() + key.read_text(), CERTIFICATE)
        stopped_daemon.start(CREDENTIALS_DIRECTORY=str(CREDENTIALS))
        login(alice)
        ends_by_id(kratos, alice)

    @pytest.mark.parametrize("what", ["none", "another authority's"])
    def test_one_that_does_not_count(
        self,
        stopped_daemon: Daemon,
        gateway: Gateway,
        upstream: FaultServer,
        public: FaultServer,
        kratos: Kratos,
        alice: Identity,
        journal: Journal,
        what: str,
    ) -> None:
        """Logins go on; what is refused is tried again, and done once the certificate is a good one."""
        pair = Authority("other").host("host1")
        without = {"ClientCertificate": None} if what == "none" else {}
        use(stopped_daemon, gateway, pair, **without)
        login(alice)
        told = journal.wait(KRATOSD_EVENT="revocation-postponed")
        assert told["KRATOSD_REASON"] in ("kratos-error", "kratos-unreachable")
        assert upstream.connections == 0
        assert len(kratos.active_sessions(alice.id)) == 1
        certificate, key = gateway.hosts.host("host1")
        give(certificate, CERTIFICATE, 0o444)
        give(key, KEY)
        stopped_daemon.configure(Kratos={"ClientCertificate": str(CERTIFICATE)})
        stopped_daemon.reload()
        ends_by_id(kratos, alice)

    def test_it_is_exchanged_while_kratosd_runs(
        self,
        stopped_daemon: Daemon,
        gateway: Gateway,
        upstream: FaultServer,
        public: FaultServer,
        kratos: Kratos,
        alice: Identity,
    ) -> None:
        """From the next request on, the new one is shown, also where a connection was kept."""
        use(stopped_daemon, gateway, gateway.hosts.host("before"))
        login(alice)
        ends_by_id(kratos, alice)
        certificate, key = gateway.hosts.host("after")
        give(certificate, CERTIFICATE, 0o444)
        give(key, KEY)
        login(alice)
        ends_by_id(kratos, alice)
        shown = [line.split('"')[1] for line in log_of_gateway() if '"DELETE ' in line]
        assert shown[-2:] == ["CN=before", "CN=after"]


class TestAccounts:
    """People of whom the host knows by the gateway alone: each kind of question passes it as it is asked."""

    LISTED = re.compile(r"/admin/identities\?(ids=[0-9a-f-]{36}&)+page_size=80")

    @pytest.fixture(autouse=True)
    def _nsswitch(self) -> Iterator[None]:
        file = Path("/etc/nsswitch.conf")
        before = file.read_text()
        file.write_text("passwd: files systemd\ngroup: files systemd\nhosts: files\n")
        yield
        file.write_text(before)

    @staticmethod
    def passwd(name: str) -> list[str]:
        done = subprocess.run(["getent", "passwd", name], capture_output=True, text=True)
        return done.stdout.strip().split(":") if done.returncode == 0 else []

    def test_a_look_up_a_refresh_and_a_check(
        self, stopped_daemon: Daemon, gateway: Gateway, upstream: FaultServer, kratos: Kratos
    ) -> None:
        stopped_daemon.configure(Accounts={"RefreshSec": "1s"}, Access={"FreshSec": "0"})
        use(stopped_daemon, gateway, gateway.hosts.host("host1"))
        dora, erik = (
            kratos.create_identity(name, metadata_public={"posix": {"name": name}})
            for name in ("dora", "erik")
        )
        assert self.passwd("nobody-here") == []
        for one in dora, erik:
            assert self.passwd(one.username)[6] == "/bin/bash"
        assert [one.query for one in upstream.requests if "credentials" in one.query] == [
            f"credentials_identifier={name}" for name in ("nobody-here", "dora", "erik")
        ]
        path = "/metadata_public/posix/shell"
        kratos.patch(erik.id, {"op": "add", "path": path, "value": "/bin/sh"})
        wait_until(lambda: self.passwd("erik")[6] == "/bin/sh", "the new shell", 15)
        assert pam.run(SERVICE, "dora", ["acct_mgmt"]).status == 0
        kratos.set_state(dora.id, "inactive")
        done = pam.run(SERVICE, "dora", ["acct_mgmt"])
        assert done.status != 0 and "Your account is disabled." in done.output
        checks = [one for one in upstream.of("identity") if one.argument == dora.id]
        assert len(checks) == 2 and not any(one.query for one in checks)
        lists = [one for one in upstream.of("identities") if "ids=" in one.query]
        assert any(one.query.count("ids=") == 2 for one in lists)
        for one in lists:
            assert self.LISTED.fullmatch(f"{one.path}?{one.query}"), one.query
        assert {one.method for one in upstream.requests} == {"GET"}

    def test_a_host_that_it_does_not_know_is_told_so(
        self, stopped_daemon: Daemon, gateway: Gateway, kratos: Kratos, journal: Journal
    ) -> None:
        """Once, for all who are looked up."""
        kratos.create_identity("dora", metadata_public={"posix": {"name": "dora"}})
        use(stopped_daemon, gateway, Authority("other-hosts").host("host1"))
        for name in "dora", "erik":
            assert self.passwd(name) == []
        wait_until(lambda: self.told(journal), "it is said")
        for path, to in zip(gateway.hosts.host("host1"), (CERTIFICATE, KEY)):
            give(path, to, 0o444 if to == CERTIFICATE else 0o400)
        stopped_daemon.stop()
        stopped_daemon.start(CREDENTIALS_DIRECTORY=str(CREDENTIALS))
        assert self.passwd("dora")[0] == "dora"
        assert len(self.told(journal)) == 1

    @staticmethod
    def told(journal: Journal) -> list[str]:
        said = "Kratos's admin API does not say whom it knows"
        return [entry["MESSAGE"] for entry in journal.entries() if said in entry["MESSAGE"]]

    def test_somebody_who_is_deleted(
        self, stopped_daemon: Daemon, gateway: Gateway, kratos: Kratos
    ) -> None:
        """Kratos's own 404 comes through, and ends the account."""
        stopped_daemon.configure(Accounts={"RefreshSec": "1s"})
        use(stopped_daemon, gateway, gateway.hosts.host("host1"))
        dora = kratos.create_identity("dora", metadata_public={"posix": {"name": "dora"}})
        assert self.passwd("dora")
        kratos.delete_identity(dora.id)
        wait_until(lambda: self.passwd("dora") == [], "no dora", 15)


def log_of_gateway() -> list[str]:
    return Path("/var/log/nginx/kratos-gateway.log").read_text().splitlines()


def test_rule_22_nothing_is_shown_to_the_public_api(
    stopped_daemon: Daemon, gateway: Gateway, upstream: FaultServer, kratos: Kratos, alice: Identity
) -> None:
    """Not even where it would ask for it, on the way on which it would be safe."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*gateway.servers.sign("public", "subjectAltName=DNS:localhost"))
    context.load_verify_locations(gateway.hosts.certificate)
    context.verify_mode = ssl.CERT_OPTIONAL
    certificates = []

    async def look(exchange: Exchange) -> None:
        certificates.append(exchange._writer.get_extra_info("peercert"))
        await no_fault(exchange)

    give("ory_pat_canary", TOKEN)
    with FaultServer(tls=context, upstream=(PUBLIC_PORT, ADMIN_PORT)) as server:
        server.set("*", look)
        for endpoint in "logout", "old-logout":
            server.set(endpoint, faults.html(403))
        url = f"https://localhost:{server.port}"
        use(stopped_daemon, gateway, gateway.hosts.host("host1"), PublicURL=url)
        for _ in range(2):
            login(alice)
            ends_by_id(kratos, alice)
        assert len(upstream.of("admin-session")) == 2
        assert certificates and not any(certificates)
        assert not [one for one in server.requests if "canary" in one.text()]


class TestToken:
    FIRST, SECOND = "ory_pat_first-canary.of~tests+/==", "ory_pat_second-canary"

    @pytest.fixture
    def started(
        self, stopped_daemon: Daemon, gateway: Gateway, public: FaultServer, admin: FaultServer
    ) -> Daemon:
        """With the first token."""
        give(self.FIRST + "\n", TOKEN)
        use_token(stopped_daemon, gateway, f"https://localhost:{admin.port}")
        return stopped_daemon

    def test_rule_22_it_goes_to_the_admin_api_and_nowhere_else(
        self,
        started: Daemon,
        admin: FaultServer,
        public: FaultServer,
        kratos: Kratos,
        alice: Identity,
        journal: Journal,
    ) -> None:
        login(alice)
        ends_by_id(kratos, alice)
        assert sent(admin) == ["Bearer " + self.FIRST]
        assert public.requests
        for request in public.requests:
            assert request.header("authorization") is None
            assert "canary" not in request.text()
        for log in LOGS.glob("*.log"):
            assert "canary" not in log.read_text(errors="replace").replace(str(CREDENTIALS), ""), log
        assert not [entry for entry in journal.entries() if "canary" in str(entry)]

    def test_it_is_exchanged_while_kratosd_runs(
        self,
        started: Daemon,
        admin: FaultServer,
        kratos: Kratos,
        alice: Identity,
    ) -> None:
        login(alice)
        ends_by_id(kratos, alice)
        give(self.SECOND, TOKEN)
        login(alice)
        ends_by_id(kratos, alice)
        give("no token at all", TOKEN)
        login(alice)
        ends_by_id(kratos, alice)
        TOKEN.unlink()
        login(alice)
        ends_by_id(kratos, alice)
        first, second = "Bearer " + self.FIRST, "Bearer " + self.SECOND
        assert sent(admin) == [first, second, second, None]

    def test_rule_29_nothing_else_is_sent(
        self,
        stopped_daemon: Daemon,
        gateway: Gateway,
        public: FaultServer,
        admin: FaultServer,
        kratos: Kratos,
        alice: Identity,
        journal: Journal,
    ) -> None:
        """It could end the header, and begin another request."""
        give("canary\r\nX-A: b\r\n\r\nGET /admin/identities HTTP/1.1\r\n\r\n", TOKEN)
        use_token(stopped_daemon, gateway, f"https://localhost:{admin.port}")
        login(alice)
        ends_by_id(kratos, alice)
        assert sent(admin) == [None] and len(admin.requests) == 1
        told = [e["MESSAGE"] for e in journal.entries() if "kratosd.admin-token" in e["MESSAGE"]]
        assert len(told) == 1 and "canary" not in told[0]

    def test_it_goes_over_no_plain_http(
        self,
        stopped_daemon: Daemon,
        gateway: Gateway,
        public: FaultServer,
        kratos: Kratos,
        alice: Identity,
        journal: Journal,
    ) -> None:
        with FaultServer(PLAIN_PORT, upstream=(PUBLIC_PORT, ADMIN_PORT)) as plain:
            give(self.FIRST, TOKEN)
            use_token(stopped_daemon, gateway, plain.url)
            login(alice)
            ends_by_id(kratos, alice)
            assert sent(plain) == [None]
            assert "canary" not in "".join(one.text() for one in plain.requests)
            assert [e for e in journal.entries() if "plain http" in e["MESSAGE"]]

    def test_it_goes_over_a_unix_socket(
        self,
        stopped_daemon: Daemon,
        gateway: Gateway,
        upstream: FaultServer,
        public: FaultServer,
        kratos: Kratos,
        alice: Identity,
    ) -> None:
        give(self.FIRST, TOKEN)
        use_token(stopped_daemon, gateway, upstream.url)
        login(alice)
        ends_by_id(kratos, alice)
        assert sent(upstream) == ["Bearer " + self.FIRST]

    def test_it_does_not_follow_a_redirect(
        self,
        started: Daemon,
        admin: FaultServer,
        kratos: Kratos,
        alice: Identity,
        journal: Journal,
    ) -> None:
        """(rule 26)"""
        with FaultServer(PLAIN_PORT) as elsewhere:
            for status in 302, 307:
                location = f"{elsewhere.url}/admin/sessions/x"
                admin.set("admin-session", faults.redirect(status, location), times=1)
                login(alice)
                ends_by_id(kratos, alice)
            assert elsewhere.connections == 0

    def test_a_reload_reads_it_again(
        self, started: Daemon, admin: FaultServer, journal: Journal
    ) -> None:
        """Also one that has not changed: what is wrong with it is told again."""

        def told() -> int:
            return sum("kratosd.admin-token" in entry["MESSAGE"] for entry in journal.entries())

        started.stop()
        give("no token at all", TOKEN)
        started.start(CREDENTIALS_DIRECTORY=str(CREDENTIALS))
        wait_until(lambda: told() == 1, "it is told of at the start")
        started.reload()
        wait_until(lambda: told() == 2, "it is told of again")
