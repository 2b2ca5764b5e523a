"""Modules and functions stay small enough to be read at one go.

The aim is 200 lines a module and 25 a function; what is asserted is the hard limit.
"""

from __future__ import annotations

import ast

import pytest

from tests.architecture.repository import functions, modules, name

MODULE_AIM, MODULE_LIMIT = 200, 350
FUNCTION_AIM, FUNCTION_LIMIT = 25, 50


def test_no_module_is_longer_than_its_limit() -> None:
    lengths = {name(path): path.read_text(encoding="utf-8").count("\n") for path in modules()}
    assert lengths
    assert {module: length for module, length in lengths.items() if length > MODULE_LIMIT} == {}


def test_no_function_is_longer_than_its_limit() -> None:
    too_long = {
        f"{name(path)}:{function.name}": length
        for path in modules()
        for function in functions(path)
        if (length := (function.end_lineno or 0) - function.lineno + 1) > FUNCTION_LIMIT
    }
    assert too_long == {}


@pytest.mark.parametrize("share", [0.9])
def test_most_of_them_meet_the_aim(share: float) -> None:
    lengths = [path.read_text(encoding="utf-8").count("\n") for path in modules()]
    assert sum(length <= MODULE_AIM for length in lengths) >= share * len(lengths)
    spans = [(function.end_lineno or 0) - function.lineno + 1 for path in modules() for function in functions(path)]
    assert sum(span <= FUNCTION_AIM for span in spans) >= share * len(spans)


def test_every_module_of_the_app_says_what_it_is_about() -> None:
    silent = [
        name(path)
        for path in modules()
        if path.read_text(encoding="utf-8").strip() and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []
