"""What the errors of the clients that people use mean, held to the libraries as installed."""

import importlib
import inspect
import smtplib
import socket
import ssl
from http.client import InvalidURL, RemoteDisconnected
from types import SimpleNamespace
from urllib.error import HTTPError, URLError

import aiosmtplib
import pytest

from hardpoint.core.errors import (
    AttemptTimeoutError,
    AuthenticationError,
    CircuitOpenError,
    ConfigurationError,
    DeclinedError,
    InvalidRequestError,
    OutcomeUnknownError,
    RateLimitedError,
    UnavailableError,
)
from hardpoint.resilience import recognition
from hardpoint.resilience.recognition import RECOGNISED, Verdict, by_status, recognise
from hardpoint.resilience.repetition import Effect

UNSENT, NOTHING, UNKNOWN, ANSWERED = Effect


@pytest.mark.parametrize(
    ("error", "effect", "retry"),
    [
        (CircuitOpenError(), UNSENT, None),
        (ConfigurationError("key", "is wrong"), UNSENT, False),
        (InvalidRequestError("bad"), UNSENT, False),
        (InvalidRequestError("bad", status=400), ANSWERED, None),
        (AuthenticationError(), NOTHING, False),
        (UnavailableError(), NOTHING, None),
        (RateLimitedError(), NOTHING, None),
        (OutcomeUnknownError(), UNKNOWN, None),
        (OutcomeUnknownError(retryable=False), UNKNOWN, False),
        (UnavailableError(outcome_known=False), UNKNOWN, None),
        (AttemptTimeoutError(), UNKNOWN, None),
        (DeclinedError(reason="card"), ANSWERED, None),
    ],
)
def test_our_errors_tell_it_themselves(error, effect, retry):
    verdict = recognise(error)
    assert (verdict.effect, verdict.retry) == (effect, retry)


@pytest.mark.parametrize(
    ("error", "effect"),
    [
        (ConnectionRefusedError(), UNSENT),
        (socket.gaierror(), UNSENT),
        (ssl.SSLCertVerificationError(), UNSENT),
        (ConnectionResetError(), UNKNOWN),
        (TimeoutError(), UNKNOWN),
        (OSError("disk full"), UNKNOWN),
        (RemoteDisconnected(), UNKNOWN),
        (InvalidURL(), UNSENT),
        (HTTPError("http://x", 503, "busy", {}, None), UNKNOWN),
        (HTTPError("http://x", 404, "none", {}, None), ANSWERED),
        (URLError(ConnectionRefusedError()), UNSENT),
        (URLError(ConnectionResetError()), UNKNOWN),
        (URLError("no host given"), UNKNOWN),
        (URLError(KeyError()), UNKNOWN),
        (URLError(ssl.SSLCertVerificationError()), UNSENT),
        (smtplib.SMTPServerDisconnected(), UNKNOWN),
        (smtplib.SMTPConnectError(421, b"busy"), UNSENT),
        (smtplib.SMTPDataError(451, b"later"), NOTHING),
        (smtplib.SMTPDataError(554, b"no"), ANSWERED),
        (smtplib.SMTPRecipientsRefused({"a@b.c": (550, b"no")}), ANSWERED),
        (smtplib.SMTPRecipientsRefused({"a@b.c": (450, b"later")}), NOTHING),
        (smtplib.SMTPRecipientsRefused({}), UNKNOWN),
        (smtplib.SMTPAuthenticationError(535, b"no"), NOTHING),
        (aiosmtplib.SMTPServerDisconnected("x"), UNKNOWN),
        (aiosmtplib.SMTPReadTimeoutError("x"), UNKNOWN),
        (aiosmtplib.SMTPConnectTimeoutError("x"), UNSENT),
        (aiosmtplib.SMTPDataError(451, "later"), NOTHING),
        (aiosmtplib.SMTPDataError(554, "no"), ANSWERED),
        (aiosmtplib.SMTPAuthenticationError(535, "no"), NOTHING),
        (
            aiosmtplib.SMTPRecipientsRefused([aiosmtplib.SMTPRecipientRefused(450, "x", "a@b.c")]),
            NOTHING,
        ),
        (ValueError(), None),
    ],
)
def test_errors_of_the_standard_library(error, effect):
    assert recognise(error).effect is effect


@pytest.mark.parametrize(
    ("status", "effect"),
    [
        (None, UNKNOWN),
        (200, ANSWERED),
        (404, ANSWERED),
        (408, UNKNOWN),
        (425, NOTHING),
        (429, NOTHING),
        (401, NOTHING),
        (403, NOTHING),
        (500, UNKNOWN),
        (501, ANSWERED),
        (503, UNKNOWN),
    ],
)
def test_a_status_tells_what_an_answer_means(status, effect):
    assert by_status(status).effect is effect


def made(name, **attributes):
    """An error of a class by its dotted name, whatever its constructor wants."""
    module, _, kind = name.rpartition(".")
    cls = getattr(importlib.import_module(module), kind)
    error = cls.__new__(cls)
    for attribute, value in attributes.items():
        setattr(error, attribute, value)
    return error


def caused(error, cause):
    error.__cause__ = cause
    return error


def answer(status):
    return SimpleNamespace(status_code=status, headers={}, request=None)


def boto(code, status):
    return {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}


@pytest.mark.parametrize(
    ("name", "attributes", "effect"),
    [
        ("httpx2.ConnectError", {}, UNSENT),
        ("httpx2.ReadError", {}, UNKNOWN),
        ("httpx2.ReadTimeout", {}, UNKNOWN),
        ("httpx2.RemoteProtocolError", {}, UNKNOWN),
        ("httpx2.UnsupportedProtocol", {}, UNSENT),
        ("httpx2.HTTPStatusError", {"response": answer(429)}, NOTHING),
        ("httpx2.HTTPStatusError", {"response": answer(402)}, ANSWERED),
        ("httpx.ConnectTimeout", {}, UNSENT),
        ("httpx.WriteError", {}, UNKNOWN),
        ("httpcore2.ConnectError", {}, UNSENT),
        ("httpcore2.ReadError", {}, UNKNOWN),
        ("requests.exceptions.ConnectTimeout", {}, UNSENT),
        ("requests.exceptions.ReadTimeout", {}, UNKNOWN),
        ("requests.exceptions.ChunkedEncodingError", {}, UNKNOWN),
        ("requests.exceptions.MissingSchema", {}, UNSENT),
        ("requests.exceptions.HTTPError", {"response": answer(503)}, UNKNOWN),
        ("requests.exceptions.SSLError", {"args": (ssl.SSLCertVerificationError(),)}, UNSENT),
        ("requests.exceptions.SSLError", {"args": (ssl.SSLError(),)}, UNKNOWN),
        ("aiohttp.ClientConnectorError", {}, UNSENT),
        ("aiohttp.ServerDisconnectedError", {}, UNKNOWN),
        ("aiohttp.ClientPayloadError", {}, UNKNOWN),
        ("aiohttp.ClientResponseError", {"status": 404}, ANSWERED),
        ("botocore.exceptions.EndpointConnectionError", {}, UNSENT),
        ("botocore.exceptions.ReadTimeoutError", {}, UNKNOWN),
        ("botocore.exceptions.NoCredentialsError", {}, UNSENT),
        ("botocore.exceptions.ClientError", {"response": boto("SlowDown", 503)}, NOTHING),
        ("botocore.exceptions.ClientError", {"response": boto("NoSuchKey", 404)}, ANSWERED),
        ("botocore.exceptions.ClientError", {"response": boto("InternalError", 500)}, UNKNOWN),
        ("stripe.RateLimitError", {}, NOTHING),
        ("stripe.CardError", {"http_status": 402}, ANSWERED),
        ("stripe.APIError", {"http_status": 500}, UNKNOWN),
        ("openai.RateLimitError", {"status_code": 429}, NOTHING),
        ("openai.InternalServerError", {"status_code": 503}, UNKNOWN),
        ("anthropic.NotFoundError", {"status_code": 404}, ANSWERED),
        ("anthropic.APIConnectionError", {}, UNKNOWN),
        ("slack_sdk.errors.SlackApiError", {"response": answer(429)}, NOTHING),
        ("slack_sdk.errors.SlackApiError", {"response": answer(200)}, ANSWERED),
        ("twilio.base.exceptions.TwilioRestException", {"status": 404}, ANSWERED),
        ("python_http_client.exceptions.HTTPError", {"status_code": 429}, NOTHING),
        ("websockets.exceptions.InvalidStatus", {"response": answer(503)}, UNKNOWN),
        ("websockets.exceptions.InvalidURI", {}, UNSENT),
        ("websockets.exceptions.ConnectionClosedError", {}, UNKNOWN),
    ],
)
def test_errors_of_clients(name, attributes, effect):
    assert recognise(made(name, **attributes)).effect is effect


def test_a_wrapped_error_is_known_by_its_reason():
    import urllib3

    refused = urllib3.exceptions.NewConnectionError(None, "refused")
    reset = urllib3.exceptions.ProtocolError("reset", ConnectionResetError())
    for reason, effect in ((refused, UNSENT), (reset, UNKNOWN)):
        retried = urllib3.exceptions.MaxRetryError(None, "/", reason)
        assert recognise(retried).effect is effect
        assert recognise(made("requests.exceptions.ConnectionError", args=(retried,))).effect is (
            effect
        )


def test_a_chain_of_causes_that_never_ends_is_left():
    error = made("requests.exceptions.SSLError", args=())
    error.__cause__ = error
    assert recognise(error).effect is UNKNOWN


def test_an_sdk_that_says_only_no_connection_is_known_by_its_cause():
    unknown = made("stripe.APIConnectionError")
    assert recognise(unknown).effect is UNKNOWN
    assert recognise(caused(unknown, made("requests.exceptions.ConnectTimeout"))).effect is UNSENT
    assert recognise(caused(unknown, KeyError())).effect is UNKNOWN
    refused = caused(made("openai.APIConnectionError"), made("httpx2.ConnectError"))
    assert recognise(refused).effect is UNSENT
    assert recognise(caused(made("anthropic.APIConnectionError"), CircuitOpenError())).effect is (
        UNSENT
    )


class RpcError(Exception):
    """As grpc's, whose calls are errors."""

    __module__ = "grpc"

    def __init__(self, code, metadata=()):
        self._code, self._metadata = code, metadata

    def code(self):
        return SimpleNamespace(name=self._code)

    def trailing_metadata(self):
        return self._metadata


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (RpcError("UNAVAILABLE"), Verdict(effect=UNKNOWN)),
        (RpcError("NOT_FOUND"), Verdict(effect=ANSWERED)),
        (RpcError("UNAUTHENTICATED"), recognition.NOT_ADMITTED),
        (RpcError("RESOURCE_EXHAUSTED"), Verdict(effect=NOTHING, counts=False)),
        (
            RpcError("UNAVAILABLE", [("grpc-retry-pushback-ms", "300")]),
            Verdict(effect=UNKNOWN, wait=0.3),
        ),
        *(
            (
                RpcError("ABORTED", [("other", "1"), ("grpc-retry-pushback-ms", text)]),
                Verdict(effect=NOTHING, retry=False),
            )
            for text in ("-1", "soon")
        ),
    ],
)
def test_a_grpc_status_and_its_push_back_are_read(error, verdict):
    assert recognise(error) == verdict


IGNORED = {
    "httpx2": {"HTTPError", "CookieConflict", "StreamError", "StreamConsumed", "StreamClosed"}
    | {"ResponseNotRead", "RequestNotRead", "InvalidURL"},
    "requests.exceptions": {"CompatJSONDecodeError", "JSONDecodeError"},
    "urllib3.exceptions": {"MessageDefect", "ProxySchemeUnsupported"},
    "botocore.exceptions": {"MissingServiceIdError", "UndefinedModelAttributeError"},
    "websockets.exceptions": {"SecurityError"},
}
"""Mistakes in the use of a client: nothing of the network is in them."""


def classes(module):
    home = vars(importlib.import_module(module))
    return [
        cls
        for cls in home.values()
        if inspect.isclass(cls) and issubclass(cls, Exception) and not issubclass(cls, Warning)
    ]


@pytest.mark.parametrize(
    "module",
    [
        *("httpx2", "httpx", "httpcore2", "httpcore", "requests.exceptions", "urllib3.exceptions"),
        *("aiohttp.client_exceptions", "botocore.exceptions", "smtplib", "stripe"),
        "aiosmtplib.errors",
        *("twilio.base.exceptions", "python_http_client.exceptions", "websockets.exceptions"),
    ],
)
def test_every_error_a_client_exports_is_known(module):
    ignored = IGNORED.get(module, IGNORED.get(module.replace("httpx", "httpx2"), set()))
    unknown = {
        cls.__name__
        for cls in classes(module)
        if recognition._look_up(cls) is recognition.NOT_RECOGNISED
    }
    assert unknown <= ignored


def test_the_table_names_only_classes_that_exist():
    """An entry that nothing can match would be a promise that is not kept."""
    homes = {
        "http": "http.client", "urllib": "urllib.error", "requests": "requests.exceptions",
        "urllib3": "urllib3.exceptions", "aiohttp": "aiohttp.client_exceptions",
        "websockets": "websockets.exceptions", "twilio": "twilio.base.exceptions",
        "python_http_client": "python_http_client.exceptions", "slack_sdk": "slack_sdk.errors",
    }  # fmt: skip
    special = {
        ("botocore", "ResponseParserError"): "botocore.parsers",
        **{
            ("botocore", name): "botocore.exceptions"
            for module, name in RECOGNISED
            if module == "botocore" and name != "ResponseParserError"
        },
    }
    for module, name in RECOGNISED:
        if module == "grpc":
            continue
        home = importlib.import_module(special.get((module, name), homes.get(module, module)))
        assert hasattr(home, name), (module, name)


def test_classes_are_remembered_up_to_a_limit(monkeypatch):
    monkeypatch.setattr(recognition, "_known", {})
    monkeypatch.setattr(recognition, "_KNOWN_MAX", 1)
    for _ in range(2):
        assert recognise(KeyError()).effect is None
        assert recognise(ConnectionRefusedError()).effect is UNSENT
    assert list(recognition._known) == [KeyError]
