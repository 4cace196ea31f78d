"""The same, with a module that ASan and UBSan watch: a finding is on the program's stderr, and fails
the test.
"""

import pytest

# The tests of those files become tests of this one.
from test_answers import *  # noqa: F403
from test_handle import *  # noqa: F403
from test_login import *  # noqa: F403

# A setuid program takes no sanitizer from its environment.
del TestGranted.test_rule_19_whoever_runs_a_setuid_program_is_no_other  # noqa: F405

pytestmark = pytest.mark.sanitized(module=True)
