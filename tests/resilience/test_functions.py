from functools import partial

import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.resilience.options import is_asynchronous, name_of


def plain():
    """Plain."""


async def asynchronous():
    """Asynchronous."""


def generator():
    yield


async def asynchronous_generator():
    yield


class Methods:
    def plain(self):
        """Plain."""

    async def asynchronous(self):
        """Asynchronous."""

    def generator(self):
        yield

    @staticmethod
    async def static():
        """Asynchronous."""


class PlainCall:
    def __call__(self):
        """Plain."""


class AsynchronousCall:
    async def __call__(self):
        """Asynchronous."""


class GeneratorCall:
    def __call__(self):
        yield


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (plain, False),
        (len, False),
        (Methods, False),
        (lambda: 1, False),
        (Methods().plain, False),
        (PlainCall(), False),
        (partial(plain), False),
        (partial(len), False),
        (asynchronous, True),
        (Methods().asynchronous, True),
        (Methods.static, True),
        (AsynchronousCall(), True),
        (partial(asynchronous), True),
        (partial(partial(asynchronous)), True),
        (partial(Methods().asynchronous), True),
        (partial(AsynchronousCall()), True),
    ],
)
def test_it_is_known_whether_calling_gives_a_coroutine(function, expected):
    assert is_asynchronous(function, "crm") is expected


@pytest.mark.parametrize(
    "function",
    [
        generator,
        asynchronous_generator,
        Methods().generator,
        GeneratorCall(),
        partial(generator),
        partial(asynchronous_generator),
    ],
)
def test_generators_are_refused_with_what_to_do_instead(function):
    with pytest.raises(ConfigurationError, match="yield outside of it") as caught:
        is_asynchronous(function, "crm")
    assert "is a generator" in caught.value.problem


@pytest.mark.parametrize("function", [None, 5, "charge"])
def test_what_cannot_be_called_is_refused(function):
    with pytest.raises(ConfigurationError, match="cannot be called"):
        is_asynchronous(function, "crm")


def test_a_name_is_the_qualified_one_or_what_it_shows():
    assert name_of(Methods.plain) == "Methods.plain"
    assert name_of(5) == "5"


def test_a_static_method_is_refused_with_the_right_order():
    for kind in (staticmethod, classmethod):
        with pytest.raises(ConfigurationError, match=f"Put @{kind.__name__} above the policy"):
            is_asynchronous(kind(len), "crm")
