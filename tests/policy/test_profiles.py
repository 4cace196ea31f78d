"""The PAM profiles of etc/pam, with pam_debug.so in pam_kratos.so's place: it returns what it is told.
What each result of ours does to the stack, for every result that PAM knows. (rules 3, 5, 23, 36)
"""

import re
import subprocess
from pathlib import Path

import pytest

TREE = Path(__file__).resolve().parents[2]
PROFILES = ["sshd", "login", "su", "sudo", "sudo-i"]

# As in libpam's _pam_types.h; the texts are pam_strerror's, which pamtester prints.
CODES = {
    "open_err": "Failed to load module",
    "symbol_err": "Symbol not found",
    "service_err": "Error in service module",
    "system_err": "System error",
    "buf_err": "Memory buffer error",
    "perm_denied": "Permission denied",
    "auth_err": "Authentication failure",
    "cred_insufficient": "Insufficient credentials to access authentication data",
    "authinfo_unavail": "Authentication service cannot retrieve authentication info",
    "user_unknown": "User not known to the underlying authentication module",
    "maxtries": "Have exhausted maximum number of retries for service",
    "new_authtok_reqd": "Authentication token is no longer valid; new one required",
    "acct_expired": "User account has expired",
    "session_err": "Cannot make/remove an entry for the specified session",
    "cred_unavail": "Authentication service cannot retrieve user credentials",
    "cred_expired": "User credentials expired",
    "cred_err": "Failure setting user credentials",
    "no_module_data": "No module specific data is present",
    "conv_err": "Conversation error",
    "authtok_err": "Authentication token manipulation error",
    "authtok_recover_err": "Authentication information cannot be recovered",
    "authtok_lock_busy": "Authentication token lock busy",
    "authtok_disable_aging": "Authentication token aging disabled",
    "try_again": "Failed preliminary check by password service",
    "ignore": "The return value should be ignored by PAM dispatch",
    "abort": "Critical error - immediate abort",
    "authtok_expired": "Authentication token expired",
    "module_unknown": "Module is unknown",
    "bad_item": "Bad item passed to pam_*_item()",
    "conv_again": "Conversation is waiting for event",
    "incomplete": "Application needs to call libpam again",
}

COMMON_AUTH = """\
auth [success=1 default=ignore] pam_debug.so auth={local}
auth requisite pam_deny.so
auth required pam_permit.so
"""
COMMON_ACCOUNT = """\
account [success=1 new_authtok_reqd=done default=ignore] pam_debug.so acct={local}
account requisite pam_deny.so
account required pam_permit.so
"""
COMMON_SESSION = "session required pam_permit.so\n"

# Modules that act on the machine, and have no say in what is tested here.
ASIDE = re.compile(r"pam_(faildelay|selinux|loginuid|motd|mail|limits|env|lastlog|keyinit|group)\.so")


def install(profile: str, ours: str, local: str = "success", module: str = "pam_debug.so") -> str:
    """Writes the service policy-PROFILE, in which ours and the local password file answer as told."""
    folder = Path("/etc/pam.d")
    (folder / "policy-common-auth").write_text(COMMON_AUTH.format(local=local))
    (folder / "policy-common-account").write_text(COMMON_ACCOUNT.format(local=local))
    for name in "policy-common-session", "policy-common-session-noninteractive":
        (folder / name).write_text(COMMON_SESSION)
    (folder / "policy-common-password").write_text("password required pam_deny.so\n")
    lines = []
    for line in (TREE / "etc/pam" / profile).read_text().splitlines():
        line = line.replace("common-", "policy-common-")
        line = re.sub(r"pam_kratos\.so.*", f"{module} {ours}", line)
        if not ASIDE.search(line):
            lines.append(line)
    service = f"policy-{profile}"
    (folder / service).write_text("\n".join(lines) + "\n")
    return service


def run(service: str, *operations: str, as_root: bool = False) -> str:
    """Runs pamtester. Returns "" for success, else the message of the first operation that failed."""
    result = subprocess.run(
        ["pamtester", service, "alice", *operations],
        user=None if as_root else "nobody",
        group=None if as_root else "nogroup",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=20,
    )
    if result.returncode == 0:
        return ""
    return result.stderr.strip().removeprefix("pamtester: ")


@pytest.mark.parametrize("profile", PROFILES)
class TestAuth:
    def test_success_needs_nobody_else(self, profile: str) -> None:
        service = install(profile, "auth=success", local="auth_err")
        assert run(service, "authenticate") == ""

    @pytest.mark.parametrize("local", ["success", "auth_err"])
    def test_rule_23_not_ours_is_left_to_the_others(self, profile: str, local: str) -> None:
        for ours in "auth=user_unknown", "auth=module_unknown":
            service = install(profile, ours, local)
            assert (run(service, "authenticate") == "") == (local == "success"), ours

    def test_rule_23_a_missing_module_keeps_nobody_out(self, profile: str) -> None:
        operations = "authenticate", "setcred", "acct_mgmt", "open_session", "close_session"
        service = install(profile, "", module="pam_absent.so")
        assert run(service, *operations) == ""
        service = install(profile, "", "auth_err", module="pam_absent.so")
        assert run(service, "authenticate") != ""

    def test_rule_36_everything_else_ends_it(self, profile: str) -> None:
        for code, message in CODES.items():
            if code in ("user_unknown", "module_unknown", "ignore"):
                continue
            service = install(profile, f"auth={code}", local="success")
            expected = CODES["perm_denied"] if code == "abort" else message
            assert run(service, "authenticate") in (message, expected), code

    def test_setcred_follows(self, profile: str) -> None:
        for ours, local in ("success", "auth_err"), ("user_unknown", "success"):
            for cred in "success", "ignore":
                service = install(profile, f"auth={ours} cred={cred}", local)
                assert run(service, "authenticate", "setcred") == "", (ours, cred)

    def test_setcred_alone_as_after_a_public_key(self, profile: str) -> None:
        for cred in "success", "ignore":
            service = install(profile, f"cred={cred}")
            assert run(service, "setcred") == "", cred


@pytest.mark.parametrize("profile", PROFILES)
class TestAccount:
    @pytest.mark.parametrize("local", ["success", "acct_expired"])
    def test_success_and_not_ours_leave_the_others_their_say(self, profile: str, local: str) -> None:
        for ours in "success", "user_unknown", "module_unknown":
            service = install(profile, f"acct={ours}", local)
            assert (run(service, "acct_mgmt") == "") == (local == "success"), ours

    def test_rule_5_everything_else_ends_it(self, profile: str) -> None:
        for local in "success", "new_authtok_reqd":
            for code in CODES:
                if code in ("user_unknown", "module_unknown", "new_authtok_reqd"):
                    continue
                service = install(profile, f"acct={code}", local)
                message = run(service, "acct_mgmt")
                expected = {"ignore": "perm_denied", "abort": "perm_denied"}.get(code, code)
                assert message in (CODES[code], CODES[expected]) and message, (code, local)

    def test_an_aged_password_of_kratos_is_told(self, profile: str) -> None:
        service = install(profile, "acct=new_authtok_reqd", local="success")
        assert run(service, "acct_mgmt") == CODES["new_authtok_reqd"]
        service = install(profile, "acct=new_authtok_reqd", local="acct_expired")
        assert run(service, "acct_mgmt") != ""

    def test_an_aged_local_password_is_told(self, profile: str) -> None:
        service = install(profile, "acct=success", local="new_authtok_reqd")
        assert run(service, "acct_mgmt") == CODES["new_authtok_reqd"]


@pytest.mark.parametrize("profile", [*PROFILES, "passwd"])
class TestPassword:
    """The first pass decides whose password it is, and the second is bound by that."""

    @staticmethod
    def change(profile: str, ours: str, local: str, module: str = "pam_debug.so") -> str:
        service = install(profile, ours, module=module)
        line = f"password required pam_debug.so prechauthtok={local} chauthtok={local}\n"
        Path("/etc/pam.d/policy-common-password").write_text(line)
        return run(service, "chauthtok")

    def test_success_needs_nobody_else(self, profile: str) -> None:
        assert self.change(profile, "prechauthtok=success chauthtok=success", "authtok_err") == ""

    def test_rule_3_a_change_that_fails_is_no_success(self, profile: str) -> None:
        """Ours never says "not ours" then: that would hand the change on."""
        for code, text in CODES.items():
            if code not in ("ignore", "incomplete", "user_unknown", "module_unknown"):
                said = self.change(profile, f"prechauthtok=success chauthtok={code}", "success")
                assert said == text, code

    def test_rule_36_everything_else_ends_it(self, profile: str) -> None:
        for code in CODES:
            if code not in ("user_unknown", "module_unknown"):
                assert self.change(profile, f"prechauthtok={code} chauthtok=success", "success"), code

    @pytest.mark.parametrize("local", ["success", "authtok_err"])
    def test_rule_23_not_ours_is_left_to_the_others(self, profile: str, local: str) -> None:
        ours = "prechauthtok=user_unknown chauthtok=user_unknown"
        said = self.change(profile, ours, local)
        assert said == ("" if local == "success" else CODES[local])

    def test_rule_23_a_missing_module_keeps_nobody_out(self, profile: str) -> None:
        assert self.change(profile, "", "success", "pam_absent.so") == ""


@pytest.mark.parametrize("profile", PROFILES)
class TestSession:
    def test_ours_and_not_ours(self, profile: str) -> None:
        for code in "success", "ignore":
            service = install(profile, f"open_session={code} close_session={code}")
            assert run(service, "open_session", "close_session") == "", code

    def test_rule_3_a_session_that_cannot_be_opened_is_refused(self, profile: str) -> None:
        for code in CODES:
            if code in ("ignore", "module_unknown"):
                continue
            service = install(profile, f"open_session={code}")
            assert run(service, "open_session") != "", code


class TestSu:
    def test_root_may_become_anyone_without_kratos(self) -> None:
        service = install("su", "auth=authinfo_unavail acct=authinfo_unavail")
        assert run(service, "authenticate", "setcred", "acct_mgmt", as_root=True) == ""
        assert run(service, "acct_mgmt") == CODES["authinfo_unavail"]

    def test_su_l_includes_it(self) -> None:
        service = install("su", "auth=success acct=success open_session=success", "success")
        Path("/etc/pam.d/policy-su-l").write_text(
            "".join(f"{phase} include {service}\n" for phase in ("auth", "account", "session"))
        )
        assert run("policy-su-l", "authenticate", "acct_mgmt", "open_session", "close_session") == ""
        install("su", "auth=auth_err")
        assert run("policy-su-l", "authenticate") == CODES["auth_err"]
        install("su", "auth=success", "auth_err")
        assert run("policy-su-l", "authenticate", "setcred") == ""


@pytest.mark.parametrize("profile", PROFILES)
def test_ours_comes_before_any_other_verdict(profile: str) -> None:
    """In account nothing that can end the phase with a yes stands before us, in auth nothing that sees
    a password."""
    text = (TREE / "etc/pam" / profile).read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    quiet = r"pam_(nologin|rootok|faildelay|selinux)\.so"
    for phase in "auth", "account", "session":
        stack = [line for line in lines if re.match(rf"{phase}\s|@include common-{phase}", line)]
        ours = [i for i, line in enumerate(stack) if "pam_kratos.so" in line]
        assert len(ours) == 1, phase
        assert all(re.search(quiet, line) for line in stack[: ours[0]]), stack


def test_rule_36_no_other_service_of_debian_asks_for_a_local_password_unnamed() -> None:
    """Each that does has a profile of ours, or includes one, or doc/pam.md says that it stays local."""
    told = (TREE / "doc/pam.md").read_text()
    (local,) = re.findall(r"Services without a profile of ours stay local: (.+?)\. ", told)
    named = set(re.findall(r"`([\w-]+)`", local))
    assert {"chsh", "chfn", "polkit-1", "cron"} <= named
    for path in Path("/etc/pam.d").iterdir():
        text = path.read_text()
        asks = re.search(r"^(@include\s+common-auth|auth\s.*(pam_unix|common-auth))", text, re.M)
        if asks and not path.name.startswith(("policy-", "common-")):
            assert path.name in PROFILES or path.name in named, path.name


def test_only_sshd_hands_the_login_id_on() -> None:
    for profile in PROFILES:
        text = (TREE / "etc/pam" / profile).read_text()
        assert ("login-id=env" in text) == (profile == "sshd"), profile


class TestAbsence:
    """module_unknown is ignored, because a removed package must lock nobody out (rule 23). For rule 36
    that must be root's doing: nobody else may be able to keep our module, and not the local password's,
    from being loaded, as with a limit on memory or on open files before su."""

    SECURITY = next(Path("/lib").glob("*/security/pam_unix.so")).parent

    @pytest.mark.parametrize("profile", PROFILES)
    def test_rule_36_ours_is_loaded_before_the_local_password(self, profile: str) -> None:
        lines = (TREE / "etc/pam" / profile).read_text().splitlines()
        for phase in "auth", "account":
            ours = [n for n, line in enumerate(lines) if re.match(rf"{phase}\b.*pam_kratos\.so", line)]
            common = rf"(@include|{phase}).*common-{phase}"
            local = [n for n, line in enumerate(lines) if re.match(common, line)]
            assert ours and local and max(ours) < min(local), phase

    def needs(self, module: str) -> tuple[set[str], int, int]:
        """The libraries that a module is linked with, its memory, and what of that is written to."""
        path = self.SECURITY / module
        read = ["readelf", "--wide", "--dynamic", "--segments", path]
        text = subprocess.run(read, capture_output=True, text=True, check=True).stdout
        pages = [
            (-(-int(size, 16) // 4096), "W" in flags)
            for size, flags in re.findall(r"LOAD +0x\w+ 0x\w+ 0x\w+ 0x\w+ 0x(\w+) ([RWE ]+?) +0x", text)
        ]
        assert pages
        libraries = set(re.findall(r"\(NEEDED\) +Shared library: \[(.+)\]", text))
        return libraries, sum(n for n, _ in pages), sum(n for n, written in pages if written)

    def test_rule_36_ours_needs_less_than_the_local_password(self) -> None:
        ours, local = self.needs("pam_kratos.so"), self.needs("pam_unix.so")
        assert ours[0] == {"libpam.so.0", "libc.so.6"} and ours[0] < local[0]
        assert ours[1] <= local[1] and ours[2] <= local[2], (ours, local)
