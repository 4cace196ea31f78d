"""Each security rule that the software reaches today has a test which carries its number."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]

RULES = [
    *(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 21, 22, 23, 24, 25, 26, 27, 28, 29),
    *(30, 31, 32, 33, 35, 36, 37, 38, 39, 40, 41, 42, 43),
]


def numbers() -> set[int]:
    """The rules that the names of tests carry: test_rule_04_…, test_rules_21_and_22_…"""
    found: set[int] = set()
    for file in TESTS.rglob("*"):
        if file.suffix not in (".py", ".c"):
            continue
        for name in re.findall(r"(?:def|void) (test_\w*)\(", file.read_text()):
            for part in re.findall(r"rules?((?:_(?:and_)?\d+)+)", name):
                found.update(int(n) for n in re.findall(r"\d+", part))
    return found


@pytest.mark.parametrize("rule", RULES)
def test_a_test_carries_the_number_of_rule(rule: int) -> None:
    assert rule in numbers()
