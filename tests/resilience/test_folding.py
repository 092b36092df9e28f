import ast
from textwrap import dedent

import pytest

from hardpoint.resilience.folding import reduce

FLAGS = {"on": True, "off": False}
GIVEN = {"some": True, "none": False}


def reduced(body, *, plain=False):
    """The body of the inner function, after folding."""
    source = "def build():\n    async def run(argument):\n" + "\n".join(
        " " * 8 + line for line in dedent(body).strip().splitlines()
    )
    (build,) = ast.parse(source).body
    reduce(build, FLAGS, GIVEN, plain=plain)
    (inner,) = build.body
    assert isinstance(inner, ast.FunctionDef if plain else ast.AsyncFunctionDef)
    return "\n".join(ast.unparse(ast.fix_missing_locations(one)) for one in inner.body)


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("on", "True"),
        ("not on", "False"),
        ("not x", "not x"),
        ("-x", "-x"),
        ("some is None", "False"),
        ("some is not None", "True"),
        ("none is None", "True"),
        ("none is not None", "False"),
        ("None is None", "True"),
        ("3 is not None", "True"),
        ("x is None", "x is None"),
        ("f() is None", "f() is None"),
        ("x < 3", "x < 3"),
        ("x is some", "x is some"),
        ("on and x", "x"),
        ("off and x", "False"),
        ("x and on and y", "x and y"),
        ("x and off and y", "x and False"),
        ("on and some is not None", "True"),
        ("on or x", "True"),
        ("off or x", "x"),
        ("off or none is not None", "False"),
        ("x or y", "x or y"),
        ("x if on else y", "x"),
        ("x if off else y", "y"),
        ("x if y else z", "x if y else z"),
        ("not (off or none is not None)", "True"),
    ],
)
def test_what_is_known_is_replaced(expression, result):
    assert reduced(f"return {expression}") == f"return {result}"


def test_dead_branches_go():
    assert reduced("if on:\n    a()\nelse:\n    b()") == "a()"
    assert reduced("if off:\n    a()\nelse:\n    b()") == "b()"
    assert reduced("a()\nif none is not None:\n    b()\nc()") == "a()\nc()"
    assert reduced("if x:\n    a()") == "if x:\n    a()"


def test_await_goes_from_plain_functions_and_stays_in_others():
    assert reduced("return await f()") == "return await f()"
    assert reduced("return await f()", plain=True) == "return f()"


def test_a_variable_that_is_one_constant_only_is_replaced_and_then_folded():
    assert reduced("task = None\nif task is not None:\n    a()\nb()") == "b()"
    assert reduced("x = y = None\nreturn (x, y)") == "return (None, None)"
    assert reduced("x = outer\nreturn x") == "return outer"


def test_a_variable_that_is_more_than_one_constant_is_not():
    body = "x = None\nif argument:\n    x = 3\nreturn x"
    assert reduced(body) == body
    body = "x = None\nfor x in argument:\n    pass\nreturn x"
    assert reduced(body) == body


def test_arguments_and_what_depends_on_them_are_no_constants():
    body = "argument = None\nreturn argument"
    assert reduced(body) == body
    body = "x = argument\nreturn x"
    assert reduced(body) == body
    body = "y = f()\nx = y\nreturn x"
    assert reduced(body) == body


def test_one_of_several_targets_may_stay():
    assert reduced("x = y = None\ny = 3\nreturn (x, y)") == "y = None\ny = 3\nreturn (None, y)"
    assert reduced("a.b = x = None\nreturn x") == "a.b = None\nreturn None"
