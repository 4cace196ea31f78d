"""A daemon that answers wrongly: nothing of it is ever taken for a yes, or for "somebody else's". (rule 3)"""

import pytest
from driving import (
    GRANTED, LOGIN, PASSWORD_PROMPT, SESSION, WHOLE, drive, login, reply, result,
)  # fmt: skip

KIND, TEXT, ECHO = ["kind", "s=password"], ["text", "s=Password: "], ["echo", "b=0"]
ID = f"s={LOGIN}"


def prompt(*entries: list[str]) -> list[str]:
    return ["{", *(word for entry in entries for word in entry), "}"]


IDS = ["", "s=", "s=" + "1" * 31, "s=" + "1" * 33, "s=" + "A" * 32, "s=" + "g" * 32, "s= " + "1" * 31,
       "s=" + "1" * 31 + "\\n", "s*1000000"]  # fmt: skip

PROMPTS = {
    "no kind": prompt(TEXT, ECHO),
    "no text": prompt(KIND, ECHO),
    "nothing": prompt(),
    "kind of another type": prompt(["kind", "u=1"], TEXT),
    "text of another type": prompt(KIND, ["text", "o=/Password"]),
    "echo of another type": prompt(KIND, TEXT, ["echo", "s=0"]),
    "echo as a number": prompt(KIND, TEXT, ["echo", "u=1"]),
    "kind twice": prompt(KIND, TEXT, KIND),
    "text twice": prompt(KIND, TEXT, TEXT),
    "echo twice": prompt(KIND, TEXT, ECHO, ECHO),
    "empty kind": prompt(["kind", "s="], TEXT),
    "kind in capitals": prompt(["kind", "s=Password"], TEXT),
    "kind with a space": prompt(["kind", "s=pass word"], TEXT),
    "long kind": prompt(["kind", "s*33"], TEXT),
    "long text": prompt(KIND, ["text", "s*513"]),
    "huge text": prompt(KIND, ["text", "s*5000000"]),
    "newline in text": prompt(KIND, ["text", "s=Password\\n"]),
    "escape in text": prompt(KIND, ["text", "s=\\x1b]0;x\\x07"]),
    "C1 in text": prompt(KIND, ["text", "s=\\xc2\\x9b2J"]),
    "DEL in text": prompt(KIND, ["text", "s=a\\x7f"]),
    "words of another type": prompt(KIND, TEXT, ["words", "u=1"]),
    "words twice": prompt(KIND, TEXT, ["words", "s=a"], ["words", "s=a"]),
    "words without text": prompt(KIND, ["words", "s=Password: "]),
    "long words": prompt(KIND, TEXT, ["words", "s*513"]),
    "escape in words": prompt(KIND, TEXT, ["words", "s=a\\n\\x1b]0;x\\x07"]),
    "carriage return in words": prompt(KIND, ["words", "s=a\\x0d"], TEXT),
    "C1 in words": prompt(KIND, TEXT, ["words", "s=%1\\x09\\xc2\\x9b2J"]),
    "not a dictionary": ["s=password"],
    "too much": [*PASSWORD_PROMPT, "s=more"],
    "too little": [],
}

ANSWERS = {
    "nothing": [],
    "a boolean": ["b=1"],
    "granted alone": ["s=granted"],
    "granted and text": ["s=granted", "s="],
    "granted twice": ["s=granted", "s=granted", "{", "}"],
    "granted as a path": ["o=/granted", "{", "}"],
    "Granted": ["s=Granted", "{", "}"],
    "granted and a space": ["s=granted ", "{", "}"],
    "gran": ["s=gran", "{", "}"],
    "yes": ["s=yes", "{", "}"],
    "empty": ["s=", "{", "}"],
    "huge": ["s*5000000", "{", "}"],
    "another state with a prompt": ["s=ask", *PASSWORD_PROMPT],
    "no state with a prompt": ["s=", *PASSWORD_PROMPT],
    "prompt without prompt": ["s=prompt", "{", "}"],
    "granted with a broken prompt": ["s=granted", "{", "text", "u=1", "}"],
    "granted with a prompt twice": ["s=granted", "{", *KIND, *KIND, "}"],
}

ACCOUNTS = {
    "nothing": [],
    "no message": ["s=ok"],
    "too much": ["s=ok", "s=", "s="],
    "OK": ["s=OK", "s="],
    "empty": ["s=", "s="],
    "denied": ["s=denied", "s="],
    "okay": ["s=okay", "s="],
    "other types": ["b=1", "s="],
    "dictionary": ["s=ok", "{", "}"],
    "newline in message": ["s=ok", "s=a\\nb"],
    "escape in message": ["s=ok", "s=\\x1bc"],
    "long message": ["s=ok", "s*513"],
}

SESSIONS = {
    "nothing": [],
    "no lifeline": [f"s={SESSION}"],
    "lifeline as text": [f"s={SESSION}", "s=fifo"],
    "too much": [f"s={SESSION}", "h=fifo", "h=fifo"],
    "no id": ["s=", "h=fifo"],
    "path as id": ["s=../" + "5" * 29, "h=fifo"],
    "long id": ["s=" + "5" * 33, "h=fifo"],
    "read end": [f"s={SESSION}", "h=fifo-read"],
    "both ends": [f"s={SESSION}", "h=fifo-both"],
    "path only": [f"s={SESSION}", "h=fifo-path"],
    "device": [f"s={SESSION}", "h=null"],
    "folder": [f"s={SESSION}", "h=folder"],
    "memfd": [f"s={SESSION}", "h=memfd"],
    "socket": [f"s={SESSION}", "h=socket"],
}

START = ("authenticate", "answer right")
BREAKS = "kratosd's answer breaks the interface"

# bob's fallback must not make more of it, either.
users = pytest.mark.parametrize("user", ["alice", "bob"])


@users
@pytest.mark.parametrize("login_id", IDS)
def test_rule_3_login_ids(fake, log, user: str, login_id: str) -> None:
    fake.start(reply("BeginLogin", *([login_id] if login_id else []), *PASSWORD_PROMPT))
    assert drive(f"start driver {user}", *START)[0] == "authenticate: SYSTEM_ERR"
    assert log() == [f"auth): refused {user}: {BREAKS}"]
    assert fake.asked() == ["BeginLogin"]


@users
@pytest.mark.parametrize("name", PROMPTS)
def test_rule_3_first_prompts(fake, log, user: str, name: str) -> None:
    fake.start(reply("BeginLogin", ID, *PROMPTS[name]))
    assert drive(f"start driver {user}", *START)[0] == "authenticate: SYSTEM_ERR"
    assert log() == [f"auth): refused {user}: {BREAKS}"]


@users
@pytest.mark.parametrize("name", PROMPTS)
def test_rule_3_further_prompts(fake, log, user: str, name: str) -> None:
    fake.start(reply("Answer", "s=prompt", *PROMPTS[name]), GRANTED)
    output = drive(f"start driver {user}", *START, "answer 123456", "open_session")
    assert output[1] == "authenticate: SYSTEM_ERR"
    assert log() == [f"auth): refused {user}: {BREAKS}"]
    assert fake.asked() == ["BeginLogin", "Answer", "CancelLogin"]


@users
@pytest.mark.parametrize("name", ANSWERS)
def test_rule_3_answers(fake, log, user: str, name: str) -> None:
    fake.start(reply("Answer", *ANSWERS[name]))
    output = drive(f"start driver {user}", *START, "environment", "open_session", "fifos")
    assert output[1:] == ["authenticate: SYSTEM_ERR", "open_session: SUCCESS", "fifos: 0"]
    assert log() == [f"auth): refused {user}: {BREAKS}"]
    assert fake.asked() == ["BeginLogin", "Answer", "CancelLogin"]


@users
@pytest.mark.parametrize("name", ACCOUNTS)
def test_rule_3_accounts(fake, log, user: str, name: str) -> None:
    fake.start(reply("CheckAccount", *ACCOUNTS[name]))
    assert drive(f"start driver {user}", "acct_mgmt") == ["acct_mgmt: SYSTEM_ERR"]
    assert log() == [f"account): refused {user}: {BREAKS}"]


@users
@pytest.mark.parametrize("name", SESSIONS)
def test_rule_3_sessions(fake, log, user: str, name: str) -> None:
    """No descriptor that comes with a wrong answer is kept."""
    fake.start(reply("OpenSession", *SESSIONS[name]))
    output = drive(f"start driver {user}", *START, "open_session", "fifos", "close_session")
    assert output[2:] == ["open_session: SYSTEM_ERR", "fifos: 0", "close_session: SUCCESS"]
    assert log() == [f"session): refused {user}: {BREAKS}"]


def test_answers_to_calls_that_need_none(fake) -> None:
    for values in [], ["s=x"], ["s*1000000"], ["h=socket"]:
        fake.start(reply("CloseSession", *values), reply("CancelLogin", *values))
        assert drive(*login()) == WHOLE
        output = drive("start driver alice", "authenticate", "answer-null")
        assert result(output, "authenticate") == "CONV_ERR"


def test_granted_with_more_in_it(fake) -> None:
    """Keys of a later kratosd are no fault."""
    more = ["{", "since", "t=7", "kind", "s=password", "list", "y=1", "}"]
    fake.start(reply("Answer", "s=granted", *more))
    assert drive(*login()) == WHOLE
