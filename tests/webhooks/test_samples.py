import json
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.webhooks.samples import Samples, assignment, samples

NOW = 1_700_000_000.9


def counted() -> Callable[[], str]:
    numbers = count(1)
    return lambda: f"00000000-0000-7000-8000-{next(numbers):012d}"


FILE: dict[str, Any] = {
    "about": "Things are made.",
    "event_id": ["<id>"],
    "events": {
        "b.made": {"id": "{token:evt}"},
        "a.made": {
            "id": "{token:evt}",
            "at": "{now}",
            "data": {"lines": [{"amount": 5}, [1, 2]]},
        },
    },
}
CATALOGUE = Samples(json.dumps(FILE).encode())


def made(**overrides: Any) -> Any:
    sample = CATALOGUE.sample("a.made", now=NOW, ids=counted(), overrides=overrides)
    return json.loads(sample.body)


def test_a_sample_is_a_new_event_each_time() -> None:
    ids = counted()
    first = CATALOGUE.sample("a.made", now=NOW, ids=ids)
    second = CATALOGUE.sample("a.made", now=NOW, ids=ids)
    assert (first.type, first.id) == ("a.made", "evt_00000000000070008000000000000001")
    assert second.id != first.id
    assert json.loads(first.body) == {
        "id": first.id,
        "at": 1_700_000_000,
        "data": {"lines": [{"amount": 5}, [1, 2]]},
    }


def test_places_are_filled_alike_where_they_are_alike() -> None:
    places = ["{uuid}", "{uuid}", "{uuid:b}", "{hex}", "{sha}", "{short}", "{token:a:2}", "x{hex}"]
    times = ["{now+60}", "{now-1}", "{time}", "{other}"]
    file = FILE | {"events": {"a": {"places": places, "times": times}}}
    sample = Samples(json.dumps(file).encode()).sample("a", now=NOW, ids=counted())
    document = json.loads(sample.body)
    first, same, other, digits, sha, short, token, beside = document["places"]
    assert first == same != other
    assert beside == f"x{digits}"
    assert [len(one) for one in (digits, sha, short)] == [32, 40, 22]
    assert token.startswith("a_0000")
    assert document["times"] == [1_700_000_060, 1_699_999_999, "2023-11-14T22:13:20Z", "{other}"]
    assert len(sample.id) == 36, "no field of its id is there, so it has one of its own"


@pytest.mark.parametrize("content", [b"", b"[]", b'{"about": "x", "event_id": [], "more": 1}'])
def test_a_file_that_is_none_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"JSON|Expected|Object|truncated"):
        Samples(content)


def test_a_reference_that_leads_to_no_samples_is_refused(lost_samples: str) -> None:
    with pytest.raises(ConfigurationError, match=r"lost: hardpoint_lost:none\.json is no file of"):
        samples(lost_samples)


def test_types_are_listed_in_order_and_an_unknown_one_is_refused_with_them() -> None:
    assert CATALOGUE.types == ("a.made", "b.made")
    with pytest.raises(ConfigurationError, match=r"Known: a\.made, b\.made"):
        CATALOGUE.sample("c.made", now=NOW, ids=counted())


def test_values_are_set_by_dotted_path() -> None:
    assert made(at=7)["at"] == 7
    assert made(**{"data.lines.0.amount": 500})["data"]["lines"][0] == {"amount": 500}
    assert made(**{"data.lines.1.0": None})["data"]["lines"][1] == [None, 2]
    assert made(**{"metadata.order.id": "42"})["metadata"] == {"order": {"id": "42"}}
    assert made(id="evt_mine", type="other.type")["id"] == "evt_mine"


def test_an_override_of_id_or_type_is_the_samples_own() -> None:
    sample = CATALOGUE.sample(
        "a.made", now=NOW, ids=counted(), overrides={"id": "evt_mine", "type": "other"}
    )
    assert (sample.id, sample.type) == ("evt_mine", "other")


@pytest.mark.parametrize(
    "path", ["data.lines.2", "data.lines.x", "data.lines.-1", "at.x", "id.x.y", "data.lines.2.a"]
)
def test_a_path_that_leads_nowhere_is_refused_by_name(path: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        made(**{path: 1})
    assert caught.value.key == path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("data.object.amount=500", ("data.object.amount", 500)),
        ("a=true", ("a", True)),
        ("a=null", ("a", None)),
        ('a={"b": [1]}', ("a", {"b": [1]})),
        ('a="500"', ("a", "500")),
        ("a=eur", ("a", "eur")),
        ("a=", ("a", "")),
        ("a=b=c", ("a", "b=c")),
    ],
)
def test_an_assignment_is_json_or_else_text(text: str, expected: tuple[str, Any]) -> None:
    assert assignment(text) == expected


@pytest.mark.parametrize("text", ["", "a", "=1"])
def test_an_assignment_without_path_or_sign_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        assignment(text)


def test_the_standard_samples_carry_their_id_beside_the_body() -> None:
    catalogue = samples("standard")
    sample = catalogue.sample("invoice.paid", now=NOW, ids=counted())
    assert sample.id.startswith("msg_")
    document = json.loads(sample.body)
    assert document["type"] == "invoice.paid"
    assert document["timestamp"] == "2023-11-14T22:13:20Z"
    assert sample.id not in sample.body.decode()


def test_a_provider_that_has_no_samples_or_is_unknown_is_refused(mute_provider: str) -> None:
    with pytest.raises(ConfigurationError, match="mute has no sample events"):
        samples(mute_provider)
    with pytest.raises(ConfigurationError):
        samples("nobody")


@pytest.mark.parametrize(
    ("provider", "event", "path"),
    [
        ("stripe", "payment_intent.succeeded", "data.object.metadata.order_id"),
        ("sendgrid", "delivered", "order_id"),
        ("sendgrid", "delivered", "0.order_id"),
    ],
)
def test_what_a_vendor_sends_as_text_is_text_in_its_samples(
    provider: str, event: str, path: str
) -> None:
    sample = samples(provider).sample(event, now=NOW, ids=counted(), overrides={path: 1001})

    assert b'"order_id":"1001"' in sample.body.replace(b": ", b":")


def test_what_was_text_stays_text_and_what_was_a_number_a_number() -> None:
    made = samples("stripe").sample(
        "payment_intent.succeeded",
        now=NOW,
        ids=counted(),
        overrides={"data.object.status": 7, "data.object.amount": 500, "data.object.x": True},
    )
    about = json.loads(made.body)["data"]["object"]
    assert (about["status"], about["amount"], about["x"]) == ("7", 500, True)


def test_a_form_holds_flags_as_vendors_write_them() -> None:
    made = samples("twilio").sample(
        "message.sent", now=NOW, ids=counted(), overrides={"Own": True, "ErrorCode": 30003}
    )
    assert b"Own=true" in made.body
    assert b"ErrorCode=30003" in made.body


def test_a_sample_of_several_events_is_changed_by_an_event_s_place() -> None:
    lists = samples("sendgrid")
    changes = {"0.event": "bounce", "0.order": "7"}
    sample = lists.sample("delivered", now=0, ids=counted(), overrides=changes)
    assert sample.type == "bounce"
    (item,) = json.loads(sample.body)
    assert (item["event"], item["order"]) == ("bounce", "7")
    named = lists.sample("delivered", now=0, ids=counted(), overrides={"event": "bounce"})
    assert named.type == "bounce"
    with pytest.raises(ConfigurationError):
        lists.sample("delivered", now=0, ids=counted(), overrides={"1.email": "x"})
