"""An argument of the wrong type is refused by its name, with what to write, before any I/O."""

import asyncio
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import hardpoint.sync
from hardpoint import Budget, ConfigurationError, Hub, InvalidRequestError, Money, Retry
from hardpoint.core.errors import MisuseError
from hardpoint.webhooks import scheme

CONFIGURATION = """
[store]
url = "sqlite:shop.db"
[connections.shop]
provider = "stripe"
secret_key = "env:STRIPE"
[connections.texts]
provider = "twilio"
account_sid = "AC00000000000000000000000000000001"
secret = "env:TWILIO"
from = "+14155550100"
[connections.mail]
provider = "sendgrid"
api_key = "env:SENDGRID"
from = "shop@shop.example"
[connections.files]
provider = "filesystem"
path = "files"
secret = "env:SIGNING"
public_url = "https://files.example"
[webhooks.billing]
provider = "stripe"
secrets = ["env:HOOK"]
"""
PAID = (Money("1", "EUR"),)
TEXT = {"to": "+14155550101", "body": "a"}
MAIL = {"to": "ann@shop.example", "subject": "a", "text": "b"}
FILE = ("a", b"x")

Case = tuple[str, tuple[Any, ...], dict[str, Any], str]
PAYMENTS: list[Case] = [
    ("create_payment", ("19.99",), {}, "amount"),
    ("create_payment", (None,), {}, "amount"),
    ("create_payment", PAID, {"payment_method": 1}, "payment_method"),
    ("create_payment", PAID, {"reference": 7}, "reference"),
    ("create_payment", PAID, {"description": b"7"}, "description"),
    ("create_payment", PAID, {"metadata": ["a"]}, "metadata"),
    ("create_payment", PAID, {"return_url": 1}, "return_url"),
    ("create_payment", PAID, {"extra": "x"}, "extra"),
    ("create_payment", PAID, {"extra": {"stripe": 5}}, "extra.stripe"),
    ("confirm_payment", (5,), {}, "payment_id"),
    ("get_refund", (5,), {}, "refund_id"),
    ("get_checkout", (5,), {}, "checkout_id"),
    ("create_checkout", PAID, {"success_url": 1}, "success_url"),
    ("create_checkout", (), {"success_url": "https://a", "items": 5}, "items"),
    ("create_checkout", (), {"success_url": "https://a", "items": ["a"]}, "items[0]"),
    ("capture", ("shop:pi_1", "5"), {}, "amount"),
    ("void", (None,), {}, "payment_id"),
    ("refund", ("shop:pi_1", 5), {}, "amount"),
    ("get_payment", (b"shop:pi_1",), {}, "payment_id"),
    ("find", (), {"since": "x", "reference": "a"}, "since"),
    ("find", (), {"since": 0, "reference": 5}, "reference"),
    ("find", (), {"since": 0, "metadata": 5}, "metadata"),
    ("parse_event", (None,), {}, "body"),
]
SMS: list[Case] = [
    ("send", (), {**TEXT, "to": 1}, "to"),
    ("send", (), {**TEXT, "body": 1}, "body"),
    ("send", (), {**TEXT, "from_": 1}, "from_"),
    ("send", (), {**TEXT, "media": 5}, "media"),
    ("send", (), {**TEXT, "media": [1]}, "media[0]"),
    ("send", (), {**TEXT, "extra": None}, "extra"),
    ("get_message", (1,), {}, "message_id"),
    ("find", (), {**TEXT, "since": "x"}, "since"),
    ("parse_event", (1,), {}, "body"),
    ("heed", ("x",), {}, "event"),
]
EMAIL: list[Case] = [
    ("send", (), {**MAIL, "to": 1}, "to"),
    ("send", (), {**MAIL, "to": [1]}, "to[0]"),
    ("send", (), {**MAIL, "subject": 1}, "subject"),
    ("send", (), {**MAIL, "text": 1}, "text"),
    ("send", (), {**MAIL, "html": b"x"}, "html"),
    ("send", (), {**MAIL, "from_": 5}, "from_"),
    ("send", (), {**MAIL, "attachments": 5}, "attachments"),
    ("send", (), {**MAIL, "attachments": [b"x"]}, "attachments[0]"),
    ("send", (), {**MAIL, "headers": ["x"]}, "headers"),
    ("send", (), {**MAIL, "metadata": "x"}, "metadata"),
    ("parse_event", (5,), {}, "body"),
]
STORAGE: list[Case] = [
    ("put", (1, b"x"), {}, "key"),
    ("put", ("a", "x"), {}, "data"),
    ("put", FILE, {"content_type": 1}, "content_type"),
    ("put", FILE, {"metadata": ["x"]}, "metadata"),
    ("put", FILE, {"if_match": 1}, "if_match"),
    ("upload", ("a", 5), {}, "source"),
    ("get", (None,), {}, "key"),
    ("get", ("a",), {"bytes_max": "x"}, "bytes_max"),
    ("download", ("a", 5), {}, "path"),
    ("delete", (b"a",), {}, "key"),
    ("list", (5,), {}, "prefix"),
    ("copy", (1, "b"), {}, "source"),
    ("sign_url", ("a",), {"expires": "x"}, "expires"),
]
CALLS = [
    (port, *one)
    for port, some in {
        ("payments", "shop"): PAYMENTS,
        ("sms", "texts"): SMS,
        ("email", "mail"): EMAIL,
        ("storage", "files"): STORAGE,
    }.items()
    for one in some
]


@pytest.fixture
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in {
        "STRIPE": "sk_test_1",
        "TWILIO": "a" * 32,
        "SENDGRID": "SG." + "a" * 22 + "." + "b" * 43,
        "SIGNING": "s" * 43,
        "HOOK": "whsec_1",
    }.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "files").mkdir()
    path = tmp_path / "hardpoint.toml"
    path.write_text(CONFIGURATION)
    return path


@pytest.fixture(params=["asynchronous", "blocking"])
def call(request: pytest.FixtureRequest, configuration: Path) -> Iterator[Callable[..., Any]]:
    """Calls a verb of a port, in either mode."""

    def made(hub: Any, port: tuple[str, str], verb: str, given: tuple[Any, Any]) -> Any:
        return getattr(getattr(hub, port[0])(port[1]), verb)(*given[0], **given[1])

    def asynchronous(port: tuple[str, str], verb: str, *given: Any) -> None:
        async def scenario() -> None:
            result = made(Hub.load(configuration), port, verb, given)
            if inspect.isawaitable(result):
                await result

        asyncio.run(scenario())

    if request.param == "asynchronous":
        yield asynchronous
        return
    with hardpoint.sync.Hub.load(configuration) as hub:
        yield lambda port, verb, *given: made(hub, port, verb, given)


@pytest.mark.parametrize(
    "case",
    CALLS,
    ids=[f"{port[0]}-{verb}-{field}-{n}" for n, (port, verb, *_, field) in enumerate(CALLS)],
)
def test_an_argument_of_the_wrong_type_is_named_with_what_to_write(
    call: Callable[..., Any], case: tuple[Any, ...]
) -> None:
    *given, field = case
    with pytest.raises(InvalidRequestError, match="; write ") as caught:
        call(*given)
    assert (caught.value.field, caught.value.status) == (field, None)


def test_an_amount_as_text_is_shown_as_money(call: Callable[..., Any]) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        call(("payments", "shop"), "create_payment", ("19.99",), {})
    assert str(caught.value) == 'amount: is str; write Money("19.99", "EUR")'


def test_once_takes_a_function(configuration: Path) -> None:
    wrong: Any = 5
    with (
        hardpoint.sync.Hub.load(configuration) as hub,
        pytest.raises(MisuseError, match="hand over the verb and its arguments"),
    ):
        hub.once("order-7", wrong)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"event_type": 5}, "wants the type as text, not int"),
        ({"timeout": "5"}, "timeout must be positive seconds"),
    ],
)
def test_a_handler_is_registered_with_what_it_takes(
    configuration: Path, options: dict[str, Any], said: str
) -> None:
    async def handle(event: object, job: object) -> None:
        """Handle it."""

    with pytest.raises(ConfigurationError, match=said):
        Hub.load(configuration).on("billing", **options)(handle)


@pytest.mark.parametrize(("secrets", "key"), [(None, "secrets"), ([1], "secrets[0]")])
def test_a_scheme_takes_a_list_of_secrets(secrets: Any, key: str) -> None:
    with pytest.raises(ConfigurationError, match="Write secrets=") as caught:
        scheme("stripe", secrets=secrets)
    assert caught.value.key == key


def test_a_budget_is_one() -> None:
    wrong: Any = 0.2
    with pytest.raises(ConfigurationError, match="Write Budget"):
        Retry(3, budget=wrong)
    assert Retry(3, budget=Budget(ratio=0.2)).budget is not None
