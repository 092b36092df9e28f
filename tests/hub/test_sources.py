import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.hub.settings import Settings
from hardpoint.hub.sources import prepare
from hardpoint.webhooks import WebhookRequest, scheme

URL = "https://shop.example/webhooks/texts"
BODY = b"MessageSid=SM1&MessageStatus=delivered"


@pytest.fixture
def prepared(tmp_path, monkeypatch):
    monkeypatch.setenv("TOKEN", "12345")

    def load(*lines, provider="twilio"):
        source = ["[webhooks.texts]", f'provider = "{provider}"', 'secrets = ["env:TOKEN"]', *lines]
        path = tmp_path / "hardpoint.toml"
        path.write_text("\n".join(['[store]\nurl = "sqlite:hardpoint.db"', *source]))
        return prepare(Settings.load(path))[0]["texts"]

    return load


def test_a_source_knows_the_address_that_its_vendor_signs(prepared):
    signed = scheme("twilio", secrets=["12345"], url=URL).sign(
        BODY, now=0, event_id="e", event_type="t"
    )
    received = WebhookRequest(headers=signed, body=BODY)
    (event,) = prepared(f'url = "{URL}"').scheme.verify(received, now=0).events
    assert event.id == "SM1:delivered"


def test_a_source_knows_where_the_type_of_an_event_stands(prepared, monkeypatch):
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    monkeypatch.setenv("TOKEN", secret)
    body = b'{"event": {"name": "order.paid"}}'
    signed = scheme("standard", secrets=[secret]).sign(body, now=0, event_id="e", event_type="t")
    received = WebhookRequest(headers=signed, body=body)
    source = prepared('type_from = "/event/name"', provider="standard")
    (event,) = source.scheme.verify(received, now=0).events
    assert event.type == "order.paid"


@pytest.mark.parametrize(
    ("lines", "provider", "key", "problem"),
    [
        (['type_from = "/a"'], "github", "type_from", "github says itself what an event is"),
        (["type_from = 1"], "standard", "type_from", "has the wrong type"),
        ([], "twilio", "url", "is missing"),
        (['url = "shop"'], "twilio", "url", "is not an http or https URL"),
        (["url = 1"], "twilio", "url", "has the wrong type"),
        ([f'url = "{URL}"'], "github", "url", "github signs no address"),
        ([f'url = "{URL}"', "tolerance = 9"], "twilio", "tolerance", "twilio signs no time"),
    ],
)
def test_a_setting_stands_where_it_is_needed_and_nowhere_else(
    prepared, lines, provider, key, problem
):
    with pytest.raises(ConfigurationError, match=problem) as caught:
        prepared(*lines, provider=provider)
    assert caught.value.key == f"webhooks.texts.{key}"


def test_a_configuration_may_begin_with_a_byte_order_mark(prepared, tmp_path):
    prepared(f'url = "{URL}"')
    path = tmp_path / "hardpoint.toml"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert set(Settings.load(path).webhooks) == {"texts"}
