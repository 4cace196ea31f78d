"""Programs that use one PAM handle in every way there is: for several users, in an odd order, twice,
from threads, with forked children, or without an end.
"""

import os
import signal

import pytest
from driving import (
    BEGIN, GRANTED, LOGIN, PASSWORD_PROMPT, SECOND_LOGIN, SESSION, UNAVAILABLE, WHOLE, Driver, drive,
    error, login, reply, result,
)  # fmt: skip

from world import pam
from world.paths import LOCAL_USERS
from world.processes import environment, open_files, wait_until

SECOND_BEGIN = reply("BeginLogin", f"s={SECOND_LOGIN}", *PASSWORD_PROMPT)
SECOND_SESSION = "6" * 32
SECOND_OPENED = reply("OpenSession", f"s={SECOND_SESSION}", "h=fifo")
OPENED = reply("OpenSession", f"s={SESSION}", "h=fifo")
WITH_ENVIRONMENT = "".join(
    f"{phase} [default=ok] pam_kratos.so login-id=env\n" for phase in ("auth", "account", "session")
)
START = ("start driver alice", "authenticate", "answer right")


class TestNotOurs:
    @pytest.mark.parametrize("user", ["root", "lokal", "kratosd", "Alice", "a:b", "x" * 40, "", "-alice"])
    def test_rule_23_the_bus_is_never_touched(self, fake, log, user: str) -> None:
        """Nor is anything logged, or loaded that they would pay for."""
        fake.start()
        output = drive(
            f"start driver {user}", "authenticate", "acct_mgmt", "setcred", "open_session",
            "close_session", "setcred delete", "libraries", "end",
        )  # fmt: skip
        if user != "":
            assert output == [
                "authenticate: USER_UNKNOWN", "acct_mgmt: USER_UNKNOWN", "setcred: PERM_DENIED",
                "open_session: IGNORE", "close_session: IGNORE", "setcred: PERM_DENIED",
                "libraries: pam_kratos.so",
            ]  # fmt: skip
        assert fake.asked() == [] and log() == []

    def test_setcred_and_session_alone_are_ignored(self, fake) -> None:
        for user in "root", "lokal", "nobody-here":
            output = drive(f"start driver {user}", "setcred", "open_session", "close_session", "libraries")
            assert output[0] == "setcred: IGNORE"
            assert output[1] == "open_session: IGNORE"
            assert output[3] == "libraries: pam_kratos.so"

    def test_rule_23_a_stack_that_jumps_over_a_line_closes_well(self, fake) -> None:
        """As Debian's does, where libpam makes the way of the opening that of the closing."""
        jump = "session [success=ok ignore=1 default=die] pam_kratos.so"
        pam.pam_service("driver", f"session required pam_permit.so\n{jump}\n" + "session optional pam_permit.so\n" * 2)
        output = drive("start driver lokal", "open_session", "close_session")
        assert output == ["open_session: SUCCESS", "close_session: SUCCESS"]

    def test_setcred_by_what_another_process_was_granted(self, fake) -> None:
        """The login id in the environment says whose somebody is, but nobody local."""
        granted = f"putenv KRATOS_LOGIN_ID={LOGIN}"
        assert drive("start driver karl", granted, "setcred") == ["setcred: SUCCESS"]
        for user in "root", "lokal":
            assert drive(f"start driver {user}", granted, "setcred") == ["setcred: IGNORE"]

    def test_the_files_are_read_again_for_each_login(self, fake) -> None:
        """Within one login, whoever was found to be merely local stays so."""
        fake.start()
        driver = Driver().send("start driver lokal", "authenticate").expect("authenticate: USER_UNKNOWN")
        LOCAL_USERS.write_text("lokal -\n")
        driver.send("acct_mgmt", "setcred").expect("acct_mgmt: USER_UNKNOWN").expect("setcred: PERM_DENIED")
        output = driver.send("authenticate", "answer right", "acct_mgmt", "open_session", "fifos").finish()
        assert output == [*WHOLE[:3], "open_session: SUCCESS", "fifos: 1"]

    def test_rule_37_nobody_with_uid_0_is_ours(self, fake) -> None:
        with open("/etc/passwd", "a") as passwd:
            passwd.write("toor:x:0:0::/root:/bin/sh\n")
        LOCAL_USERS.write_text("root -\ntoor -\n")
        fake.start()
        for user in "root", "toor":
            output = drive(f"start driver {user}", "authenticate", "acct_mgmt", "open_session")
            assert output == ["authenticate: USER_UNKNOWN", "acct_mgmt: USER_UNKNOWN", "open_session: IGNORE"]
        assert fake.asked() == []


class TestAbsent:
    """People who are not in the local passwd file: the daemon must say whose they are."""

    def test_ours(self, fake) -> None:
        fake.start()
        assert drive(*login("karl")) == WHOLE

    def test_ours_after_a_public_key(self, fake) -> None:
        """The account phase has found out, and setcred and the session phase go by that."""
        fake.start()
        output = drive("start driver karl", "acct_mgmt", "setcred", "open_session", "close_session")
        assert output == [
            "acct_mgmt: SUCCESS", "setcred: SUCCESS", "open_session: SUCCESS", "close_session: SUCCESS",
        ]  # fmt: skip
        assert fake.asked() == ["CheckAccount"]

    def test_not_ours(self, fake, log) -> None:
        fake.start(error("BeginLogin", "UnknownUser"), error("CheckAccount", "UnknownUser"))
        output = drive("start driver karl", "authenticate", "acct_mgmt", "open_session")
        assert output == ["authenticate: USER_UNKNOWN", "acct_mgmt: USER_UNKNOWN", "open_session: IGNORE"]
        assert log() == []

    @pytest.mark.parametrize("name", ["Unavailable", "Failed", "NotAllowed"])
    def test_rule_36_no_other_answer_lets_them_go_on(self, fake, name: str) -> None:
        fake.start(error("BeginLogin", name), error("CheckAccount", name))
        output = drive("start driver karl", "authenticate", "acct_mgmt")
        assert "USER_UNKNOWN" not in str(output) and "SUCCESS" not in str(output)

    def test_rule_36_not_even_once_it_was_theirs_to_say(self, fake) -> None:
        """After a prompt of ours nobody is somebody else's any more."""
        for name in "UnknownUser", "Unavailable":
            fake.start(error("Answer", name))
            output = drive("start driver karl", "authenticate", "answer right")
            assert result(output, "authenticate") in ("SYSTEM_ERR", "AUTHINFO_UNAVAIL")


class TestOrder:
    def test_after_a_public_key(self, fake, log) -> None:
        fake.start()
        output = drive(
            "start driver alice", "acct_mgmt", "setcred", "open_session", "fifos", "close_session",
            "setcred delete", "end",
        )  # fmt: skip
        assert output == [
            "acct_mgmt: SUCCESS", "setcred: SUCCESS", "open_session: SUCCESS", "fifos: 0",
            "close_session: SUCCESS", "setcred: SUCCESS",
        ]  # fmt: skip
        assert fake.asked() == ["CheckAccount"] and log() == []

    @pytest.mark.parametrize("call", ["setcred", "setcred refresh", "setcred delete", "close_session"])
    def test_first_of_all(self, fake, call: str) -> None:
        fake.start()
        output = drive("start driver alice", call, "libraries")
        assert output == [f"{call.split()[0]}: SUCCESS", "libraries: pam_kratos.so"]
        assert fake.asked() == []

    def test_opened_and_closed_twice(self, fake) -> None:
        fake.start()
        output = drive(
            *START, "open_session", "fifos", "open_session", "fifos", "close_session", "fifos",
            "close_session", "end",
        )  # fmt: skip
        assert output[2:] == [
            "open_session: SUCCESS", "fifos: 1", "open_session: SUCCESS", "fifos: 1",
            "close_session: SUCCESS", "fifos: 0", "close_session: SUCCESS",
        ]  # fmt: skip
        assert fake.asked() == ["BeginLogin", "Answer", "OpenSession", "CloseSession"]

    def test_rule_27_an_id_is_redeemed_once(self, fake) -> None:
        """Also where the daemon refused it."""
        fake.start(error("OpenSession", "Failed"))
        output = drive(*START, "open_session", "open_session")
        assert output[2:] == ["open_session: SYSTEM_ERR", "open_session: SUCCESS"]
        assert fake.asked().count("OpenSession") == 1

    def test_authenticated_twice(self, fake) -> None:
        """The second login takes the place of the first, which is cancelled."""
        pam.pam_service("driver", WITH_ENVIRONMENT)
        fake.start(BEGIN, SECOND_BEGIN)
        output = drive(*START, "authenticate", "answer right", "environment", "open_session", "fifos")
        assert output[2:] == [
            *WHOLE[:2], f"environment: KRATOS_LOGIN_ID={SECOND_LOGIN}",
            "open_session: SUCCESS", "fifos: 1",
        ]  # fmt: skip
        assert [line for line in fake.calls() if LOGIN in line or SECOND_LOGIN in line] == [
            f"Answer {LOGIN} secret=right size=5 sealed",
            f"CancelLogin {LOGIN}",
            f"Answer {SECOND_LOGIN} secret=right size=5 sealed",
            f"OpenSession alice {SECOND_LOGIN} purpose=login service=driver",
        ]

    def test_a_second_session_takes_the_place_of_the_first(self, fake) -> None:
        fake.start(BEGIN, SECOND_BEGIN, OPENED, SECOND_OPENED)
        output = drive(*START, "open_session", *START[1:], "open_session", "fifos", "close_session", "fifos")
        assert output[-3:] == ["fifos: 1", "close_session: SUCCESS", "fifos: 0"]
        assert fake.calls()[-1] == f"CloseSession {SECOND_SESSION}"

    def test_refused_after_granted(self, fake) -> None:
        """What the first attempt was granted is gone: nothing is left to open."""
        pam.pam_service("driver", WITH_ENVIRONMENT)
        fake.start(GRANTED, error("Answer", "BadCredentials"))
        output = drive(*START, *START[1:], "environment", "open_session", "fifos")
        assert output[-3:] == ["authenticate: AUTH_ERR", "open_session: SUCCESS", "fifos: 0"]
        assert fake.asked().count("CancelLogin") == 1 and "OpenSession" not in fake.asked()

    def test_unlisted_meanwhile(self, fake) -> None:
        """Whoever was let in as ours goes on as ours, and can be refused by us."""
        fake.start(error("CheckAccount", "AccountDisabled"))
        driver = Driver().send(*START).expect("hidden: Password: ").expect("authenticate: SUCCESS")
        LOCAL_USERS.write_text("")
        output = driver.send("acct_mgmt", "setcred", "open_session", "close_session").finish()
        assert output == [
            "acct_mgmt: ACCT_EXPIRED", "setcred: SUCCESS", "open_session: SUCCESS", "close_session: SUCCESS",
        ]  # fmt: skip
        assert fake.asked()[-1] == "CancelLogin"


class TestSeveralUsers:
    @pytest.mark.parametrize("then", ["setcred reinitialize", "acct_mgmt", "open_session", "close_session"])
    @pytest.mark.parametrize("other", ["root", "lokal", "bob"])
    def test_rule_2_a_verdict_never_carries_over(self, fake, log, other: str, then: str) -> None:
        """As sudo does, which authenticates alice and opens root's session."""
        pam.pam_service("driver", WITH_ENVIRONMENT)
        fake.start()
        output = drive(*START, f"set user {other}", then, "environment", "open_session", "fifos")
        assert fake.calls().count(f"CancelLogin {LOGIN}") == 1
        assert "OpenSession" not in fake.asked()
        assert result(output, "open_session") == ("SUCCESS" if other == "bob" else "IGNORE")
        assert not [line for line in output if "environment" in line]
        assert output[-1] == "fifos: 0" and log() == []

    def test_rule_2_nor_back_again(self, fake) -> None:
        fake.start()
        output = drive(*START, "set user root", "setcred", "set user alice", "open_session", "fifos")
        assert output[-2:] == ["open_session: SUCCESS", "fifos: 0"]
        assert fake.asked() == ["BeginLogin", "Answer", "CancelLogin"]

    def test_rule_2_another_service(self, fake) -> None:
        pam.pam_service("other", pam.ONLY_US)
        fake.start()
        output = drive(*START, "set service other", "open_session", "fifos")
        assert output[-2:] == ["open_session: SUCCESS", "fifos: 0"]
        assert fake.asked() == ["BeginLogin", "Answer", "CancelLogin"]

    def test_first_alice_wrong_then_bob_right(self, fake, log) -> None:
        fake.start(error("Answer", "BadCredentials"), GRANTED)
        output = drive(
            "start driver alice", "authenticate", "answer wrong", "set user bob", "authenticate",
            "answer right", "acct_mgmt", "open_session", "fifos", "close_session", "end",
        )  # fmt: skip
        assert output == [
            WHOLE[0], "delay: about 2 s", "authenticate: AUTH_ERR", *WHOLE[:3], "open_session: SUCCESS",
            "fifos: 1", "close_session: SUCCESS",
        ]  # fmt: skip
        assert fake.calls()[3].startswith("BeginLogin bob ")
        assert log() == ["auth): refused alice: BadCredentials"]

    def test_rule_2_the_user_changes_in_the_midst_of_it(self, fake, log) -> None:
        fake.start()
        for user in "root", "bob":
            output = drive("start driver alice", "authenticate", f"answer-as {user} right", "open_session", "fifos")
            assert result(output, "authenticate") == "SYSTEM_ERR"
            assert result(output, "fifos") == "0"
            assert fake.calls()[-1] == f"CancelLogin {LOGIN}"
        assert log() == ["auth): refused alice: the user changed in the midst of the login"] * 2

    def test_sessions_of_two_users(self, fake) -> None:
        fake.start(BEGIN, SECOND_BEGIN, OPENED, SECOND_OPENED)
        output = drive(
            *START, "open_session", "set user bob", "authenticate", "answer right", "open_session", "fifos",
            "set user alice", "close_session", "fifos", "close_session", "set user bob", "close_session",
            "fifos", "end",
        )  # fmt: skip
        assert [line for line in output if "fifos" in line] == ["fifos: 2", "fifos: 1", "fifos: 0"]
        assert fake.calls()[-2:] == [f"CloseSession {SESSION}", f"CloseSession {SECOND_SESSION}"]


class TestEnd:
    @pytest.mark.parametrize("end", ["end", "end-silent"])
    def test_rule_28_the_lifeline_ends_with_the_handle(self, fake, end: str) -> None:
        """And the daemon is not told: that is what the lifeline is for."""
        fake.start()
        assert drive(*START, "open_session", "fifos", end, "fifos")[-2:] == ["fifos: 1", "fifos: 0"]
        assert fake.asked() == ["BeginLogin", "Answer", "OpenSession"]

    def test_rule_28_a_login_that_is_never_opened(self, fake) -> None:
        fake.start()
        drive(*START, "end")
        assert fake.asked() == ["BeginLogin", "Answer"]

    def test_rule_28_a_child_that_ends_the_handle(self, fake) -> None:
        fake.start()
        lines = "open_session", "fork", "fifos", "end", "fifos", "exit 0", "fifos", "close_session", "fifos", "end"
        output = drive(*START, *lines)
        assert output[3:] == [
            "fifos: 1", "fifos: 0", "child: exit 0", "fifos: 1", "close_session: SUCCESS", "fifos: 0",
        ]  # fmt: skip
        assert fake.asked() == ["BeginLogin", "Answer", "OpenSession", "CloseSession"]

    def test_no_end_at_all(self, fake) -> None:
        fake.start()
        assert drive(*START, "open_session") == [*WHOLE[:2], "open_session: SUCCESS"]

    def test_no_leak_through_exec(self, fake) -> None:
        fake.start()
        driver = Driver().send(*START, "open_session", "fifos")
        for line in *WHOLE[:2], "open_session: SUCCESS", "fifos: 1":
            driver.expect(line)
        lifelines = [path for path in open_files(driver.pid).values() if "fifo-" in path]
        assert len(lifelines) == 1
        assert "KRATOS_LOGIN_ID" not in environment(driver.pid)
        driver.finish()


class TestProcesses:
    def test_a_child_asks_and_the_parent_opens(self, fake) -> None:
        """As sshd does for questions; only what the program itself hands over comes back."""
        pam.pam_service("driver", WITH_ENVIRONMENT)
        fake.start()
        output = drive(
            "start driver alice", "fork", "authenticate", "answer right", "acct_mgmt", "environment", "exit 7",
            f"putenv KRATOS_LOGIN_ID={LOGIN}", "setcred", "open_session", "fifos", "environment",
            "close_session", "end",
        )  # fmt: skip
        assert output == [
            *WHOLE[:3], f"environment: KRATOS_LOGIN_ID={LOGIN}", "child: exit 7", "setcred: SUCCESS",
            "open_session: SUCCESS", "fifos: 1", "close_session: SUCCESS",
        ]  # fmt: skip

    def test_first_the_parent_is_asked_and_then_a_child(self, fake) -> None:
        """As by sshd's AuthenticationMethods password,keyboard-interactive: the later login counts."""
        pam.pam_service("driver", WITH_ENVIRONMENT)
        fake.start(BEGIN, SECOND_BEGIN)
        output = drive(
            *START, "fork", *START[1:], "exit 0", f"putenv KRATOS_LOGIN_ID={SECOND_LOGIN}", "open_session",
            "fifos", "environment",
        )  # fmt: skip
        assert output[2:] == [*WHOLE[:2], "child: exit 0", "open_session: SUCCESS", "fifos: 1"]
        assert f"CancelLogin {LOGIN}" in fake.calls()
        assert fake.calls()[-1] == f"OpenSession alice {SECOND_LOGIN} purpose=login service=driver"

    def test_first_a_child_is_asked_and_then_the_parent(self, fake) -> None:
        """And the other way round; what the child was granted is cancelled."""
        pam.pam_service("driver", WITH_ENVIRONMENT)
        fake.start(BEGIN, SECOND_BEGIN)
        output = drive(
            "start driver alice", "fork", *START[1:], "exit 0", f"putenv KRATOS_LOGIN_ID={LOGIN}",
            *START[1:], "environment", "open_session",
        )  # fmt: skip
        assert output[-2:] == [f"environment: KRATOS_LOGIN_ID={SECOND_LOGIN}", "open_session: SUCCESS"]
        assert fake.calls().count(f"CancelLogin {LOGIN}") == 1
        assert fake.calls()[-1] == f"OpenSession alice {SECOND_LOGIN} purpose=login service=driver"

    def test_a_child_that_exits_at_the_prompt(self, fake) -> None:
        fake.start()
        output = drive("start driver alice", "fork", "authenticate", "answer-exit 3", "authenticate", "answer right")
        assert output == [WHOLE[0], "child: exit 3", *WHOLE[:2]]

    def test_killed_at_the_prompt(self, fake) -> None:
        fake.start()
        output = drive("start driver alice", "authenticate", "answer-kill")
        assert output == ["hidden: Password: ", f"ended: {-signal.SIGKILL}"]

    def test_killed_while_the_daemon_answers(self, fake) -> None:
        fake.start("Answer\thang")
        driver = Driver().send(*START)
        driver.expect("hidden: Password: ")
        wait_until(lambda: "Answer" in fake.asked(), "the answer is on its way")
        os.kill(driver.pid, signal.SIGKILL)
        assert driver.finish() == [] and driver.process.returncode == -signal.SIGKILL

    def test_a_parent_and_a_child_both_log_in(self, fake) -> None:
        fake.start()
        lines = ["authenticate", "answer right", "acct_mgmt", "open_session", "close_session"]
        output = drive("start driver alice", "acct_mgmt", "fork", *lines, "end", "exit 0", *lines, "end")
        whole = WHOLE[:3] + WHOLE[4:6]
        assert output == ["acct_mgmt: SUCCESS", *whole, "child: exit 0", *whole]

    def test_threads(self, fake) -> None:
        fake.start()
        assert drive("threads 16") == ["thread: SUCCESS"] * 16
        assert fake.asked().count("CloseSession") == 16

    def test_privileges_dropped_in_between(self, fake) -> None:
        """As systemd's (sd-pam) does: the lifeline tells the daemon, and nobody else is asked to."""
        fake.start()
        output = drive(*START, "open_session", "seteuid 2001", "close_session", "fifos", "end")
        assert output[-2:] == ["close_session: SUCCESS", "fifos: 0"]
        assert fake.asked()[-1] == "OpenSession"


class TestLocker:
    """Programs that run as the user: they ask, and open nothing."""

    def test_rule_38_never_a_session(self, fake, log) -> None:
        pam.pam_service("driver", WITH_ENVIRONMENT)
        fake.start(names=("org.kratosd1.User",))
        lines = "acct_mgmt", "setcred", "open_session", "fifos", "close_session", "end"
        output = drive(*START, "environment", *lines, user=2001)
        assert output == [*WHOLE[:5], "fifos: 0", "close_session: SUCCESS"]
        assert fake.calls()[1:] == [
            "BeginLogin alice purpose=unlock service=driver",
            f"Answer {LOGIN} secret=right size=5 by socket",
            "CheckAccount alice purpose=unlock service=driver",
        ]
        assert log() == []

    def test_rule_38_nor_with_an_id_of_somebody(self, fake) -> None:
        fake.start()
        output = drive(
            "start driver alice", f"putenv KRATOS_LOGIN_ID={LOGIN}", "open_session", "environment", user=2001
        )
        assert output == ["open_session: SUCCESS"]
        assert fake.asked() == []

    def test_rule_38_nor_a_cancelling(self, fake) -> None:
        fake.start()
        granted = f"putenv KRATOS_LOGIN_ID={SECOND_LOGIN}"
        assert drive("start driver alice", granted, *START[1:], "environment", user=2001) == WHOLE[:2]
        assert fake.asked() == ["BeginLogin", "Answer"]

    def test_the_locker_asks_the_user_interface(self, fake) -> None:
        """The Manager is for root, and its name is not even looked for."""
        fake.start(names=("org.kratosd1",))
        output = drive("start driver alice", "authenticate", user=2001)
        assert output == UNAVAILABLE
        fake.start(names=("org.kratosd1.User",))
        assert drive("start driver alice", "authenticate") == UNAVAILABLE

    def test_setcred_without_authentication(self, fake) -> None:
        fake.start()
        assert drive("start driver alice", "setcred refresh", user=2001) == ["setcred: SUCCESS"]
        assert fake.asked() == []
