import pytest

from hardpoint.core.errors import ConfigurationError, InvalidRequestError
from hardpoint.core.secrets import Secret
from hardpoint.http.auth import Bearer
from hardpoint.http.client import ApiClient, segment
from hardpoint.http.messages import Response
from hardpoint.runtime.blocking import run


class Recorder:
    def __init__(self):
        self.sent = []

    async def send(self, request):
        self.sent.append(request)
        return Response(status=200, headers={}, body=b"")


def client(base_url="https://api.vendor.example/", transport=None):
    return ApiClient(
        transport or Recorder(),
        base_url=base_url,
        hosts={"api.vendor.example"},
        authorization=Bearer(Secret.value("abc")),
        headers=(("api-version", "1"),),
    )


def test_credentials_go_to_the_base_url_only():
    recorder = Recorder()
    run(
        client(transport=recorder).send(
            "POST", "/v1/x?y=1", headers=(("a", "b"),), body=b"z", timeout=3.0
        )
    )
    (sent,) = recorder.sent
    assert (sent.method, sent.url) == ("POST", "https://api.vendor.example/v1/x?y=1")
    assert (sent.body, sent.timeout) == (b"z", 3.0)
    assert dict(sent.headers) == {
        "authorization": "Bearer abc",
        "user-agent": "hardpoint/0.1",
        "api-version": "1",
        "a": "b",
    }


@pytest.mark.parametrize(
    "base_url",
    [
        "https://evil.example",
        "https://api.vendor.example.evil.example",
        "http://api.vendor.example",
        "https://api.vendor.example?x",
        "https://api.vendor.example#x",
        "https://x@api.vendor.example",
    ],
)
def test_a_base_url_that_is_not_the_providers_is_refused(base_url):
    with pytest.raises(ConfigurationError) as caught:
        client(base_url)
    assert caught.value.key == "base_url"


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:4242", "http://localhost:1/prefix"])
def test_a_fake_on_loopback_may_stand_in(base_url):
    recorder = Recorder()
    run(client(base_url, recorder).send("GET", "/v1"))
    assert recorder.sent[0].url == f"{base_url}/v1"


@pytest.mark.parametrize(
    "target", ["v1", "", "@evil.example/", "/a b", "/a\\b", "/../x", "/a/..", "/a/../b?c", "/ä"]
)
def test_a_target_that_is_no_path_is_refused(target):
    recorder = Recorder()
    with pytest.raises(InvalidRequestError, match="is not a path"):
        run(client(transport=recorder).send("GET", target))
    assert not recorder.sent


def test_dots_in_a_query_are_no_path():
    run(client().send("GET", "/v1?path=/../"))


def test_a_segment_holds_anything():
    assert segment("a/b?c#d e") == "a%2Fb%3Fc%23d%20e"


def test_what_must_not_be_shown_is_known():
    assert client().secrets() == ("abc",)
