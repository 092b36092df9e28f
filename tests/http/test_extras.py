import pytest

from hardpoint.core.errors import InvalidRequestError
from hardpoint.http.extras import merged, text_pairs


def test_extras_stand_beside_what_the_port_sets():
    fields = {"amount": 1, "metadata": {"a": "1"}, "customer": None}
    extra = {"metadata": {"b": "2"}, "customer": "c", "off_session": True}
    assert merged(fields, extra, "vendor") == {
        "amount": 1,
        "metadata": {"a": "1", "b": "2"},
        "customer": "c",
        "off_session": True,
    }
    assert fields["metadata"] == {"a": "1"}


@pytest.mark.parametrize(
    ("extra", "field"),
    [
        ({"amount": 2}, "extra.vendor.amount"),
        ({"metadata": {"a": "2"}}, "extra.vendor.metadata.a"),
        ({"metadata": "x"}, "extra.vendor.metadata"),
    ],
)
def test_an_extra_never_sets_what_the_port_sets(extra, field):
    with pytest.raises(InvalidRequestError, match="is set by the port") as caught:
        merged({"amount": 1, "metadata": {"a": "1"}}, extra, "vendor")
    assert caught.value.field == field


def test_pairs_of_text_come_with_their_own_names():
    assert list(text_pairs({"order": "17"}, field="metadata")) == [
        ("order", "17", "metadata['order']")
    ]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"order": 17}, "metadata['order']"),
        ({17: "order"}, "metadata[17]"),
        ({"a": None}, "metadata['a']"),
    ],
)
def test_a_pair_that_is_no_text_is_named(given, field):
    with pytest.raises(InvalidRequestError, match="must be a string") as caught:
        list(text_pairs(given, field="metadata"))
    assert caught.value.field == field
