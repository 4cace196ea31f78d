"""Rule 25: a name that nobody has is asked, and refused, like the others."""

from pathlib import Path

import pytest
from driving import ASK_CODE, BEGIN, GRANTED, drive, error
from world.elsewhere import another_directory

UNKNOWN = error("BeginLogin", "UnknownUser")
START = "start driver nobody-here", "authenticate"


def test_rule_25_nobody_is_asked_like_others(fake) -> None:
    fake.start(UNKNOWN, BEGIN, ASK_CODE, error("Answer", "BadCredentials", "Wrong password"))
    output = drive(*START, "answer wrong", "answer 1", "open_session")
    assert output == [
        "hidden: Password: ", "shown: Code: ", "delay: about 2 s",
        "authenticate: USER_UNKNOWN", "open_session: IGNORE",
    ]  # fmt: skip
    assert [line.partition(" service")[0] for line in fake.calls()[1:3]] == [
        "BeginLogin nobody-here purpose=login", "BeginLogin nobody-here purpose=refuse",
    ]  # fmt: skip


def test_rule_25_and_throttled_like_others(fake) -> None:
    fake.start(UNKNOWN, BEGIN, error("Answer", "Throttled", "Too many tries: try again later."))
    output = drive(*START, "answer wrong")
    told = ["hidden: Password: ", "error: Too many tries: try again later."]
    assert output == [*told, "delay: about 2 s", "authenticate: MAXTRIES"]


def test_rule_3_nobody_is_never_let_in(fake) -> None:
    fake.start(UNKNOWN, BEGIN, GRANTED)
    output = drive(*START, "answer right", "open_session")
    assert output == ["hidden: Password: ", "authenticate: SYSTEM_ERR", "open_session: IGNORE"]
    assert fake.asked()[-1] == "CancelLogin"


def test_rule_23_people_of_another_directory_are_not_asked(fake) -> None:
    """NSS knows them, and they are somebody else's to ask."""
    switch = Path("/etc/nsswitch.conf")
    before = switch.read_text()
    another_directory()
    try:
        fake.start(UNKNOWN, BEGIN)
        assert drive("start driver elsa", "authenticate") == ["authenticate: USER_UNKNOWN"]
        assert fake.asked() == ["BeginLogin"]
    finally:
        switch.write_text(before)


@pytest.mark.parametrize("name", ["UnknownUser", "Unavailable", "Throttled", "InvalidArgument"])
def test_where_nobody_can_be_asked_it_was_said_that_they_are_not_ours(fake, name: str) -> None:
    fake.start(UNKNOWN, error("BeginLogin", name))
    assert drive(*START) == ["authenticate: USER_UNKNOWN"]


def test_rule_25_nobody_ends_here_who_was_asked_for_no_password(fake) -> None:
    """The next module would ask for one."""
    code = BEGIN.replace("s=password", "s=first-code")
    fake.start(UNKNOWN, code, error("Answer", "BadCredentials", "Wrong code"))
    output = drive(*START, "answer 1")
    assert output == ["hidden: Password: ", "delay: about 2 s", "authenticate: AUTH_ERR"]
