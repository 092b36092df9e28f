"""Answers that their provider signs."""

import pytest

from hardpoint.core.errors import FlowError
from hardpoint.core.secrets import Secret
from hardpoint.oauth.authorization import check_hmac
from hardpoint.oauth.catalogue import Client

SIGNED = {
    "code": "0907a61c0c8d55e99db179b68161bc00",
    "shop": "acme.myshopify.com",
    "state": "S",
    "timestamp": "1337178173",
    "host": "YWNtZS5teXNob3BpZnkuY29tL2FkbWlu~*+/ =",
}
SIGNATURE = "54f65e5878e0a73e5979d651d0630f16c39a9145bffc1416175b9a8172d13f43"
"""What @shopify/shopify-api 15.0.0 makes of it under the secret `hush`."""


def test_an_answer_that_its_provider_signs_is_taken_as_it_was_signed(entry):
    client = Client(
        entry=entry(callback_hmac="hmac"),
        client_id="client-1",
        client_secret=Secret.value("hush"),
        redirect_uri="https://shop.example/auth/callback/acme",
    )
    check_hmac(client, {"hmac": SIGNATURE, **SIGNED})
    for changed in ({"shop": "evil.myshopify.com"}, {"more": ""}, {"hmac": SIGNATURE.upper()}):
        with pytest.raises(FlowError) as caught:
            check_hmac(client, {"hmac": SIGNATURE, **SIGNED, **changed})
        assert caught.value.reason == "callback_hmac"
