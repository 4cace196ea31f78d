"""Account documents with a hostile value: nobody is an account by one, and nobody else is affected."""

import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from looking import client_key, groups, hears, passwd, seen, told
from world.daemon import Daemon
from world.journal import Journal
from world.kratos import Identity, Json, Kratos
from world.processes import wait_until

Make = Callable[..., Identity]

# Each value, hostile in its own way, by the field that the message has to name.
VALUES: list[tuple[str, Any]] = [
    *(("name", value) for value in (
        "bad\nroot", "bad:x", "../bad", "-bad", "bad name", "Bad", "b\u00e4d", "x" * 33, "", 7, None,
    )),
    *(("uid", value) for value in (
        0, 33, 999, -1, 65534, 65535, 4294967295, 4294967296, 2147352576, 1 << 64, "1879050001", 1.5,
        1e9, None, True, [1879050001],
    )),
    *(("gid", value) for value in (0, 27, 65534, 4294967295, "27", None)),
    *(("groups", value) for value in (
        "sudo", ["dev:x"], ["dev\nsudo:x:27:bad"], ["-dev"], [""], ["dev", "dev"], [None], [7], {},
        [{"name": "dev", "gid": 0}], [{"name": "dev", "gid": 27}], [{"name": "dev"}], [["dev"]],
        [{"name": "dev", "gid": 1879050001, "more": 1}], ["g%d" % i for i in range(129)],
    )),
    *(("shell", value) for value in (
        "bash", "/bin/bash\n", "/bin/bash:x", "/bin/bash -c id", "/bin/../bin/sh", "/", "", "/bin//sh",
        "/bin/b\u00e4sh", "/" + "x" * 255, "/bin/sh\u0001", None, 7,
    )),
    *(("home", value) for value in (
        "/", "home", "/home/../root", "/home//x", "/home/x/", "/home/x:0", "/home/x\nroot", "", None,
        "/home/" + "x" * 250, "/home/\u0085",
    )),
    *(("gecos", value) for value in (
        "x:0:0:root", "x\nroot::0:0", "\u009b31m", "\u001b[31m", "x" * 256, None, ["x"],
    )),
    *(("sshKeys", value) for value in (
        "one", [""], ["ssh-ed25519"], ["ssh-ed25519 AAAA"], ["ssh-dss AAAAB3NzaC1kc3M="], [7], None,
        ["KEY\nssh-ed25519 AAAA"], ["cert-authority KEY"], ['environment="LD_PRELOAD=x" KEY'],
        ["# KEY"], [" KEY"], ["KEY x\ty"], ["KEY"] * 65, ['command="x KEY'], ['tunnel="0" KEY'],
    )),
    *(("hosts", value) for value in ("web", [""], ["web:1"], ["a b"], ["x" * 65], ["[a]"], None, [7])),
    *(("services", value) for value in ("sshd", [""], ["a/b"], ["s?hd"], ["x" * 65], None)),
    *(("notBefore", value) for value in ("2026-02-30", "tomorrow", "", 0, None)),
    *(("notAfter", value) for value in (
        "2026-02-30", "2026-01-01T00:00:00", "2026-01-01T00:00:00+01:00", "2026-13-01", "never",
        "10000-01-01", 1767225600, None, "",
    )),
    *(("passwordChangeNow", value) for value in ("yes", 1, None)),
]  # fmt: skip

# Whole documents, and what the message has to say.
DOCUMENTS: list[tuple[Any, str]] = [
    ([], "no JSON object"),
    ("dora", "no JSON object"),
    (7, "no JSON object"),
    ({"notAftr": "2020-01-01"}, "not known"),
    ({"UID": 1879050001}, "not known"),
    ({"gecos": "x", "": "x"}, "not known"),
    ({"gecos": "x\u0000"}, "has a NUL"),
    ({"gecos": "x" * (70 << 10)}, "larger than"),
]


def fill(value: Any, key: str) -> Any:
    if isinstance(value, list):
        return [one.replace("KEY", key) if isinstance(one, str) else one for one in value]
    return value


def refusals(journal: Journal, person: Identity) -> list[str]:
    return told(journal, f"The identity {person.id} cannot be an account here: ")


@pytest.fixture(scope="module")
def outcomes() -> list[tuple[list[str], list[str]]]:
    """What became of each of VALUES, once that is known: its passwd line, and the messages."""
    return []


@pytest.fixture
def judged(
    outcomes: list[tuple[list[str], list[str]]], request: pytest.FixtureRequest
) -> list[tuple[list[str], list[str]]]:
    """All of them come to one host, for the first test that wants to know."""
    if not outcomes:
        kratos, journal = request.getfixturevalue("kratos"), request.getfixturevalue("journal")
        make, _ = request.getfixturevalue("make"), request.getfixturevalue("sshd")
        request.getfixturevalue("daemon")
        make("dora", groups=["developers"])
        before = passwd("dora")
        people = []
        for i, (field, value) in enumerate(VALUES):
            document: Json = {"name": f"bad{i}"} | {field: fill(value, client_key())}
            people.append(kratos.create_identity(f"bad{i}", metadata_public={"posix": document}))
        lines = []
        for person in people:
            time.sleep(0.06)  # no more names a second than Kratos is asked for
            lines.append(passwd(person.username))
        wait_until(lambda: refusals(journal, people[-1]), "the last message")
        outcomes += [(line, refusals(journal, one)) for line, one in zip(lines, people)]
        assert passwd("dora") == before and groups("dora") == {"dora", "developers"}
    return outcomes


def id_of(case: int) -> str:
    field, value = VALUES[case]
    return f"{field}-{re.sub('[^0-9A-Za-z.]+', '_', json.dumps(value))[:24]}"


@pytest.mark.parametrize("case", range(len(VALUES)), ids=id_of)
def test_rule_10_one_wrong_value(judged: list[tuple[list[str], list[str]]], case: int) -> None:
    """It makes nobody, and is told of once, with the name of its field."""
    line, messages = judged[case]
    assert line == []
    assert len(messages) == 1 and f"here: {VALUES[case][0]}: " in messages[0], messages


def test_rule_10_documents_that_are_none(
    stopped_daemon: Daemon, kratos: Kratos, make: Make, journal: Journal
) -> None:
    """Where names come from somewhere else, so that nothing but the document is wrong."""
    stopped_daemon.configure(Accounts={"TrustTraitNames": "yes", "UserName": "/traits/username"})
    stopped_daemon.start()
    make("dora")
    for i, (document, why) in enumerate(DOCUMENTS):
        person = kratos.create_identity(f"bad{i}", metadata_public={"posix": document})
        assert passwd(f"bad{i}") == [], document

        def messages(person: Identity = person) -> list[str]:
            return refusals(journal, person)

        wait_until(messages, f"a message about {str(document)[:40]}")
        assert len(messages()) == 1 and why in messages()[0], messages()
    assert passwd("dora")


def test_rule_12_two_documents(daemon: Daemon, kratos: Kratos, journal: Journal) -> None:
    """Which of them counts nobody has said."""
    both = {"posix": {"name": "dora"}}
    dora = kratos.create_identity("dora", metadata_public=both, metadata_admin=both)
    kratos.create_identity("erik", metadata_admin={"posix": {"name": "erik"}})
    assert passwd("dora") == [] and passwd("erik")
    wait_until(lambda: refusals(journal, dora), "the message")
    assert len(refusals(journal, dora)) == 1


def test_rule_10_a_known_account_that_goes_wrong(
    quick: Daemon, kratos: Kratos, make: Make, journal: Journal
) -> None:
    """It is told of once, however often Kratos is asked, and is itself again when it is mended."""
    dora, erik = make("dora"), make("erik")
    before = passwd("dora")
    assert before and passwd("erik")
    path = "/metadata_public/posix/shell"
    kratos.patch(dora.id, {"op": "add", "path": path, "value": "/bin/sh -c id"})
    why = f"{dora.id}, which was dora cannot be an account here: shell: "
    seen(lambda: told(journal, why), "the message")
    kratos.patch(erik.id, {"op": "add", "path": path, "value": "/bin/sh"})
    seen(lambda: passwd("erik")[6] == "/bin/sh", "the others' changes")
    assert len(told(journal, why)) == 1
    assert passwd("dora") == before, "its files keep their owner's name"
    kratos.patch(dora.id, {"op": "add", "path": path, "value": "/bin/sh"})
    seen(lambda: passwd("dora")[6] == "/bin/sh", "the mended shell")


def test_homes_elsewhere(daemon: Daemon, make: Make, journal: Journal) -> None:
    """A document may name a home below HomePrefix=, and none of the host's own folders."""
    for i, home in enumerate(("/root", "/etc", "/home/a/b", "/homes/x", "/var/lib/kratosd")):
        person = make(f"bad{i}", home=home)
        assert passwd(f"bad{i}") == []
        assert len(hears(journal, person.id, "its home is not HomePrefix=")) == 1
    make("dora", home="/home/elsewhere")
    assert passwd("dora")[5] == "/home/elsewhere"
