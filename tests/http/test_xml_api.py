"""An API in XML: read without what XML can do to its readers, refused by the provider's table."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from hardpoint.core.errors import (
    AuthenticationError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    UnexpectedResponseError,
)
from hardpoint.http.errors import ErrorTable, Known
from hardpoint.http.messages import Response, StreamedResponse
from hardpoint.http.xml_api import XmlApi, XmlDocument, XmlUnreadableError
from hardpoint.testing import ManualClock

GONE = b"<Error><Code>Gone</Code><Message>it is, said hush-hush</Message></Error>"


class Recorder:
    """Gives one answer, and keeps what it was sent."""

    def __init__(self, body=b"", status=200):
        self.reply = Response(status=status, headers={}, body=body)
        self.requests = []
        self.bytes_max = None

    async def send(self, request):
        self.requests.append(request)
        return self.reply

    @asynccontextmanager
    async def stream(self, request, *, bytes_max):
        self.bytes_max = bytes_max
        reply = await self.send(request)

        async def pieces():
            yield reply.body[:5]
            yield reply.body[5:]

        yield StreamedResponse(reply.status, reply.headers, pieces())


class Signer:
    async def headers(self, method, url, headers, body, *, now):
        return (*headers, ("proof", f"{method} {url} {body.decode()} {now:.0f}"))

    def __init__(self):
        self.rejections = []

    async def rejected(self, code):
        self.rejections.append(code)

    def secrets(self):
        return ["hush-hush"]


def api(transport, signers=None):
    table = ErrorTable("acme", {"Gone": Known(NotFoundError, "", "")}, request_id="acme-request")
    return XmlApi(transport, signers or Signer(), table, ManualClock(now=1_700_000_000.0))


def streamed(transport, bytes_max=10):
    async def read():
        asked = api(transport).stream(
            "GET", "https://a.example", query=(), headers=(), bytes_max=bytes_max
        )
        async with asked as reply:
            return b"".join([some async for some in reply])

    return asyncio.run(read())


def test_a_request_is_signed_as_it_is_sent():
    transport = Recorder()
    asyncio.run(
        api(transport).send(
            "PUT", "https://a.example/b", query=[("c d", "é/")], headers=[("x", "y")], body=b"z"
        )
    )
    (request,) = transport.requests
    assert request.url == "https://a.example/b?c%20d=%C3%A9%2F"
    assert request.body == b"z"
    assert request.headers[1:] == (("x", "y"), ("proof", f"PUT {request.url} z 1700000000"))


def sent(transport):
    return asyncio.run(api(transport).send("GET", "https://a.example"))


@pytest.mark.parametrize("ask", [streamed, sent])
def test_a_refusal_has_the_error_of_its_code(ask):
    with pytest.raises(NotFoundError, match="it is, said") as caught:
        ask(Recorder(GONE, 400))
    assert (caught.value.vendor_code, caught.value.status) == ("Gone", 400)
    assert "hush-hush" not in str(caught.value)


@pytest.mark.parametrize("ask", [streamed, sent])
@pytest.mark.parametrize("body", [b"", b"<", b"<Error/>", b"{}", b"\xff"])
def test_a_refusal_without_words_goes_by_its_status(ask, body):
    with pytest.raises(PermissionDeniedError) as caught:
        ask(Recorder(body, 403))
    assert caught.value.vendor_code is None


def test_what_is_streamed_is_bounded_with_room_for_a_refusal():
    for asked, given in ((10, 64 * 1024), (1 << 20, 1 << 20)):
        transport = Recorder(b"0123456789")
        assert streamed(transport, asked) == b"0123456789"
        assert transport.bytes_max == given


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"<Made><Name> a </Name></Made>", None),
        (b'<n:Made xmlns:n="urn:x"><n:Name>a</n:Name></n:Made>', None),
        (b"<Other/>", UnexpectedResponseError),
        (b"no document", UnexpectedResponseError),
        (GONE, NotFoundError),
        (b"<Error/>", OutcomeUnknownError),
    ],
)
def test_an_answer_has_to_be_the_document_that_was_asked_for(body, expected):
    reply = Response(status=200, headers={}, body=body)
    if expected is None:
        assert api(Recorder()).document(reply, "Made").text("Name") == "a"
        return
    with pytest.raises(expected) as caught:
        api(Recorder()).document(reply, "Made")
    assert caught.value.outcome_known is (expected is NotFoundError)


def test_a_document_is_read_by_the_names_of_its_children():
    document = XmlDocument.read(b"<All><One>1</One><One> 2</One><Empty/></All>")
    assert document.name == "All"
    assert (document.text("One"), document.whole("Empty"), document.text("None")) == ("1", "", "")
    assert [one.name for one in document.each("One")] == ["One", "One"]


@pytest.mark.parametrize(
    "body",
    [
        b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>',
        b'<x><!ENTITY a "b"></x>',
        b"<x>",
        b'<?xml version="1.0" encoding="none"?><x/>',
    ],
)
def test_what_declares_anything_or_is_none_is_not_read(body):
    with pytest.raises(XmlUnreadableError):
        XmlDocument.read(body)


def test_who_signs_hears_of_credentials_that_are_not_accepted():
    body = b"<Error><Code>Expired</Code></Error>"
    for call in (api_send, api_stream):
        signers = Signer()
        with pytest.raises(AuthenticationError):
            asyncio.run(call(api(Recorder(body, status=401), signers)))
        assert signers.rejections == ["Expired"]


async def api_send(called):
    await called.send("GET", "https://a.example")


async def api_stream(called):
    async with called.stream("GET", "https://a.example", query=(), headers=(), bytes_max=1):
        raise AssertionError
