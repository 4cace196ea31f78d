"""The profile for authselect, with pam_debug.so in pam_kratos.so's place and in pam_unix.so's, as test_profiles
does with Debian's. (rules 3, 5, 23, 36)"""

import re
import sys
from pathlib import Path

import pytest
sys.path.insert(0, str(Path(__file__).parent))

from test_profiles import ASIDE, CODES, run  # noqa: E402

TREE = Path(__file__).resolve().parents[2]
FOLDER = TREE / "etc/examples/authselect"
SERVICE = "policy-authselect"
ELSEWHERE = re.compile(r"pam_(pwquality|systemd)\.so")
HOME_MADE = Path("/tmp/policy-home-made")


def everywhere(result: str) -> str:
    """One result in each phase."""
    entries = "auth", "acct", "prechauthtok", "chauthtok", "open_session", "close_session"
    return " ".join(f"{entry}={result}" for entry in entries)


def install(ours: str, local: str = "success", module: str = "pam_debug.so") -> None:
    """As a service of Fedora's has it: sshd, login and su take it in as a substack."""
    lines = []
    for line in (FOLDER / "system-auth").read_text().splitlines():
        line = re.sub(r"\{if not \"[\w-]+\":(\w+)\}", r"\1", line)
        line = re.sub(r"pam_kratos\.so.*", f"{module} {ours}", line)
        line = re.sub(r"pam_unix\.so.*", "pam_debug.so " + everywhere(local), line)
        line = re.sub(r"pam_mkhomedir\.so.*", f"pam_exec.so /usr/bin/touch {HOME_MADE}", line)
        if not ASIDE.search(line) and not ELSEWHERE.search(line):
            lines.append(line)
    folder = Path("/etc/pam.d")
    (folder / "policy-system-auth").write_text("\n".join(lines) + "\n")
    phases = "auth", "account", "password", "session"
    (folder / SERVICE).write_text("".join(f"{phase} substack policy-system-auth\n" for phase in phases))


def test_both_files_are_one() -> None:
    assert (FOLDER / "system-auth").read_text() == (FOLDER / "password-auth").read_text()


def test_it_is_debians_stack() -> None:
    """Each line of ours has the verdicts that the package's profiles have, but for where it leads on success."""
    profiles = "".join(path.read_text() for path in sorted((TREE / "debian").glob("*pam-config")))
    debian = set(re.findall(r"\[success=\w+ ([^]]*)\]\s+pam_kratos\.so", profiles))
    here = set(re.findall(r"\[success=\w+ ([^]]*)\]\s+pam_kratos\.so", (FOLDER / "system-auth").read_text()))
    assert here == debian


class TestAuth:
    def test_success_needs_nobody_else(self) -> None:
        install("auth=success", local="auth_err")
        assert run(SERVICE, "authenticate") == ""

    @pytest.mark.parametrize("local", ["success", "auth_err"])
    def test_rule_23_not_ours_is_left_to_the_others(self, local: str) -> None:
        for ours in "user_unknown", "module_unknown", "ignore":
            install(f"auth={ours}", local)
            assert (run(SERVICE, "authenticate") == "") == (local == "success"), ours

    def test_rule_36_everything_else_ends_it(self) -> None:
        for code in CODES.keys() - {"user_unknown", "module_unknown", "ignore"}:
            install(f"auth={code}")
            assert run(SERVICE, "authenticate") != "", code


class TestAccount:
    def test_rule_5_a_denial_ends_it(self) -> None:
        for code in CODES.keys() - {"user_unknown", "module_unknown", "new_authtok_reqd"}:
            for local in "success", "new_authtok_reqd":
                install(f"acct={code}", local)
                assert run(SERVICE, "acct_mgmt") != "", (code, local)

    def test_rule_23_not_ours_is_left_to_the_others(self) -> None:
        for local in "success", "acct_expired":
            install("acct=user_unknown", local)
            assert (run(SERVICE, "acct_mgmt") == "") == (local == "success")


class TestPassword:
    """Ours comes after pam_unix here, too."""

    def test_local_people_need_nobody_else(self) -> None:
        install(everywhere("perm_denied"))
        assert run(SERVICE, "chauthtok") == ""

    def test_whom_pam_unix_does_not_know_is_left_to_ours(self) -> None:
        install(everywhere("success"), "user_unknown")
        assert run(SERVICE, "chauthtok") == ""

    def test_rule_3_a_change_that_fails_is_no_success(self) -> None:
        for code in CODES.keys() - {"ignore", "incomplete", "user_unknown", "module_unknown"}:
            install(f"prechauthtok=success chauthtok={code}", "user_unknown")
            assert run(SERVICE, "chauthtok") == CODES[code]

    def test_rule_36_everything_else_ends_it(self) -> None:
        for code in CODES:
            install(f"prechauthtok={code} chauthtok=success", "user_unknown")
            assert run(SERVICE, "chauthtok") != "", code


class TestSession:
    @pytest.mark.parametrize("local", ["success", "session_err"])
    def test_homes_are_made_for_ours_alone(self, local: str) -> None:
        """And the line after that counts for everybody."""
        for ours in "success", "ignore":
            HOME_MADE.unlink(missing_ok=True)
            install(everywhere(ours), local)
            assert (run(SERVICE, "open_session", "close_session") == "") == (local == "success"), ours
            assert HOME_MADE.exists() == (ours == "success")

    def test_rule_3_a_session_that_cannot_be_opened_is_refused(self) -> None:
        for code in CODES.keys() - {"ignore", "module_unknown"}:
            install(f"open_session={code}")
            assert run(SERVICE, "open_session") != "", code


def test_rule_23_a_missing_module_keeps_nobody_out() -> None:
    install("", module="pam_absent.so")
    phases = "authenticate", "acct_mgmt", "chauthtok", "open_session", "close_session"
    assert run(SERVICE, *phases) == ""
    for phase in "authenticate", "chauthtok":
        install("", "auth_err", module="pam_absent.so")
        assert run(SERVICE, phase) != "", phase


def test_local_files_come_first() -> None:
    lines = dict(
        line.split(":") for line in (FOLDER / "nsswitch.conf").read_text().splitlines() if line[0] != "#"
    )
    for database in "passwd", "group", "shadow":
        assert re.fullmatch(r" +files( \[SUCCESS=merge\])? systemd", lines[database]), database
