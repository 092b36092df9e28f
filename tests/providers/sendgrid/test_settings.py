import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.secrets import Secret
from hardpoint.email import Address
from hardpoint.providers.sendgrid import SendGrid
from hardpoint.providers.sendgrid.email import SendGridEmail

GOOD = {"api_key": Secret.value("SG.canary")}


def test_an_account_needs_no_more_than_a_key():
    settings = SendGrid(**GOOD)
    assert settings.base_url == "https://api.sendgrid.com"
    assert settings.sandbox is False
    assert "canary" not in repr(settings)
    assert SendGridEmail(None, settings).sender is None


def test_a_sender_may_have_a_name_and_the_account_be_in_the_eu():
    settings = SendGrid(
        **GOOD, from_="Shop <orders@Shop.example>", base_url="https://api.eu.sendgrid.com"
    )
    sender = SendGridEmail(None, settings).sender
    assert sender == Address(email="orders@shop.example", name="Shop")


@pytest.mark.rows
def test_what_cannot_work_is_named(field, value):
    with pytest.raises(ConfigurationError) as caught:
        SendGrid(**{**GOOD, field: value})
    assert caught.value.key == field
    assert caught.value.fix


@pytest.mark.parametrize(
    "url", ["https://sendgrid.example", "http://api.sendgrid.com", "https://u@api.sendgrid.com"]
)
def test_credentials_go_to_no_other_host(url):
    with pytest.raises(ConfigurationError, match="base_url"):
        SendGridEmail(None, SendGrid(**GOOD, base_url=url))
