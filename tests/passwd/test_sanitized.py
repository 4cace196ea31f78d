"""The same, with a module that ASan and UBSan watch: a finding is on passwd's terminal, and fails the test."""

from pathlib import Path

import pytest
from changing import CURRENT, Passwd

# The tests of those files become tests of this one.
from test_keyring import *  # noqa: F403
from test_keyring import _fresh, _module  # noqa: F401
from test_passwd import *  # noqa: F403
from test_passwd import TestOthers as _Others

# Of other programs than passwd and pamtester.
del test_never_through_the_environment, test_sshd_cannot_carry_it  # noqa: F821

pytestmark = pytest.mark.sanitized(module=True)


class TestOthers(_Others):
    """Without those in which pam_unix hashes a password: ASan looks for crypt() before there is one."""

    test_a_local_user_is_untouched = None
    test_rule_23_root_changes_a_local_user = None
    test_root_sets_the_local_one_of_a_fallback = None


def test_passwd_is_watched(daemon, kratos, alice) -> None:
    passwd = Passwd().asked(CURRENT)
    assert "libclang_rt.asan" in Path(f"/proc/{passwd.pid}/maps").read_text()
    passwd.kill()
