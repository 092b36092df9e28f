"""Signature Version 4 for any connection: what botocore signs."""

from datetime import UTC, datetime

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from hardpoint.core.secrets import Secret
from hardpoint.http.messages import Request
from hardpoint.http.signing.sigv4 import SigV4RequestSigner

NOW = 1_800_000_000.25


@pytest.mark.parametrize("token", [None, "a+token=="])
@pytest.mark.parametrize(
    ("method", "body"), [("GET", b""), ("POST", b'{"a": 1}')], ids=["read", "act"]
)
def test_it_signs_what_the_vendors_own_library_does(monkeypatch, method, body, token):
    monkeypatch.setattr(auth, "get_current_datetime", lambda: datetime.fromtimestamp(int(NOW), UTC))
    url = "https://abc.execute-api.eu-central-1.amazonaws.com/prod/pets?b=2&a=1%20x"
    headers = {"content-type": "application/json"} if body else {}
    theirs = AWSRequest(method=method, url=url, data=body, headers=headers)
    auth.SigV4Auth(Credentials("AKID", "secret", token), "execute-api", "eu-central-1").add_auth(
        theirs
    )
    signer = SigV4RequestSigner(
        "AKID",
        Secret.value("secret"),
        session_token=None if token is None else Secret.value(token),
        region="eu-central-1",
        service="execute-api",
    )
    request = Request(
        method=method,
        url=url,
        headers=(*headers.items(), ("user-agent", "ours"), ("accept", "*/*")),
        body=body,
    )
    found = dict(signer.signed(request, now=NOW, nonce=str))
    assert found["authorization"].replace(" ", "") == theirs.headers["Authorization"].replace(
        " ", ""
    )
    assert found["x-amz-date"] == theirs.headers["X-Amz-Date"]
    assert found.get("x-amz-security-token") == token
    assert "content-type" not in found
    assert signer.secrets() == ["secret"] if token is None else ["secret", token]
