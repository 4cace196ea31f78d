"""A small HTTP server that does what Kratos cannot be made to do.

It answers as Kratos's public API and the part of its admin API that kratosd uses (imitation.py), or hands
requests on to a real Kratos, and in both cases misbehaves where it is told to (faults.py). It records
what was asked of it.

    with FaultServer(435) as server:
        server.kratos.add("alice", "password", identity)
        server.set("login", faults.cut(), times=1)
        …
        assert server.of("login")[0].json["password_identifier"] == "alice"
"""

from faultserver import faults
from faultserver.imitation import Imitation
from faultserver.server import Answer, Exchange, FaultServer, Request

__all__ = ["Answer", "Exchange", "FaultServer", "Imitation", "Request", "faults"]
