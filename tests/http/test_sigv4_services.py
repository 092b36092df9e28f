"""Signatures of the services beside storage equal the official library's, whatever is sent."""

import random
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from hardpoint.core.secrets import Secret
from hardpoint.http.sigv4 import SigV4Signer

NOW = 1_796_000_000.0
SERVICES = ("sqs", "lambda", "sns", "events", "ses")
LETTERS = "abcXYZ019-_.~/+ %=&:@!$'()*,;äß漢\U0001f600"
EACH = 400


@pytest.fixture
def clock(monkeypatch):
    """The library reads the time itself."""
    moment = datetime.fromtimestamp(NOW, UTC)
    monkeypatch.setattr(auth, "get_current_datetime", lambda: moment)


def text(chance, most):
    return "".join(chance.choice(LETTERS) for _ in range(chance.randrange(most)))


@pytest.mark.parametrize("token", [None, "session/token+="])
@pytest.mark.parametrize("service", SERVICES)
def test_any_request_is_signed_as_the_official_library_does(service, token, clock):
    chance = random.Random(f"{service}{token}")
    credentials = Credentials("AKIDEXAMPLE", "secret/key+", token)
    signer = SigV4Signer(
        access_key_id="AKIDEXAMPLE",
        secret_access_key=Secret.value("secret/key+"),
        session_token=None if token is None else Secret.value(token),
        region="eu-central-1",
        service=service,
    )
    for _ in range(EACH):
        path = "/" + "/".join(quote(text(chance, 8), safe="") for _ in range(chance.randrange(4)))
        if "//" in path or path.endswith("/.") or "/./" in path or "/.." in path:
            path = "/"
        pairs = [(text(chance, 5) or "a", text(chance, 8)) for _ in range(chance.randrange(4))]
        query = urlencode(pairs, quote_via=quote, safe="")
        url = f"https://{service}.eu-central-1.amazonaws.com{path}" + (f"?{query}" if query else "")
        body = text(chance, 60).encode()
        headers = {"content-type": "application/x-amz-json-1.0"}
        if chance.random() < 0.7:
            headers["x-amz-target"] = f"Service.{chance.randrange(99)}"
        theirs = AWSRequest(method="POST", url=url, data=body, headers=dict(headers))
        auth.SigV4Auth(credentials, service, "eu-central-1").add_auth(theirs)
        ours = dict(signer.headers("POST", url, list(headers.items()), body, now=NOW))
        wanted = theirs.headers["Authorization"].replace(" ", "")
        assert ours["authorization"].replace(" ", "") == wanted, url
