"""What a bus or a daemon that fails makes of a module that ASan and UBSan watch: a finding is on the
program's stderr, and fails the test. Of the deadlines, those that leave different things half done.
"""

import pytest

# These become tests of this file.
from test_bus import (  # noqa: F401
    TestAbsent, TestBrokenHosts, TestDies, TestImpostors, elsewhere, open_bus,
)  # fmt: skip
from test_deadlines import (  # noqa: F401
    test_daemon_hangs_at_a_cancelling,
    test_daemon_hangs_at_the_end,
    test_rule_3_bus_is_stopped,
    test_rule_3_bus_stops_while_somebody_types,
    test_rule_3_daemon_hangs,
)

pytestmark = pytest.mark.sanitized(module=True)
