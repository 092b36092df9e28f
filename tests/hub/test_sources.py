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


@pytest.mark.parametrize(
    ("lines", "provider", "key", "problem"),
    [
        ([], "twilio", "url", "is missing"),
        (['url = "shop"'], "twilio", "url", "is not an http or https URL"),
        (["url = 1"], "twilio", "url", "has the wrong type"),
        ([f'url = "{URL}"'], "github", "url", "github signs no address"),
        ([f'url = "{URL}"', "tolerance = 9"], "twilio", "tolerance", "twilio signs no time"),
    ],
)
def test_an_address_stands_where_it_is_needed_and_nowhere_else(
    prepared, lines, provider, key, problem
):
    with pytest.raises(ConfigurationError, match=problem) as caught:
        prepared(*lines, provider=provider)
    assert caught.value.key == f"webhooks.texts.{key}"
