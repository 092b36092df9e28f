import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.secrets import Secret
from hardpoint.providers.twilio import Twilio
from hardpoint.providers.twilio.sms import TwilioSms

GOOD = {"account_sid": "AC" + "0" * 32, "secret": Secret.value("canary-token")}


def test_an_account_needs_no_more_than_its_sid_and_a_secret():
    settings = Twilio(**GOOD)
    assert settings.base_url == "https://api.twilio.com"
    assert "canary" not in repr(settings)
    Twilio(**GOOD, api_key_sid="SK" + "a" * 32, messaging_service_sid="MG" + "b" * 32)
    Twilio(**GOOD, from_="+14155550100", status_url="https://shop.example/webhooks/texts")
    Twilio(**GOOD, from_="12345")


@pytest.mark.rows
def test_what_cannot_work_is_named(field, value):
    with pytest.raises(ConfigurationError) as caught:
        Twilio(**{**GOOD, field: value})
    assert caught.value.key == field
    assert caught.value.fix


def test_two_senders_are_one_too_many():
    with pytest.raises(ConfigurationError, match="messaging_service_sid"):
        Twilio(**GOOD, from_="+14155550100", messaging_service_sid="MG" + "b" * 32)


@pytest.mark.parametrize(
    "url", ["https://twilio.example", "http://api.twilio.com", "https://u@api.twilio.com"]
)
def test_credentials_go_to_no_other_host(url):
    with pytest.raises(ConfigurationError, match="base_url"):
        TwilioSms(None, Twilio(**GOOD, base_url=url))
