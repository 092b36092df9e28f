import pytest

from hardpoint.calls.connection import Connection, Unguarded
from hardpoint.core.errors import ConfigurationError, InvalidRequestError
from hardpoint.runtime.asynchronous import AsyncRuntime

SHOP = Connection("shop", AsyncRuntime())


def test_an_id_goes_out_with_its_connection_and_comes_back_without():
    assert SHOP.qualified("pi_1") == "shop:pi_1"
    assert SHOP.local("shop:pi_1", field="payment_id") == "pi_1"


@pytest.mark.parametrize("identifier", ["", "pi_1", "shop:", "shop:a/b", "shop:a b", "shop:a:b"])
def test_what_is_no_id_of_ours_is_refused_by_name(identifier):
    with pytest.raises(InvalidRequestError, match="is not connection:id") as caught:
        SHOP.local(identifier, field="payment_id")
    assert caught.value.field == "payment_id"


def test_an_id_of_another_connection_is_refused():
    with pytest.raises(InvalidRequestError, match="another connection than shop"):
        SHOP.local("market:pi_1", field="payment_id")


@pytest.mark.parametrize("name", ["", "Shop", "a:b", "-a", "a" * 64])
def test_a_connection_needs_a_usable_name(name):
    with pytest.raises(ConfigurationError, match="not a usable name"):
        Connection(name, AsyncRuntime())


def test_without_a_policy_a_call_is_one_attempt():
    unguarded = Unguarded()
    assert unguarded.call(lambda: 7) == 7
    assert unguarded.with_(repeat="never") is unguarded
