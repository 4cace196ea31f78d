"""Answers of the admin API that say nothing about anybody, and so end nobody's account."""

import re
import time
from collections.abc import Callable

import pytest
from faultserver import FaultServer, faults
from looking import QUICK, a_round_later, groups, hears, passwd, seen, told
from world.daemon import Daemon
from world.journal import Journal
from world.kratos import Identity, Kratos
from world.processes import wait_until

Make = Callable[..., Identity]

NO_LIST = "cannot be taken from its list of them"
NOBODY = "00000000-0000-4000-8000-000000000000"

LISTS = {
    "empty": faults.body(lambda _: b"[]"),
    "null": faults.body(lambda _: b"null"),
    "nothing": faults.empty(),
    "duplicate id": faults.json_body(lambda people: people + people[:1]),
    "shorter": faults.json_body(lambda people: people[:1]),
    "others": faults.json_body(lambda people: [one | {"id": NOBODY} for one in people[:1]]),
    "object": faults.body(lambda _: b"{}"),
    "cut": faults.cut(),
    "html": faults.html(200),
    "html 404": faults.html(404),
    "500": faults.failure(500),
    "503": faults.html(503),
    "401": faults.answer(401),
    "403": faults.answer(403),
    "404": faults.answer(404),
    "410": faults.answer(410),
    "429": faults.rate_limited("1"),
    "redirect": faults.redirect(),
    "closed": faults.closed(),
    "no HTTP": faults.garbage(),
    "too large": faults.huge(16 << 20),
}


# Lists of identities, although not of those that were asked for: each of these is asked for by itself.
LISTS_AFTER_ALL = {"empty", "null", "shorter", "others"}


@pytest.mark.parametrize("case", LISTS)
def test_rule_41_a_list_ends_nobody(
    stopped_daemon: Daemon, proxy: FaultServer, make: Make, journal: Journal, case: str
) -> None:
    stopped_daemon.configure(**QUICK)
    stopped_daemon.start()
    people = ["dora", "erik", "frida"]
    for name in people:
        make(name, groups=["developers"])
        assert passwd(name)
    before = len(proxy.of("identities"))
    proxy.set("identities", LISTS[case])
    proxy.wait("identities", before + 1)
    messages = [] if case in LISTS_AFTER_ALL else hears(journal, NO_LIST)
    a_round_later(1.0)
    assert len(messages) == len(told(journal, NO_LIST)) <= 1
    assert [name for name in people if passwd(name) and "developers" in groups(name)] == people
    assert not told(journal, "no account any more") and not told(journal, "cannot be an account")


# What is answered for one person by itself. What Kratos says of an id that it does not know has a body
# of its own; a 404 of whatever stands before it has none, or another.
SINGLE = {
    "html 404": faults.html(404),
    "404 of a proxy": faults.answer(404, b"404 page not found\n", Content_Type="text/plain"),
    "500": faults.failure(500),
    "403": faults.answer(403),
    "410": faults.answer(410),
    "empty": faults.empty(),
    "somebody else": faults.json_body(lambda one: one | {"id": NOBODY, "metadata_public": None}),
    "cut": faults.cut(),
    "closed": faults.closed(),
}


@pytest.mark.parametrize("case", SINGLE)
def test_rule_41_only_its_own_404_ends_one(
    stopped_daemon: Daemon, proxy: FaultServer, kratos: Kratos, make: Make, case: str
) -> None:
    """The list comes back empty, and what is asked for by itself is answered wrongly."""
    stopped_daemon.configure(**QUICK)
    stopped_daemon.start()
    dora = make("dora")
    assert passwd("dora")
    proxy.set("identities", LISTS["empty"])
    proxy.set("identity", SINGLE[case])
    proxy.wait("identity", 1, timeout=10)
    a_round_later(1.0)
    assert passwd("dora")
    proxy.clear()
    kratos.delete_identity(dora.id)
    seen(lambda: passwd("dora") == [], "no dora")


def test_rule_41_one_that_spoils_the_list_spoils_it_for_itself_alone(
    stopped_daemon: Daemon, proxy: FaultServer, kratos: Kratos, make: Make
) -> None:
    """What Kratos says of erik is no identity; the others' changes still come."""
    stopped_daemon.configure(**QUICK)
    stopped_daemon.start()
    people = {name: make(name) for name in ("dora", "erik", "frida", "gerd")}
    for name in people:
        assert passwd(name)
    erik = people["erik"].id
    spoilt = faults.json_body(
        lambda list: [one | {"state": 7} if one["id"] == erik else one for one in list]
    )
    proxy.set("identities", spoilt)
    for name in "dora", "frida", "gerd":
        path = "/metadata_public/posix/shell"
        kratos.patch(people[name].id, {"op": "add", "path": path, "value": "/bin/sh"})
    for name in "dora", "frida", "gerd":
        seen(lambda: passwd(name)[6] == "/bin/sh", f"the new shell of {name}")
    assert passwd("erik")[6] == "/bin/bash"


def test_lists_are_of_80_at_most_and_as_long_as_was_asked_for(
    stopped_daemon: Daemon, proxy: FaultServer, make: Make
) -> None:
    """More ids than that do not fit into what nginx takes by itself, and Kratos gives no more than 250 of
    any number where nothing is said of it. A whole round asks for each of them, and for nobody twice."""
    stopped_daemon.configure(**QUICK)
    stopped_daemon.start()
    people = [make(f"person{i}") for i in range(85)]
    for one in people:
        assert passwd(one.username)
        time.sleep(0.06)  # no more names a second than Kratos is asked for
    before = len(lists(proxy))
    # The round that is under way, the next, and the beginning of one more.
    wait_until(lambda: len(lists(proxy)) >= before + 5, "two rounds", 30)
    queries = lists(proxy)[before:]
    ids = [re.findall(r"ids=([^&]*)", query) for query in queries]
    for query, of in zip(queries, ids):
        assert 1 <= len(of) <= 80
        assert query == "".join(f"ids={id}&" for id in of) + "page_size=80"
    whole = [len(of) for of in ids].index(80)
    assert sorted(ids[whole] + ids[whole + 1]) == sorted(one.id for one in people)
    assert not proxy.of("identity"), "nobody is missing in the lists"


def lists(proxy: FaultServer) -> list[str]:
    """The queries of the requests for more than one person."""
    return [one.query for one in proxy.of("identities") if "ids=" in one.query]


def test_rule_41_one_that_is_never_answered_holds_up_nobody_for_good(
    stopped_daemon: Daemon, proxy: FaultServer, kratos: Kratos, make: Make
) -> None:
    """In no list, and 500 by itself, it comes before others, of more than one list can tell."""
    stopped_daemon.configure(**QUICK)
    stopped_daemon.start()
    people = [make(f"person{i}") for i in range(90)]
    for one in people:
        assert passwd(one.username)
        time.sleep(0.06)  # no more names a second than Kratos is asked for
    people.sort(key=lambda one: one.id)
    first, last = people[0], people[-1]
    missing = faults.json_body(lambda list: [one for one in list if one["id"] != first.id])
    proxy.set("identities", missing)
    proxy.set("identity", faults.failure(500))
    path = "/metadata_public/posix/shell"
    kratos.patch(last.id, {"op": "add", "path": path, "value": "/bin/sh"})

    def changed() -> bool:
        time.sleep(0.2)
        return passwd(last.username)[6] == "/bin/sh"

    wait_until(changed, "the new shell of the last", 50)
    assert passwd(first.username)
