"""An address that is the credential: it goes where it says, adds nothing, and is shown nowhere."""

import re

import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.secrets import Secret
from hardpoint.http.auth import SecretAddress
from hardpoint.http.client import ApiClient
from hardpoint.http.messages import Headers, Request, Response
from hardpoint.runtime.blocking import run

URL = "https://hooks.vendor.example/in/abc"
FORM = re.compile(r"/in/[a-z]+")


def address(url=URL):
    return SecretAddress(
        Secret.value(url), hosts={"hooks.vendor.example"}, form=FORM, key="webhook_url"
    )


class Refusing:
    """A transport that keeps what it is given, and answers 401."""

    def __init__(self):
        self.sent = []

    async def send(self, request):
        self.sent.append(request)
        return Response(status=401, headers=Headers(()), body=b"")


def test_a_request_goes_to_it_without_any_credentials_beside():
    transport, found = Refusing(), address()
    client = ApiClient(
        transport,
        base_url=found.base_url,
        hosts=found.hosts,
        authorization=found,
        headers=(("user-agent", "Mine"),),
        secret_path=True,
    )
    assert run(client.send("POST", found.target())).status == 401
    (request,) = transport.sent
    assert (request.url, request.headers) == (URL, (("user-agent", "Mine"),))
    assert request.shown == "https://hooks.vendor.example/****"
    assert "abc" not in repr(request)
    assert client.secrets() == (URL, "/in/abc", "abc")


def test_other_paths_are_shown():
    assert Request(method="GET", url=URL).shown == URL


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.vendor.example/in/abc?x=1",
        "https://hooks.vendor.example/in/abc#x",
        "https://hooks.vendor.example/out/abc",
        "https://elsewhere.example/in/abc",
        "http://hooks.vendor.example/in/abc",
        "https://u:p@hooks.vendor.example/in/abc",
        "abc",
    ],
)
def test_what_is_none_is_refused_unshown(url):
    with pytest.raises(ConfigurationError) as caught:
        address(url)
    assert (caught.value.key, bool(caught.value.fix)) == ("webhook_url", True)
    assert "abc" not in str(caught.value)


def test_a_fake_on_loopback_may_stand_in():
    assert address("http://127.0.0.1:9/in/abc").target() == "/in/abc"
    assert not address().permits("elsewhere.example")
