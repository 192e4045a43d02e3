"""The language of formulas: what it means, what it refuses, and where."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.recipes.expressions import (
    FUNCTIONS,
    ExpressionError,
    check_types,
    columns_of,
    evaluate,
    parse,
)

COLUMNS = {
    "a": np.array([1.0, 2.0, np.nan]),
    "b": np.array([0.0, 4.0, 5.0]),
    "word": np.array(["Yes", "no", ""], dtype=object),
    "a b": np.array([7.0, 8.0, 9.0]),
    "größe": np.array([1.0, 1.0, 1.0]),
}
KINDS = {name: "text" if name == "word" else "number" for name in COLUMNS} | {"at": "moment"}
MISSING = None


def value_of(formula: str) -> list[Any]:
    tree = parse(formula)
    check_types(tree, KINDS)
    found = evaluate(tree, COLUMNS, 3).tolist()
    return [None if one == "" or one != one else one for one in found]


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("1 + 2 * 3", [7, 7, 7]),
        ("(1 + 2) * 3", [9, 9, 9]),
        ("10 - 3 - 2", [5, 5, 5]),
        ("7 % 4", [3, 3, 3]),
        ("-7 % 4", [1, 1, 1]),
        ("--2", [2, 2, 2]),
        ("2e3 + .5", [2000.5] * 3),
        ("a + b", [1, 6, MISSING]),
        ("a / b", [MISSING, 0.5, MISSING]),
        ("a % b", [MISSING, 2, MISSING]),
        ("`a b` + größe", [8, 9, 10]),
        ("a < b", [0, 1, MISSING]),
        ("a == b or true", [1, 1, 1]),
        ("a == 1 and false", [0, 0, 0]),
        ("a == 1 and true", [1, 0, MISSING]),
        ("a == 1 or false", [1, 0, MISSING]),
        ("not (a == 1)", [0, 1, MISSING]),
        ("not a == 1", [0, 1, MISSING]),
        ("true and not false", [1, 1, 1]),
        ('word == "Yes"', [1, 0, MISSING]),
        ("word != 'no'", [1, 0, MISSING]),
        ('if(b, "some", word)', ["Yes", "some", "some"]),
        ("if(a > 1, b, -b)", [0, 4, MISSING]),
        ("coalesce(a, b)", [1, 2, 5]),
        ('coalesce(word, "none")', ["Yes", "no", "none"]),
        ("is_missing(a)", [0, 0, 1]),
        ("is_missing(word) + is_missing(a / b)", [1, 0, 2]),  # 1 / 0, then nothing, then both
        ("min(a, b, 3)", [0, 2, 3]),
        ("max(a, b)", [1, 4, 5]),
        ("log(b)", [MISSING, math.log(4), math.log(5)]),
        ("sqrt(-b)", [0, MISSING, MISSING]),
        ("exp(1000)", [MISSING] * 3),
        ("pow(10, 400)", [MISSING] * 3),
        ("round(b / 3)", [0, 1, 2]),
        ("abs(-a) + floor(1.5) + ceil(1.5)", [4, 5, MISSING]),
        ("length(word)", [3, 2, MISSING]),
        ("lower(word)", ["yes", "no", MISSING]),
        ('contains(upper(word), "E")', [1, 0, MISSING]),
        ("starts_with(trim(word), 'n')", [0, 1, MISSING]),
        ("log1p(0)", [0, 0, 0]),
    ],
)
def test_a_formula_means_what_it_says(formula: str, expected: list[Any]) -> None:
    assert value_of(formula) == expected


@pytest.mark.parametrize(
    ("formula", "said", "position"),
    [
        ("", "empty", 1),
        ("   ", "empty", 1),
        ("1 +", "missing at the end", 4),
        ("1 2", "'2' was not expected", 3),
        ("a = 1", "write ==", 3),
        ("a < b < 3", "not chained", 7),
        ("(a", "')' was expected", 3),
        ("a)", "not expected", 2),
        ("min()", "takes 1 or more", 1),
        ("abs(1, 2)", "takes 1 argument", 1),
        ("sqr(2)", "did you mean sqrt", 1),
        ("exec('x')", "no function 'exec'", 1),
        ("__import__('os')", "no function", 1),
        ("a.b", "'.'", 2),
        ("a[0]", "'['", 2),
        ("a; b", "';'", 2),
        ("lambda: 1", "':'", 7),
        ("'open", "never closed", 1),
        ("x''", "not expected", 2),
        ("1e999", "too large", 1),
        ("and", "'and' was not expected", 1),
        ("f(", "no function", 1),
        ("min(1", "')' was expected, but the formula ends", 6),
        ("a == ''", "is_missing", 6),
    ],
)
def test_what_is_no_formula_is_refused_with_its_place(
    formula: str, said: str, position: int
) -> None:
    with pytest.raises(ExpressionError, match=f"character {position}\\)") as refused:
        parse(formula)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("c + 1", "no column 'c'"),
        ("grösse", "did you mean 'größe'"),
        ("word + 1", "needs a number"),
        ("-word", "needs a number"),
        ("word < 'x'", "needs a number"),
        ("word == 1", "text is compared with number"),
        ("if(a, 1, 'x')", "argument 3 of if must be number"),
        ("abs(word)", "argument 1 of abs"),
        ("length(a)", "must be text"),
        ("min(1, word)", "argument 2 of min"),
        ("at", "date_parts"),
    ],
)
def test_types_are_checked_before_anything_is_computed(formula: str, said: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        check_types(parse(formula), KINDS)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("(" * 33 + "1" + ")" * 33, "levels deep"),
        ("-" * 33 + "1", "levels deep"),
        ("not " * 33 + "1", "levels deep"),
        ("abs(" * 33 + "1" + ")" * 33, "levels deep"),
        ("(" * 1000, "levels deep"),
        ("1" + "+1" * 121, "operators"),
        ("1" * 1001, "characters"),
    ],
)
def test_a_formula_has_bounds(formula: str, said: str) -> None:
    with pytest.raises(ExpressionError, match=said):
        parse(formula)


def test_the_deepest_formula_that_is_allowed_can_be_computed() -> None:
    deep = "(" * 32 + "1" + "+1" * 120 + ")" * 32
    check_types(parse(deep), {})
    assert evaluate(parse(deep), {}, 2).tolist() == [121, 121]


def test_columns_are_named_in_their_order() -> None:
    assert columns_of(parse("b + `a b` * b - if(a, 1, 2)")) == ("b", "a b", "a")


def test_no_row_gives_no_value() -> None:
    empty = {name: column[:0] for name, column in COLUMNS.items()}
    for formula in ("a + b", "word == 'x'", "if(a, word, 'x')", "length(word)", "3"):
        assert len(evaluate(parse(formula), empty, 0)) == 0


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(formula: str) -> None:
    try:
        check_types(parse(formula), KINDS)
    except ExpressionError as refused:
        position = refused.position
    else:
        position = 1
    assert 1 <= position <= len(formula) + 1


_NUMBERS = st.one_of(st.just("a"), st.just("b"), st.floats(0, 1e6).map(str))
_FORMULAS = st.recursive(
    _NUMBERS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "%", "<", "and", "or"]), inner).map(
            lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"
        ),
        inner.map(lambda one: f"(not ({one}))"),
        st.tuples(inner, inner, inner).map(lambda parts: f"if({', '.join(parts)})"),
        st.tuples(st.sampled_from(sorted(n for n, f in FUNCTIONS.items() if f.takes == ("number",))), inner).map(
            lambda parts: f"{parts[0]}({parts[1]})"
        ),
    ),
    max_leaves=12,
)  # fmt: skip


@given(_FORMULAS)
def test_no_formula_gives_infinity_and_rows_do_not_know_each_other(formula: str) -> None:
    tree = parse(formula)
    assert check_types(tree, KINDS) == "number"
    together = evaluate(tree, COLUMNS, 3)
    assert not np.isinf(together).any()
    for row in range(3):
        alone = evaluate(tree, {name: c[row : row + 1] for name, c in COLUMNS.items()}, 1)
        np.testing.assert_array_equal(alone, together[row : row + 1])
