"""Where the tests of the manual pages find what reads them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
