"""Whole logins, with exactly these prompts, results, calls of the daemon and lines of log."""

import shutil

import pytest
from driving import (
    ACCOUNT_OK, ASK_CODE, BEGIN, CODE_PROMPT, GRANTED, LOGIN, PASSWORD_PROMPT, PROGRAMS, SECOND_LOGIN,
    SESSION, WHOLE, Driver, drive, error, login, reply, result,
)  # fmt: skip

from world import pam

CONTEXT = "purpose=login service=driver"


def answered(secret: str, login_id: str = LOGIN) -> str:
    return f"Answer {login_id} secret={secret} size={len(secret)} sealed"


class TestGranted:
    def test_a_whole_login(self, fake, log) -> None:
        fake.start()
        assert drive(*login()) == WHOLE
        assert fake.calls() == [
            "ready",
            f"BeginLogin alice {CONTEXT}",
            answered("right"),
            f"CheckAccount alice {CONTEXT}",
            f"OpenSession alice {LOGIN} {CONTEXT}",
            f"CloseSession {SESSION}",
        ]
        assert log() == []

    def test_the_prompt_is_the_daemons(self, fake) -> None:
        prompt = ["{", "text", "s=Kennwort für %s%n: ", "later", "u=7", "kind", "s=password", "}"]
        fake.start(reply("BeginLogin", f"s={LOGIN}", *prompt))
        output = drive("start driver alice", "authenticate", "answer right")
        assert output == ["hidden: Kennwort für %s%n: ", "authenticate: SUCCESS"]

    def test_items_are_told(self, fake) -> None:
        fake.start()
        items = "set tty /dev/pts/7", "set rhost 192.0.2.7", "set ruser bob smith"
        drive("start driver alice", *items, "authenticate", "answer right", "acct_mgmt", "open_session")
        context = f"{CONTEXT} tty=/dev/pts/7 rhost=192.0.2.7 ruser=bob smith"
        assert fake.calls()[1:] == [
            f"BeginLogin alice {context}",
            answered("right"),
            f"CheckAccount alice {context}",
            f"OpenSession alice {LOGIN} {context}",
        ]

    @pytest.mark.parametrize("items", [["set ruser alice"], []])
    def test_rule_19_whoever_runs_a_setuid_program_is_no_other(self, fake, items) -> None:
        """Whatever it says of them; sudo, which runs as root alone, is believed."""
        fake.start()
        program = PROGRAMS / "setuid-driver"
        shutil.copy(PROGRAMS / "driver", program)
        program.chmod(0o4755)
        try:
            lines = "start driver alice", *items, "authenticate", "answer right"
            assert Driver(user=65534, program=program).send(*lines).finish()[-1] == "authenticate: SUCCESS"
        finally:
            program.unlink()
        assert fake.calls()[1] == f"BeginLogin alice {CONTEXT} ruser=65534"

    def test_a_name_is_asked_for(self, fake) -> None:
        fake.start()
        output = drive("start driver -", "authenticate", "answer alice", "answer right")
        assert output == ["shown: login:", "hidden: Password: ", "authenticate: SUCCESS"]

    def test_several_steps(self, fake) -> None:
        """A second prompt is asked for as such, with or without echo, also if it is of the same kind."""
        again = reply("Answer", "s=prompt", "{", "kind", "s=password", "text", "s=Again: ", "}")
        fake.start(ASK_CODE, again, GRANTED)
        output = drive(*login("alice", "right", "123456", "once more"))
        assert output == [WHOLE[0], "shown: Code: ", "hidden: Again: ", *WHOLE[1:]]
        assert fake.calls()[2:5] == [answered("right"), answered("123456"), answered("once more")]

    def test_a_first_prompt_that_is_no_password(self, fake) -> None:
        """It neither takes PAM_AUTHTOK nor sets it."""
        pam.pam_service("first", "auth required pam_kratos.so\nauth required pam_unix.so\n")
        fake.start(reply("BeginLogin", f"s={LOGIN}", *CODE_PROMPT))
        output = drive("start first alice", "authenticate", "answer 123456", "answer wrong")
        assert output == ["shown: Code: ", "hidden: Password: ", "delay: about 2 s", "authenticate: AUTH_ERR"]

    def test_empty_answer_is_the_daemons_affair(self, fake) -> None:
        fake.start(error("Answer", "BadCredentials"))
        output = drive("start driver alice", "authenticate null", "answer")
        assert result(output, "authenticate") == "AUTH_ERR"
        assert fake.calls()[2] == f"Answer {LOGIN} secret= size=0 sealed"

    def test_longest_answer(self, fake) -> None:
        fake.start()
        output = drive("start driver alice", "authenticate", "answer-repeat 512 x")
        assert result(output, "authenticate") == "SUCCESS"
        assert fake.calls()[2] == f"Answer {LOGIN} secret=… size=512 sealed"

    def test_answer_of_odd_bytes(self, fake) -> None:
        fake.start()
        drive("start driver alice", "authenticate", 'answer "ü\\\x01\t ')
        assert fake.calls()[2] == f'Answer {LOGIN} secret="ü\\\x01\t  size=7 sealed'


class TestRefused:
    @pytest.mark.parametrize(
        ("name", "code", "shown"),
        [
            ("BadCredentials", "AUTH_ERR", []),
            ("NotAllowed", "PERM_DENIED", ["error: so it is"]),
            ("AccountDisabled", "ACCT_EXPIRED", ["error: so it is"]),
        ],
    )
    def test_denials(self, fake, log, name: str, code: str, shown: list[str]) -> None:
        """A denial of the answer, with the delay that libpam keeps; what the person can do about it is
        shown."""
        fake.start(error("Answer", name, "so it is"))
        output = drive("start driver alice", "authenticate", "answer wrong")
        assert output == ["hidden: Password: ", *shown, "delay: about 2 s", f"authenticate: {code}"]
        assert fake.asked() == ["BeginLogin", "Answer"]
        assert log() == [f"auth): refused alice: {name} (so it is)"]

    def test_whom_a_greeter_shows_it(self, fake) -> None:
        """One on a display has words of its own in an error's place: there, it is none."""
        fake.start(error("Answer", "NotAllowed", "so it is"), error("CheckAccount", "NotAllowed", "nor here"))
        for display, style in ("set xdisplay :0", "info"), ("set tty :0", "error"):
            output = drive("start driver alice", display, "authenticate", "answer right", "acct_mgmt")
            assert f"{style}: so it is" in output and f"{style}: nor here" in output

    def test_nobody_can_be_asked(self, fake) -> None:
        fake.start(error("Answer", "Unavailable", "It is away."))
        output = drive("start driver alice", "authenticate", "answer right")
        assert output == ["hidden: Password: ", "error: It is away.", "authenticate: AUTHINFO_UNAVAIL"]

    def test_what_was_granted_ends_with_the_account(self, fake) -> None:
        """Whoever is refused then opens nothing, also where another process was granted it; whoever has to
        change a password does."""
        granted = f"putenv KRATOS_LOGIN_ID={LOGIN}"
        for name in "NotAllowed", "AccountDisabled", "Unavailable", "Failed":
            for before in ["authenticate", "answer right"], [granted]:
                fake.start(error("CheckAccount", name))
                output = drive("start driver alice", *before, "acct_mgmt", "environment")
                assert fake.calls()[-1] == f"CancelLogin {LOGIN}" and LOGIN not in str(output)
        for state in "ok", "password-expired":
            fake.start(reply("CheckAccount", f"s={state}", "s="))
            drive("start driver alice", "authenticate", "answer right", "acct_mgmt")
            assert "CancelLogin" not in fake.asked()

    def test_rule_35_throttled_says_when_to_come_again(self, fake, log) -> None:
        """The person sees the sentence, unless the program wants nothing shown; a text that may not be
        shown is not, and no text is no line."""
        sentence = "Too many failed tries. Try again in 3 minutes."
        ended = ["delay: about 2 s", "authenticate: MAXTRIES"]
        fake.start(error("Answer", "Throttled", sentence))
        login = "start driver alice", "authenticate", "answer wrong"
        assert drive(*login) == ["hidden: Password: ", f"error: {sentence}", *ended]
        assert log() == [f"auth): refused alice: Throttled ({sentence})"]
        silent = drive(login[0], "authenticate silent", login[2])
        assert silent == ["hidden: Password: ", *ended]
        for text in "", "red \\x1b[31m":
            fake.start(error("Answer", "Throttled", text))
            assert drive(*login) == ["hidden: Password: ", *ended]
        fake.start(error("BeginLogin", "Throttled", sentence))
        assert drive(*login[:2]) == [f"error: {sentence}", *ended]

    @pytest.mark.parametrize(
        ("name", "code"),
        [
            ("Unavailable", "AUTHINFO_UNAVAIL"),
            ("PasswordRefused", "AUTHTOK_ERR"),
            ("UnknownUser", "SYSTEM_ERR"),
            ("InvalidArgument", "SYSTEM_ERR"),
            ("Failed", "SYSTEM_ERR"),
            ("NoSuchSession", "SYSTEM_ERR"),
            ("org.freedesktop.DBus.Error.AccessDenied", "SYSTEM_ERR"),
            ("org.freedesktop.DBus.Error.NoReply", "SYSTEM_ERR"),
            ("com.example.Granted", "SYSTEM_ERR"),
        ],
    )
    @pytest.mark.parametrize("method", ["BeginLogin", "Answer"])
    def test_rule_36_other_errors(self, fake, log, method: str, name: str, code: str) -> None:
        """Nor does a listed user ever go on to the next module, whatever the daemon says of them."""
        fake.start(error(method, name))
        output = drive("start driver alice", "authenticate", "answer right")
        assert result(output, "authenticate") == code
        assert not [line for line in output if "delay" in line]
        assert log() == [f"auth): refused alice: {name}"]

    @pytest.mark.parametrize("text", ["a\\nb", "\\x1b[2J", "\\xc2\\x9b1m", "\\x7f"])
    def test_texts_that_are_not_printable_are_not_logged(self, fake, log, text: str) -> None:
        fake.start(error("Answer", "BadCredentials", text))
        drive("start driver alice", "authenticate", "answer wrong")
        assert log() == ["auth): refused alice: BadCredentials"]

    def test_too_long_an_answer(self, fake, log) -> None:
        fake.start()
        output = drive("start driver alice", "authenticate", "answer-repeat 513 x")
        assert output == ["hidden: Password: ", "delay: about 2 s", "authenticate: AUTH_ERR"]
        assert fake.calls()[2:] == [f"CancelLogin {LOGIN}"]
        assert log() == ["auth): refused alice: the answer is longer than 512 bytes"]

    @pytest.mark.parametrize("answer", ["answer-fail 19", "answer-null", "answer-fail 30"])
    @pytest.mark.parametrize("step", [1, 2])
    def test_rule_3_failing_conversation(self, fake, log, answer: str, step: int) -> None:
        fake.start(ASK_CODE, GRANTED)
        answers = ["answer right", answer] if step == 2 else [answer]
        output = drive("start driver alice", "authenticate", *answers)
        assert result(output, "authenticate") == "CONV_ERR"
        assert fake.calls()[-1] == f"CancelLogin {LOGIN}"
        assert log()[-1] == "auth): refused alice: the conversation failed"

    def test_rule_35_too_many_steps(self, fake, log) -> None:
        """The ninth answer is not asked for."""
        fake.start(ASK_CODE)
        output = drive("start driver alice", "authenticate", *["answer 1"] * 10)
        assert len([line for line in output if "Code" in line or "Password" in line]) == 8
        assert result(output, "authenticate") == "SYSTEM_ERR"
        assert fake.asked() == ["BeginLogin"] + ["Answer"] * 8 + ["CancelLogin"]
        assert log() == ["auth): refused alice: kratosd asks for too many answers"]

    def test_only_one_line_of_log(self, fake, log) -> None:
        fake.start(error("Answer", "BadCredentials"), error("CheckAccount", "AccountDisabled", "gone"))
        drive("start driver alice", "authenticate", "answer wrong", "acct_mgmt")
        assert log() == [
            "auth): refused alice: BadCredentials",
            "account): refused alice: AccountDisabled (gone)",
        ]


class TestExpired:
    def test_a_login_that_expired_while_typing(self, fake, log) -> None:
        second = reply("BeginLogin", f"s={SECOND_LOGIN}", *PASSWORD_PROMPT)
        fake.start(BEGIN, second, error("Answer", "NoSuchLogin"), GRANTED)
        output = drive(*login())
        assert output == WHOLE
        assert fake.calls()[1:6] == [
            f"BeginLogin alice {CONTEXT}",
            answered("right"),
            f"BeginLogin alice {CONTEXT}",
            answered("right", SECOND_LOGIN),
            f"CheckAccount alice {CONTEXT}",
        ]
        assert log() == []

    def test_with_all_answers_so_far(self, fake) -> None:
        second = reply("BeginLogin", f"s={SECOND_LOGIN}", *PASSWORD_PROMPT)
        fake.start(BEGIN, second, ASK_CODE, error("Answer", "NoSuchLogin"), ASK_CODE, GRANTED)
        output = drive("start driver alice", "authenticate", "answer right", "answer 123456")
        assert output == ["hidden: Password: ", "shown: Code: ", "authenticate: SUCCESS"]
        assert fake.calls()[4:] == [
            f"BeginLogin alice {CONTEXT}",
            answered("right", SECOND_LOGIN),
            answered("123456", SECOND_LOGIN),
        ]

    def test_only_once(self, fake, log) -> None:
        fake.start(error("Answer", "NoSuchLogin"))
        output = drive("start driver alice", "authenticate", "answer right")
        assert output == ["hidden: Password: ", "authenticate: SYSTEM_ERR"]
        assert fake.asked() == ["BeginLogin", "Answer"] * 2
        assert log() == ["auth): refused alice: NoSuchLogin"]

    def test_only_once_also_at_a_later_step(self, fake) -> None:
        expired = error("Answer", "NoSuchLogin")
        fake.start(ASK_CODE, expired, ASK_CODE, ASK_CODE, expired)
        output = drive("start driver alice", "authenticate", "answer right", "answer 1", "answer 2")
        assert output == ["hidden: Password: ", "shown: Code: ", "shown: Code: ", "authenticate: SYSTEM_ERR"]
        assert fake.asked() == ["BeginLogin", "Answer", "Answer", "BeginLogin", *["Answer"] * 3]

    def test_an_answer_never_goes_to_another_question(self, fake, log) -> None:
        """A password must not be sent as something that may be shown or stored."""
        fake.start(BEGIN, reply("BeginLogin", f"s={SECOND_LOGIN}", *CODE_PROMPT), error("Answer", "NoSuchLogin"))
        output = drive("start driver alice", "authenticate", "answer right")
        assert output == ["hidden: Password: ", "authenticate: SYSTEM_ERR"]
        assert fake.calls()[-1] == f"CancelLogin {SECOND_LOGIN}"
        assert log() == ["auth): refused alice: an expired login asks something else now"]

    def test_refused_at_the_second_time(self, fake) -> None:
        fake.start(BEGIN, error("BeginLogin", "NotAllowed"), error("Answer", "NoSuchLogin"))
        output = drive("start driver alice", "authenticate", "answer right")
        assert result(output, "authenticate") == "PERM_DENIED"
        assert fake.asked() == ["BeginLogin", "Answer", "BeginLogin"]


class TestStacks:
    """Passwords that other modules have asked for, and other modules after ours."""

    def test_try_first_pass(self, fake) -> None:
        for argument in "", "try_first_pass", "use_first_pass":
            stack = f"auth optional pam_unix.so\nauth required pam_kratos.so {argument}\n"
            pam.pam_service("second", stack)
            fake.start()
            output = drive("start second alice", "authenticate", "answer right")
            assert output[0] == "hidden: Password: " and output[-1] == "authenticate: SUCCESS", argument
            assert fake.calls()[2] == answered("right")

    def test_use_first_pass_never_asks(self, fake, log) -> None:
        pam.pam_service("driver", "auth required pam_kratos.so use_first_pass\n")
        fake.start()
        output = drive("start driver alice", "authenticate")
        assert output == ["delay: about 2 s", "authenticate: AUTH_ERR"]
        assert fake.calls()[2:] == [f"CancelLogin {LOGIN}"]
        assert log() == ["auth): refused alice: no earlier module has asked for the password"]

    def test_our_password_is_there_for_the_next_module(self, fake) -> None:
        pam.pam_service("first", "auth required pam_kratos.so\nauth optional pam_unix.so\n")
        fake.start()
        output = drive("start first alice", "authenticate", "answer right")
        assert [line for line in output if "hidden" in line] == ["hidden: Password: "]


class TestOptions:
    @pytest.mark.parametrize("argument", ["login-id=evn", "debug", "try-first-pass", "login-id", "x=y"])
    @pytest.mark.parametrize("phase", ["auth", "account", "session"])
    def test_unknown_arguments_refuse_our_users(self, fake, log, phase: str, argument: str) -> None:
        lines = [f"{name} [default=ok] pam_kratos.so" for name in ("auth", "account", "session")]
        text = "".join(f"{line} {argument if phase in line else ''}\n" for line in lines)
        pam.pam_service("driver", text)
        fake.start()
        output = drive("start driver alice", "authenticate", "answer right", "acct_mgmt", "open_session")
        call = {"auth": "authenticate", "account": "acct_mgmt", "session": "open_session"}[phase]
        assert result(output, call) == "SYSTEM_ERR"
        assert log() == [f"{phase}): refused alice: unknown argument in the profile: {argument}"]
        assert "CancelLogin" in fake.asked()
        assert "OpenSession" not in fake.asked() or phase == "account"

    def test_unknown_arguments_refuse_nobody_else(self, fake, log) -> None:
        text = "auth [default=ok] pam_kratos.so debug\naccount [default=ok] pam_kratos.so debug\n"
        pam.pam_service("driver", text)
        fake.start(error("BeginLogin", "UnknownUser"), error("CheckAccount", "UnknownUser"))
        for user in "root", "lokal", "nobody-here":
            output = drive(f"start driver {user}", "authenticate", "acct_mgmt")
            assert output == ["authenticate: USER_UNKNOWN", "acct_mgmt: USER_UNKNOWN"]
        assert log() == []


class TestContext:
    BAD = ["x" * 65, "a\tb", "ü", "a\x7f"]

    @pytest.mark.parametrize("item", ["tty", "rhost", "ruser"])
    @pytest.mark.parametrize("value", BAD)
    def test_rule_29_items_that_are_not_printable(self, fake, log, item: str, value: str) -> None:
        fake.start()
        output = drive("start driver alice", f"set {item} {value}", "authenticate", "acct_mgmt")
        assert output == ["authenticate: SYSTEM_ERR", "acct_mgmt: SYSTEM_ERR"]
        assert not [line for line in fake.calls() if f"{item}=" in line]
        assert fake.asked() == ["BeginLogin", "CancelLogin", "CheckAccount"]
        wanted = f"refused alice: PAM_{item.upper()} is not printable ASCII of at most 64 bytes"
        assert log() == [f"auth): {wanted}", f"account): {wanted}"]

    def test_rule_29_they_refuse_nobody_else(self, fake) -> None:
        fake.start(error("BeginLogin", "UnknownUser"))
        output = drive("start driver nobody-here", f"set rhost {'x' * 65}", "authenticate")
        assert output == ["authenticate: USER_UNKNOWN"]


class TestAccount:
    def test_message_is_shown(self, fake) -> None:
        fake.start(reply("CheckAccount", "s=ok", "s=Mind the gap %s"))
        assert drive("start driver alice", "acct_mgmt") == ["info: Mind the gap %s", "acct_mgmt: SUCCESS"]
        assert drive("start driver alice", "acct_mgmt silent") == ["acct_mgmt: SUCCESS"]

    def test_expired_password(self, fake) -> None:
        fake.start(reply("CheckAccount", "s=password-expired", "s=Too old"))
        output = drive("start driver alice", "acct_mgmt", "acct_mgmt silent")
        assert output == [
            "error: Too old",
            "acct_mgmt: NEW_AUTHTOK_REQD",
            "acct_mgmt: NEW_AUTHTOK_REQD",
        ]

    @pytest.mark.parametrize(
        ("name", "code"),
        [
            ("NotAllowed", "PERM_DENIED"),
            ("AccountDisabled", "ACCT_EXPIRED"),
            ("Unavailable", "AUTHINFO_UNAVAIL"),
            ("UnknownUser", "SYSTEM_ERR"),
            ("Failed", "SYSTEM_ERR"),
        ],
    )
    def test_rule_5_denials(self, fake, log, name: str, code: str) -> None:
        """Who can do something about it is told why."""
        fake.start(error("CheckAccount", name, "so it is"))
        told = [] if code == "SYSTEM_ERR" else ["error: so it is"]
        assert drive("start driver alice", "acct_mgmt") == [*told, f"acct_mgmt: {code}"]
        assert log() == [f"account): refused alice: {name} (so it is)"]


class TestSession:
    @pytest.mark.parametrize(
        ("name", "code"),
        [
            ("NoSuchLogin", "SYSTEM_ERR"),
            ("Unavailable", "AUTHINFO_UNAVAIL"),
            ("UnknownUser", "SYSTEM_ERR"),
            ("NotAllowed", "PERM_DENIED"),
        ],
    )
    @pytest.mark.parametrize("user", ["alice", "bob"])
    def test_rule_3_a_session_that_cannot_be_opened(self, fake, log, user: str, name: str, code: str) -> None:
        """Not even bob's fallback passes it on."""
        fake.start(error("OpenSession", name))
        output = drive(f"start driver {user}", "authenticate", "answer right", "open_session", "fifos")
        assert output[2:] == [f"open_session: {code}", "fifos: 0"]
        assert log() == [f"session): refused {user}: {name}"]

    @pytest.mark.parametrize("name", ["UnknownUser", "Unavailable", "NoSuchLogin"])
    def test_rule_3_nor_with_an_id_from_another_process(self, fake, name: str) -> None:
        """Whoever has been granted a login is ours, though this process knows nothing else of them."""
        fake.start(error("OpenSession", name))
        output = drive("start driver karl", f"putenv KRATOS_LOGIN_ID={LOGIN}", "open_session")
        assert result(output, "open_session") in ("SYSTEM_ERR", "AUTHINFO_UNAVAIL")

    def test_a_failing_close_is_a_close(self, fake, log) -> None:
        fake.start(error("CloseSession", "Failed"))
        output = drive("start driver alice", "authenticate", "answer right", "open_session", "fifos", "close_session", "fifos")
        assert output[2:] == ["open_session: SUCCESS", "fifos: 1", "close_session: SUCCESS", "fifos: 0"]
        assert log() == []

    def test_rule_27_the_id_goes_through_the_environment(self, fake) -> None:
        pam.pam_service("driver", "auth required pam_kratos.so login-id=env\nsession required pam_kratos.so\n")
        fake.start()
        output = drive(
            "start driver alice", "authenticate", "answer right", "environment", "open_session", "environment"
        )
        assert output[2:] == [f"environment: KRATOS_LOGIN_ID={LOGIN}", "open_session: SUCCESS"]
        assert fake.calls()[-1].startswith(f"OpenSession alice {LOGIN}")

    def test_not_without_being_told_so(self, fake) -> None:
        fake.start()
        output = drive("start driver alice", "authenticate", "answer right", "environment")
        assert output == ["hidden: Password: ", "authenticate: SUCCESS"]

    def test_rule_27_another_process_opens_it(self, fake) -> None:
        """As sshd does: nothing but the environment comes back from the process that asked."""
        fake.start()
        lines = "acct_mgmt", "setcred", "open_session", "environment", "fifos", "close_session", "fifos"
        output = drive("start driver alice", f"putenv KRATOS_LOGIN_ID={LOGIN}", *lines)
        assert output == [
            "acct_mgmt: SUCCESS", "setcred: SUCCESS", "open_session: SUCCESS", "fifos: 1",
            "close_session: SUCCESS", "fifos: 0",
        ]  # fmt: skip

    @pytest.mark.parametrize("user", ["alice", "root", "lokal", "nobody-here"])
    def test_rule_27_the_id_is_removed_for_everybody(self, fake, user: str) -> None:
        fake.start(error("OpenSession", "NoSuchLogin"))
        output = drive(
            f"start driver {user}", f"putenv KRATOS_LOGIN_ID={LOGIN}", "putenv X=1", "open_session", "environment"
        )
        ours = user in ("alice", "nobody-here")
        assert output == [f"open_session: {'SYSTEM_ERR' if ours else 'IGNORE'}", "environment: X=1"]
        assert ("OpenSession" in fake.asked()) == ours

    @pytest.mark.parametrize("value", ["", "1" * 31, "1" * 33, "1" * 64, "G" * 32, "../" + "1" * 29])
    def test_an_id_that_is_none(self, fake, log, value: str) -> None:
        fake.start()
        output = drive("start driver alice", f"putenv KRATOS_LOGIN_ID={value}", "open_session", "environment")
        if value:
            assert output == ["open_session: SYSTEM_ERR"]
            assert log() == ["session): refused alice: KRATOS_LOGIN_ID holds no login id"]
        else:
            assert output == ["open_session: SUCCESS"]
        assert fake.asked() == []


class TestFallback:
    """bob's line in local-users says so: while no verdict can be had, the next module decides."""

    @pytest.mark.parametrize("method", ["BeginLogin", "Answer"])
    def test_rule_36_unavailable_passes_on(self, fake, log, method: str) -> None:
        fake.start(error(method, "Unavailable"))
        output = drive("start driver bob", "authenticate", "answer right")
        assert result(output, "authenticate") == "USER_UNKNOWN"
        passed = "no verdict on bob: the next module decides, as /etc/kratosd/local-users says"
        assert log() == [f"auth): {passed}"]

    @pytest.mark.parametrize(
        "name", ["UnknownUser", "BadCredentials", "NotAllowed", "Failed", "NoSuchLogin", "Throttled"]
    )
    @pytest.mark.parametrize("method", ["BeginLogin", "Answer", "CheckAccount"])
    def test_rule_36_nothing_else_does(self, fake, method: str, name: str) -> None:
        fake.start(error(method, name))
        output = drive("start driver bob", "authenticate", "answer right", "acct_mgmt")
        call = "acct_mgmt" if method == "CheckAccount" else "authenticate"
        assert result(output, call) not in ("SUCCESS", "IGNORE", "USER_UNKNOWN")

    def test_no_daemon(self, bus, log) -> None:
        output = drive("start driver bob", "authenticate", "acct_mgmt", "setcred", "open_session")
        assert output == [
            "authenticate: USER_UNKNOWN", "acct_mgmt: USER_UNKNOWN", "setcred: SUCCESS",
            "open_session: SUCCESS",
        ]  # fmt: skip
        assert len(log()) == 2

    def test_a_granted_login_keeps_its_verdict(self, fake) -> None:
        fake.start(ACCOUNT_OK)
        assert drive(*login("bob")) == WHOLE
