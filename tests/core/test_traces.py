import asyncio
import json
import linecache
import sys
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

import pytest

from hardpoint.core.traces import (
    NAME_CHARACTERS_MAX,
    TRACE_CHARACTERS_MAX,
    Place,
    now_at,
    place_of,
    place_of_defect,
    read_sources,
    summary_of,
    trace_of,
)


class MuteError(Exception):
    def __str__(self):
        raise ValueError("no words")


def caught(function):
    try:
        function()
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def fail():
    raise KeyError("sku")


def line_of(function, text):
    """The line of a function's source that holds a text."""
    import inspect

    lines, first = inspect.getsourcelines(function)
    (at,) = [number for number, line in enumerate(lines) if text in line]
    return first + at


def test_the_place_is_the_innermost_line_of_the_users_code_and_not_the_library_it_called():
    def reads():
        return json.loads("{")

    place = place_of(caught(reads))

    assert place == Place(__name__, line_of(reads, "json.loads"), reads.__qualname__)


def test_the_place_of_an_error_that_passed_a_thread_is_in_the_thread():
    def pooled():
        with ThreadPoolExecutor(1) as pool:
            pool.submit(fail).result()

    assert place_of(caught(pooled)).function == "fail"


def test_of_a_group_the_first_member_with_a_place_counts():
    async def gathers():
        async with asyncio.TaskGroup() as group:
            group.create_task(one())
            group.create_task(one())

    async def one():
        fail()

    error = caught(lambda: asyncio.run(gathers()))
    assert isinstance(error, ExceptionGroup)
    assert place_of(error).function == "fail"


def test_a_group_without_members_that_ran_is_placed_where_it_was_raised():
    def raises():
        raise ExceptionGroup("both", [ValueError("a"), ValueError("b")])

    assert place_of(caught(raises)).function.endswith("raises")


@pytest.mark.parametrize("explicit", [True, False])
def test_an_error_that_no_user_code_raised_stands_for_its_cause(explicit):
    library = ModuleType("library")
    exec(  # a library's file, as the import system names it
        compile(
            "def wrap(function):\n"
            "    try:\n"
            "        function()\n"
            "    except KeyError as error:\n"
            "        failure = RuntimeError('wrapped')\n"
            + ("        failure.__cause__ = error\n" if explicit else "        raise failure\n")
            + "    return failure\n",
            f"{sys.prefix}/lib/site-packages/library.py",
            "exec",
        ),
        vars(library),
    )
    error = library.wrap(fail) if explicit else caught(lambda: library.wrap(fail))
    error = error.with_traceback(None)

    assert place_of(error).function == "fail"


def test_a_raise_from_another_error_is_placed_where_it_was_raised_itself():
    def translates():
        try:
            fail()
        except KeyError as error:
            raise LookupError("no such order") from error

    assert place_of(caught(translates)).function.endswith("translates")


def test_errors_that_cause_each_other_come_to_an_end():
    one, other = ValueError(), ValueError()
    one.__cause__, other.__cause__ = other, one

    assert place_of(one) is None


def test_an_application_that_is_installed_among_libraries_is_the_users_code_all_the_same():
    shop = ModuleType("shop.orders")
    exec(
        compile("def paid():\n    raise KeyError\n", "/x/site-packages/shop/orders.py", "exec"),
        vars(shop),
    )

    assert place_of(caught(shop.paid)).function != "paid"
    assert place_of(caught(shop.paid), "shop") == Place("shop.orders", 2, "paid")


def test_a_script_is_named_after_its_file_and_code_without_a_module_too():
    script, nameless = {"__name__": "__main__"}, {"__name__": None}
    for scope in (script, nameless):
        exec(compile("def run():\n    raise KeyError\n", "/srv/nightly.py", "exec"), scope)
        assert place_of(caught(scope["run"])) == Place("nightly", 2, "run")


def test_a_defect_is_placed_wherever_it_was():
    assert place_of_defect(caught(lambda: json.loads("{"))).module == "json.decoder"
    assert place_of_defect(ValueError()) is None


def test_a_place_is_stored_as_one_text_and_read_again():
    place = Place("shop.orders", 41, "Shop.charge.<locals>.<lambda>")

    assert Place.read(place.stored()) == place
    assert str(place) == "shop.orders:41 in Shop.charge.<locals>.<lambda>"
    assert Place.read(None) is None


def test_a_name_of_any_length_makes_a_short_place():
    scope = {"__name__": "m:" * 9999}
    exec(f"def {'f' * 9999}(): raise KeyError", scope)

    place = place_of(caught(scope["f" * 9999]))
    assert Place.read(place.stored()) == place
    assert {len(place.module), len(place.function)} == {NAME_CHARACTERS_MAX}


def test_an_error_is_summed_up_whatever_it_does():
    assert summary_of(ValueError("no such order")) == "ValueError: no such order"
    assert summary_of(ValueError()) == "ValueError"
    assert summary_of(MuteError()) == "MuteError"
    assert summary_of(ValueError("half \ud800 pair")) == "ValueError: half ? pair"
    assert len(summary_of(ValueError("x" * 99_999))) == 4096


def test_a_traceback_shows_code_and_messages_but_no_values_and_has_an_end():
    secret = "whsec_canary"

    def recurses():
        kept = secret
        return recurses() + kept

    text = trace_of(caught(recurses))
    assert "return recurses() + kept" in text
    assert "canary" not in text
    assert len(trace_of(ValueError("x" * 999_999))) == TRACE_CHARACTERS_MAX
    assert "half ? pair" in trace_of(ValueError("half \ud800 pair"))


def test_the_sources_of_an_error_can_be_read_ahead(tmp_path):
    source = tmp_path / "shop.py"
    source.write_text("def paid():\n    raise KeyError('sku')\n")
    names = {}
    exec(compile(source.read_text(), str(source), "exec"), names)
    with pytest.raises(KeyError) as caught:
        names["paid"]()
    read_sources(caught.value)
    assert linecache.cache[str(source)][2][1] == "    raise KeyError('sku')\n"
    assert "    raise KeyError('sku')" in trace_of(caught.value)


def test_a_thread_that_is_none_is_nowhere():
    assert now_at(0) is None
