import contextvars

import pytest

from hardpoint.core.correlation import accepted, correlation_id


@pytest.mark.parametrize("given", [b"a", b"01234567-89ab-7def", b"A.b_c-9", b"x" * 64])
def test_a_harmless_id_is_taken_as_it_is(given: bytes) -> None:
    assert accepted(given) == given.decode()


@pytest.mark.parametrize("given", [b"", b"x" * 65, b"a b", b"a\n", b"\xff", b"<i>", b"a;b"])
def test_an_id_that_could_do_harm_is_dropped(given: bytes) -> None:
    assert accepted(given) is None


def test_an_id_belongs_to_one_context() -> None:
    contextvars.copy_context().run(correlation_id.set, "abc")
    assert correlation_id.get() is None
