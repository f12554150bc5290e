"""`docs/rules.md` answers every rule, and every test that it names is there."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "rules.md"
IDS = ROOT / "tests" / "data" / "rule_ids.txt"
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
OTHER_ANSWERS = ("Choice: ", "Out of scope: ")
SHORTEST_ANSWER = 10  # characters behind “Choice:” or “Out of scope:”


def listed() -> list[str]:
    lines = IDS.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def rows() -> Iterator[tuple[str, str, str]]:
    """Id, rule and answer of each line of the page's tables."""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and re.fullmatch(r"[A-Z]+-\d+", cells[0]):
            rule, rest, *more = cells[1:]
            assert not more, f"{cells[0]} has more than three columns"
            yield cells[0], rule, rest


ANSWERS = {rule_id: (rule, answer) for rule_id, rule, answer in rows()}


@cache
def names_in(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def is_there(file: str, name: str) -> bool:
    return (ROOT / file).is_file() and name in names_in(file) and name.startswith("test_")


def has_answer(answer: str) -> bool:
    told = [answer.split(kind, 1)[1] for kind in OTHER_ANSWERS if kind in answer]
    return bool(NAMED.search(answer) or told) and all(len(why) >= SHORTEST_ANSWER for why in told)


def test_every_rule_has_one_line_and_no_line_is_of_no_rule() -> None:
    ids = listed()
    assert len(ids) == len(set(ids)) > 140
    assert Counter(rule_id for rule_id, _, _ in rows()) == Counter(ids)


@pytest.mark.parametrize("rule_id", sorted(ANSWERS))
def test_a_line_says_the_rule_and_what_holds_it(rule_id: str) -> None:
    rule, answer = ANSWERS[rule_id]
    assert len(rule) >= SHORTEST_ANSWER
    assert has_answer(answer), "it has neither a test, nor a choice, nor “out of scope”"
    assert [f"{file}::{name}" for file, name in NAMED.findall(answer) if not is_there(file, name)] == []
    assert answer.count("::") == len(NAMED.findall(answer)), "a test is not named as `tests/file.py::test_name`"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("`tests/test_gate.py::test_the_gate_is_one_query`", True),
        ("Choice: the strict reading of both.", True),
        ("Out of scope: ", False),
        ("Held.", False),
        ("", False),
    ],
)
def test_an_answer_is_told_from_none(answer: str, expected: bool) -> None:
    assert has_answer(answer) is expected


@pytest.mark.parametrize(
    ("file", "name", "expected"),
    [
        ("tests/test_gate.py", "test_the_gate_is_one_query", True),
        ("tests/test_gate.py", "test_that_nobody_wrote", False),
        ("tests/test_gone.py", "test_the_gate_is_one_query", False),
        ("tests/test_gate.py", "ask", False),
    ],
)
def test_a_test_that_is_gone_is_noticed(file: str, name: str, expected: bool) -> None:
    assert is_there(file, name) is expected
