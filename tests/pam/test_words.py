"""What a person sees, in the language of the program that asks, and what it can never be."""

import shutil
import subprocess
from pathlib import Path

import pytest
from driving import (
    ASK_CODE, BEGIN, FOLDER, PROGRAMS, Driver, drive, error, reply,
)  # fmt: skip
from world.locales import CATALOGUES, GERMAN, install_german

START = "locale", "start driver alice", "authenticate"
TOO_OFTEN = "Too many failed tries. Try again in 3 minutes."
TOO_OFTEN_WORDS = "Too many failed tries.\\n \\nTry again in %1 minutes.\\x093"
ANSWERED = ["answer right", "answer 123456"]


@pytest.fixture(autouse=True)
def _german() -> None:
    install_german()


def prompt(kind: str, text: str, words: str | None = None) -> list[str]:
    further = [] if words is None else ["words", f"s={words}"]
    return ["{", "kind", f"s={kind}", "text", f"s={text}", *further, "echo", "b=0", "}"]


def asked(fake, text: str, words: str | None = None, **further) -> str:
    """What a person is asked after the password, in German unless told otherwise."""
    fake.start(BEGIN, reply("Answer", "s=prompt", *prompt("totp", text, words)))
    output = drive(*START, *ANSWERED, **{"env": GERMAN} | further)
    assert output[0] in ("hidden: Passwort: ", "hidden: Password: "), output
    return output[1].removeprefix("hidden: ")


def told(fake, *texts: str, env: dict[str, str] = GERMAN) -> str:
    """What a person is told who is refused."""
    fake.start(BEGIN, error("Answer", "Throttled", *texts))
    output = drive(*START, "answer right", env=env)
    assert output[-1] == "authenticate: MAXTRIES", output
    return output[1].removeprefix("error: ")


class TestGerman:
    def test_prompts(self, fake) -> None:
        assert asked(fake, "Backup code: ") == "Backup-Code: "
        text = "Wrong code. Code sent to a…@example.test (Enter: send again): "
        words = "Wrong code.\\n \\nCode sent to %1 (Enter: send again): \\x09a…@example.test"
        german = "Falscher Code. Code, der an a…@example.test gesendet wurde (Enter: erneut senden): "
        assert asked(fake, text, words) == german
        words = "%1 app\\x091\\n, \\n%1 mail to %2\\x092\\x09a…@example.test\\n: "
        assert asked(fake, "1 app, 2 mail to a…", words) == "1 App, 2 E-Mail an a…@example.test: "

    def test_refusals_and_the_log_stays_english(self, fake, log) -> None:
        german = "Zu viele Fehlversuche. Versuchen Sie es in 3 Minuten erneut."
        assert told(fake, TOO_OFTEN, TOO_OFTEN_WORDS) == german
        assert log() == [f"auth): refused alice: Throttled ({TOO_OFTEN})"]
        assert told(fake, "Not allowed.") == "Nicht erlaubt."

    def test_account(self, fake) -> None:
        fake.start(error("CheckAccount", "AccountDisabled", "Your account is disabled."))
        output = drive("locale", "start driver alice", "acct_mgmt", env=GERMAN)
        assert output[0] == "error: Ihr Konto ist gesperrt."
        fake.start(reply("CheckAccount", "s=ok", "s=Not allowed."))
        output = drive("locale", "start driver alice", "acct_mgmt", env=GERMAN)
        assert output == ["info: Nicht erlaubt.", "acct_mgmt: SUCCESS"]

    def test_by_language_alone(self, fake) -> None:
        """People may want another language than their locale has."""
        assert asked(fake, "Backup code: ", env=GERMAN | {"LANGUAGE": "de:en"}) == "Backup-Code: "
        assert asked(fake, "Backup code: ", env=GERMAN | {"LANGUAGE": "en"}) == "Backup code: "

    def test_what_is_not_in_the_locale_s_character_set(self, fake) -> None:
        """A program that took only the language: no bytes that its terminal does not know."""
        env = {"LC_MESSAGES": "de_DE.UTF-8", "LC_CTYPE": "C"}
        shown = asked(fake, "Type one of the numbers.", "That way is not open to you any more.", env=env)
        assert shown == "Dieser Weg steht Ihnen nicht mehr offen."
        shown = asked(fake, "x", "No more codes can be sent now.", env=env)
        assert shown.isascii() and shown.startswith("Zurzeit k"), shown


class TestEnglish:
    def test_a_program_that_has_set_no_locale(self, fake) -> None:
        """sshd: the module sets none either."""
        fake.start(BEGIN, ASK_CODE)
        output = drive(*START[1:], *ANSWERED, env=GERMAN | {"LANGUAGE": "de"})
        assert output[:2] == ["hidden: Password: ", "shown: Code: "]

    def test_a_language_that_there_is_not(self, fake) -> None:
        for name in "C", "C.UTF-8", "fr_FR.UTF-8", "x" * 1000:
            assert told(fake, TOO_OFTEN, TOO_OFTEN_WORDS, env={"LANG": name}) == TOO_OFTEN

    def test_rule_23_no_catalogues(self, fake) -> None:
        catalogue = CATALOGUES / "de/LC_MESSAGES/pam_kratos.mo"
        content = catalogue.read_bytes()
        try:
            for broken in None, b"", content[:100], b"\xff" * 5000:
                catalogue.unlink() if broken is None else catalogue.write_bytes(broken)
                assert told(fake, TOO_OFTEN, TOO_OFTEN_WORDS) == TOO_OFTEN
        finally:
            catalogue.write_bytes(content)


class TestOthersWords:
    def test_rule_29_no_format(self, fake) -> None:
        for text in "%s %n %1 %2$s", "100 %", "Das Passwort ist zu kurz: %1":
            assert asked(fake, text) == text
            assert told(fake, text) == text
        assert asked(fake, "x", "%1\\x09%s%n %2 Backup code: ") == "%s%n %2 Backup code: "

    def test_nothing_of_the_catalogue_but_its_messages(self, fake) -> None:
        """Its header is what gettext gives for an empty one."""
        assert asked(fake, "x", "\\n\\nBackup code: ") == "Backup-Code: "
        assert asked(fake, "x", "\\x09") == ""

    @pytest.mark.parametrize("words", ["a\\x1b[2J", "a\\x7f", "a\\x0d", "x" * 513, "%1\\x09\\xc2\\x9b"])
    def test_rule_10_words_that_are_none(self, fake, words: str) -> None:
        """What comes with an error is then not shown; a prompt like that is refused (test_answers)."""
        assert told(fake, "Not allowed.", words) == "Nicht erlaubt."

    def test_a_translation_for_which_there_is_no_room(self, fake) -> None:
        """It is English then, and whole."""
        much, message = "x" * 470, "Code sent to %1 (Enter: send again): "
        german = f"Code, der an {much[:-20]} gesendet wurde (Enter: erneut senden): "
        assert asked(fake, "x", f"{message}\\x09{much[:-20]}") == german
        assert asked(fake, "x", f"{message}\\x09{much}") == message.replace("%1", much)


EVIL = """msgid "Password: "
msgstr "Your other password: "
"""


def evil_environment() -> dict[str, str]:
    """Of a caller who has made a catalogue."""
    folder = FOLDER / "evil/LC_MESSAGES"
    folder.mkdir(parents=True, exist_ok=True)
    source = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n' + EVIL
    subprocess.run(["msgfmt", "-o", folder / "pam_kratos.mo", "-"], input=source, text=True, check=True)
    up = "../" * len(CATALOGUES.parts)
    return GERMAN | {
        "LANGUAGE": f"{up}{FOLDER}/evil",
        "NLSPATH": str(FOLDER),
        "TEXTDOMAINDIR": str(FOLDER),
    }


def test_rule_6_a_privileged_program_s_caller_brings_no_catalogue(fake) -> None:
    """su and sudo: AT_SECURE is set. Without it, the environment is the caller's own to choose."""
    fake.start()
    program = PROGRAMS / "setuid-driver"
    shutil.copy(PROGRAMS / "driver", program)
    program.chmod(0o4755)
    env = evil_environment()
    try:
        assert drive(*START, "answer right", env=env)[0] == "hidden: Your other password: "
        output = Driver(user=65534, env=env, program=program).send(*START, "answer right").finish()
        assert output[0] == "hidden: Password: "
        output = Driver(user=65534, env=GERMAN | {"LANGUAGE": "de"}, program=program).send(*START, "answer right").finish()
        assert output[0] == "hidden: Passwort: "
    finally:
        program.unlink()
        shutil.rmtree(FOLDER / "evil")


def opened(tmp_path: Path, user: str) -> str:
    """Each file that a login opens."""
    trace = tmp_path / "trace"
    prefix = ("strace", "-f", "-e", "trace=open,openat", "-o", str(trace))
    drive("locale", f"start driver {user}", "authenticate", "answer right", "acct_mgmt", env=GERMAN, prefix=prefix)
    return trace.read_text()


def test_local_people_open_no_catalogue(fake, tmp_path: Path) -> None:
    fake.start()
    assert "pam_kratos.mo" in opened(tmp_path, "alice")
    assert "pam_kratos.mo" not in opened(tmp_path, "lokal")
