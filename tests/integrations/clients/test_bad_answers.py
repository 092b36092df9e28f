"""What a vendor, or somebody between, may do to any client that has a policy beneath it.

Exact counts of what is sent, what comes out, and that credentials go nowhere else. What is
unfolded, followed and believed is the client's own doing, and stays so.
"""

import asyncio
import gzip
import zlib

import aiohttp
import boto3
import botocore.exceptions
import brotli
import httpx
import httpx2
import pytest
import requests
from botocore.config import Config

from hardpoint import Breaker, OutcomeUnknownError, Policy, Retry, reason_of
from hardpoint.integrations.aiohttp import guarded as guarded_session
from hardpoint.integrations.botocore import guard
from hardpoint.integrations.httpx import guarded
from hardpoint.integrations.requests import GuardedAdapter

from .conftest import CUT, OK, RESET, Peer, answer

ZEROS = b"0" * (20 * 1024 * 1024)
BOMBS = {
    "gzip": lambda: gzip.compress(ZEROS, 1),
    "deflate": lambda: zlib.compress(ZEROS, 1),
    "br": lambda: brotli.compress(ZEROS, quality=1),
}
PIECE_BYTES_MAX = 64 * 1024 * 1032
"""What the most that a client takes from its socket at a time can unfold to."""
ODD = b"HTTP/1.1 200 OK\r\nRateLimit: \xff\xfe\r\nRetry-After: \xc3(\r\n"
PROOF = {"authorization": "Bearer sk_live_1"}


class Bare:
    """One kind of client, which follows redirects if it can.

    Attributes:
        distrust: what it raises for a certificate that it does not believe.
        garbled: what it raises for a body that is not encoded as it says.
        hops: how many requests it sends in a circle.
    """

    def __init__(self, policy, authority):
        self.policy, self.authority = policy, authority

    def __call__(self, method, url, **headers):
        return asyncio.run(self.later(method, url, headers))


class OnHttpx(Bare):
    library = httpx
    distrust = httpx.ConnectError
    garbled = httpx.DecodingError
    circle = httpx.TooManyRedirects
    hops = 21

    def __call__(self, method, url, **headers):
        sending = self.library.HTTPTransport(verify=self.authority.trusting())
        transport = guarded(self.policy, sending)
        with self.library.Client(transport=transport, follow_redirects=True) as client:
            one = client.request(method, url, headers=headers)
            return one.status_code, one.content


class OnHttpx2(OnHttpx):
    library = httpx2
    distrust = httpx2.ConnectError
    garbled = httpx2.DecodingError
    circle = httpx2.TooManyRedirects


class OnAsyncHttpx2(OnHttpx2):
    __call__ = Bare.__call__

    async def later(self, method, url, headers):
        sending = self.library.AsyncHTTPTransport(verify=self.authority.trusting())
        transport = guarded(self.policy, sending)
        async with self.library.AsyncClient(transport=transport, follow_redirects=True) as client:
            one = await client.request(method, url, headers=headers)
            return one.status_code, one.content


class OnRequests(Bare):
    distrust = requests.exceptions.SSLError
    garbled = requests.exceptions.ContentDecodingError
    circle = requests.TooManyRedirects
    hops = 31

    def __call__(self, method, url, **headers):
        with requests.Session() as session:
            session.trust_env = False
            session.verify = str(self.authority.file)
            for scheme in ("http://", "https://"):
                session.mount(scheme, GuardedAdapter(self.policy))
            one = session.request(method, url, headers=headers, timeout=30)
            return one.status_code, one.content


class OnAiohttp(Bare):
    distrust = aiohttp.ClientConnectorCertificateError
    garbled = aiohttp.ClientPayloadError
    circle = aiohttp.TooManyRedirects
    hops = 10

    async def later(self, method, url, headers):
        connector = aiohttp.TCPConnector(ssl=self.authority.trusting())
        middlewares = [guarded_session(self.policy)]
        async with (
            aiohttp.ClientSession(middlewares=middlewares, connector=connector) as session,
            session.request(method, url, headers=headers) as one,
        ):
            return one.status, await one.read()


class OnBotocore(Bare):
    """It follows nothing and unfolds nothing; its credentials are signatures."""

    distrust = botocore.exceptions.SSLError

    def __call__(self, method, url, **headers):
        config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
        client = boto3.client(
            "s3",
            region_name="eu-central-1",
            endpoint_url=url,
            aws_access_key_id="AKIA",
            aws_secret_access_key="secret",
            verify=str(self.authority.file),
            config=config,
        )
        try:
            if method == "POST":
                made = guard(client, self.policy).create_multipart_upload(Bucket="b", Key="k")
                return made["ResponseMetadata"]["HTTPStatusCode"], b""
            found = guard(client, self.policy).get_object(Bucket="b", Key="k")
            return found["ResponseMetadata"]["HTTPStatusCode"], found["Body"].read()
        finally:
            client.close()


FOLLOWING = [OnHttpx, OnHttpx2, OnAsyncHttpx2, OnRequests, OnAiohttp]
EVERY = [*FOLLOWING, OnBotocore]


@pytest.fixture
def make(request, policy, authority):
    return request.param(policy, authority)


every = pytest.mark.parametrize("make", EVERY, indirect=True, ids=lambda one: one.__name__)
following = pytest.mark.parametrize("make", FOLLOWING, indirect=True, ids=lambda one: one.__name__)


@pytest.fixture
def peers(authority):
    """Makes further vendors; with a certificate for those names where there are any."""
    made = []

    def make(*names, expired=False):
        tls = authority.serving(*names, expired=expired) if names else None
        made.append(Peer(tls))
        return made[-1]

    yield make
    for one in made:
        one.close()


# Answers that are not what they should be


@following
@pytest.mark.parametrize("encoding", BOMBS)
def test_a_bomb_is_the_clients_to_unfold_and_asked_for_once(make, peer, encoding):
    peer.tells(answer(200, BOMBS[encoding](), content_encoding=encoding))
    assert make("GET", peer.url) == (200, ZEROS)
    assert peer.sent == 1


def test_botocore_hands_a_bomb_on_as_it_came(policy, authority, peer):
    bomb = BOMBS["gzip"]()
    peer.tells(answer(200, bomb, content_encoding="gzip"))
    assert OnBotocore(policy, authority)("GET", peer.url) == (200, bomb)


@pytest.mark.parametrize("library", [httpx, httpx2])
def test_a_bomb_that_is_read_in_pieces_comes_in_pieces(library, policy, peer):
    """What was read within the attempt is handed on as it came, and not as one piece."""
    size = 100 * 1024 * 1024
    peer.tells(answer(200, gzip.compress(bytes(size), 9), content_encoding="gzip"))
    with (
        library.Client(transport=guarded(policy)) as client,
        client.stream("GET", peer.url) as body,
    ):
        pieces = [len(piece) for piece in body.iter_bytes()]
    assert sum(pieces) == size
    assert max(pieces) <= PIECE_BYTES_MAX

    async def later():
        async with (
            library.AsyncClient(transport=guarded(policy)) as client,
            client.stream("GET", peer.url) as body,
        ):
            return [len(piece) async for piece in body.aiter_bytes()]

    pieces = asyncio.run(later())
    assert sum(pieces) == size
    assert max(pieces) <= PIECE_BYTES_MAX


@following
@pytest.mark.parametrize("encoding", BOMBS)
def test_a_body_that_is_not_encoded_as_it_says_is_the_clients_own_error(make, peer, encoding):
    peer.tells(answer(200, b"\xff\x00garbled", content_encoding=encoding))
    with pytest.raises(make.garbled) as raised:
        make("GET", peer.url)
    assert peer.sent == 1
    assert reason_of(raised.value) is None


@every
@pytest.mark.parametrize(
    "told",
    [
        answer(200, b"\xff\xfe\xc3(", content_type="application/json"),
        answer(200, b"<html>sorry</html>", content_type="text/html"),
        answer(200, b"", content_type="application/json"),
        ODD + b"X-RateLimit-Reset: \xff\r\ncontent-length: 2\r\n\r\n\xff\xfe",
    ],
    ids=["invalid UTF-8", "another type", "empty", "headers that are no text"],
)
def test_what_is_strange_and_good_is_handed_on_as_it_came(make, peer, told):
    peer.tells(told)
    assert make("GET", peer.url) == (200, told.partition(b"\r\n\r\n")[2])
    assert peer.sent == 1


@every
def test_a_refusal_whose_headers_are_no_text_is_asked_for_again(make, peer):
    peer.tells(b"HTTP/1.1 503 Busy\r\nRetry-After: \xc3(\r\ncontent-length: 1\r\n\r\n\xff", OK)
    assert make("GET", peer.url)[0] == 200
    assert peer.sent == 2


@every
def test_an_answer_that_is_cut_short_is_asked_for_again_where_nothing_of_it_was_seen(make, peer):
    peer.tells(CUT, OK)
    if isinstance(make, OnAiohttp | OnBotocore):  # which hand a body on before it has come
        with pytest.raises((aiohttp.ClientPayloadError, botocore.exceptions.BotoCoreError)):
            make("GET", peer.url)
        assert peer.sent == 1
    else:
        assert make("GET", peer.url)[0] == 200
        assert peer.sent == 2


@every
@pytest.mark.parametrize(
    "told",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\nzz\r\n",
        RESET,
    ],
    ids=["no status line", "no chunk", "reset"],
)
def test_a_change_whose_answer_is_no_http_is_sent_once_and_in_doubt(make, peer, told):
    peer.tells(told if told == RESET else told + b"connection: close\r\n", OK)
    with pytest.raises(Exception) as raised:
        make("POST", peer.url)
    assert peer.sent == 1
    body_is_read_later = isinstance(make, OnAiohttp) and b"chunked" in told
    if not body_is_read_later:
        assert isinstance(reason_of(raised.value), OutcomeUnknownError)


# Redirects


@following
def test_another_host_gets_no_credentials(make, peer, peers):
    other = peers()
    peer.tells(answer(302, location=f"http://localhost:{other.port}/there"))
    assert make("GET", peer.url, **PROOF)[0] == 200
    assert peer.asked[0].headers["authorization"] == PROOF["authorization"]
    [asked] = other.asked
    assert (asked.path, asked.headers.get("authorization")) == ("/there", None)


@following
def test_an_http_address_gets_no_credentials_of_an_https_one(make, peers):
    secure, plain = peers("127.0.0.1"), peers()
    secure.tells(answer(307, location=f"{plain.url}/there"))
    assert make("GET", secure.url, **PROOF)[0] == 200
    assert secure.asked[0].headers["authorization"] == PROOF["authorization"]
    assert plain.asked[0].headers.get("authorization") is None


@following
def test_each_hop_is_a_call_of_its_own(make, peer):
    peer.tells(503, answer(302, location="/b"), 503, 503, OK)
    assert make("GET", f"{peer.url}/a")[0] == 200
    assert [one.path for one in peer.asked] == ["/a", "/a", "/b", "/b", "/b"]


@following
def test_a_circle_ends_where_the_client_ends_it(make, peer):
    peer.tells(answer(302, location="/a"))
    with pytest.raises(make.circle):
        make("GET", f"{peer.url}/a")
    assert peer.sent == make.hops


def test_botocore_goes_nowhere_else(policy, authority, peer, peers):
    other = peers()
    peer.tells(answer(302, location=f"http://localhost:{other.port}/there"), OK)
    with pytest.raises(botocore.exceptions.ClientError):
        OnBotocore(policy, authority)("GET", peer.url)
    assert [one.method for one in peer.asked] == ["GET", "HEAD"], "it asks for the bucket's region"
    assert other.sent == 0


# Certificates


@every
@pytest.mark.parametrize("fault", ["expired", "another host's"])
def test_a_certificate_that_is_not_believed_sees_no_request(make, peers, fault):
    names = ("127.0.0.1",) if fault == "expired" else ("elsewhere.example",)
    secure = peers(*names, expired=fault == "expired")
    for method in ("GET", "POST"):
        with pytest.raises(make.distrust) as raised:
            make(method, secure.url, **PROOF)
        assert reason_of(raised.value) is None, "nothing was sent, so nothing is in doubt"
    assert (secure.sent, make.policy.stats().attempts_failed) == (0, 6)


@every
def test_a_certificate_that_is_believed_is_no_hindrance(make, peers):
    secure = peers("127.0.0.1").tells(503, OK)
    assert make("GET", secure.url)[0] == 200
    assert secure.sent == 2


def test_a_vendor_whose_certificate_has_expired_opens_the_circuit(authority, peers):
    secure = peers("127.0.0.1", expired=True)
    policy = Policy("vendor", retry=Retry(3, backoff=0), breaker=Breaker(failures=3), deadline=30)
    with pytest.raises(httpx.ConnectError):
        OnHttpx(policy, authority)("GET", secure.url)
    assert policy.breaker.state.value == "open"
