"""What an error means, ours or that of a client people use: what its attempt did over there.

Clients are known by module and class name along the class's bases, so that none is imported. What
an answer with a status means is said by the status. A test holds the table to the installed
libraries.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, final

from hardpoint.core.errors import (
    AuthenticationError,
    HardpointError,
    InvalidRequestError,
    PermissionDeniedError,
    ProviderError,
    RejectedError,
)
from hardpoint.resilience.hints import status_of
from hardpoint.resilience.repetition import Effect


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What the other side says is left of its limit.

    Attributes:
        remaining: calls that it will still take.
        reset_in: seconds until it counts anew.
        limit: calls per window, where it says so.
        window: seconds, likewise.
    """

    remaining: int
    reset_in: float
    limit: int | None = None
    window: float | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What an error or a result means. `Policy(classify=...)` gives one, or None to leave it be.

    Attributes:
        effect: what the attempt did on the other side; None when that cannot be told.
        counts: whether it counts against the other side; None by its effect and status.
        retry: False is final, whatever was chosen; True consents to a repetition, as far as the
            class of the operation allows it.
        wait: the least to wait before another attempt, in seconds.
        quota: what is left of the other side's limit.
    """

    effect: Effect | None = None
    counts: bool | None = None
    retry: bool | None = None
    wait: float | None = None
    quota: Quota | None = None


Meaning: TypeAlias = "Verdict | Callable[[Any], Verdict]"

NOT_RECOGNISED = Verdict()
UNSENT = Verdict(effect=Effect.UNSENT)
NOTHING_DONE = Verdict(effect=Effect.NOTHING)
UNKNOWN = Verdict(effect=Effect.UNKNOWN)
LOCAL = Verdict(effect=Effect.UNKNOWN)
"""An error of the operating system: perhaps of the network, perhaps of a disk."""
ANSWERED = Verdict(effect=Effect.ANSWERED)
INVALID = Verdict(effect=Effect.UNSENT, counts=False, retry=False)
"""The client itself refused it, and would refuse it again."""
NOT_ADMITTED = Verdict(effect=Effect.NOTHING, counts=False, retry=False)
"""Wrong credentials: it did not look at the request, so it tells nothing of an earlier one."""
_NO_ANSWER = Verdict(effect=Effect.UNKNOWN, counts=True)
"""What came was no HTTP, whatever status the client gave it."""
_FINAL_DOUBT = Verdict(effect=Effect.UNKNOWN, counts=False, retry=False)

_PASSING = frozenset({425, 429})
_REQUEST_TIMEOUT = 408
_SENSELESS = frozenset({501, 505})


def recognise(error: BaseException) -> Verdict:
    """What an error means; `NOT_RECOGNISED` when nobody knows."""
    kind = type(error)
    meaning = _known.get(kind)
    if meaning is None:
        meaning = _look_up(kind)
        if len(_known) < _KNOWN_MAX:
            _known[kind] = meaning
    return meaning if isinstance(meaning, Verdict) else meaning(error)


def by_status(status: int | None) -> Verdict:
    """What an answer with this HTTP status means (RFC 9110, 15); without one nothing is known."""
    if status is None:
        return UNKNOWN
    if status in _PASSING:
        return NOTHING_DONE
    if status == _REQUEST_TIMEOUT or (status >= 500 and status not in _SENSELESS):
        return UNKNOWN
    return NOT_ADMITTED if status in {401, 403, 407} else ANSWERED


# Ours


def _ours(error: HardpointError) -> Verdict:
    if isinstance(error, RejectedError):
        return UNSENT
    if not error.outcome_known:
        # A driver that says no outright knows that asking again is of no use.
        return _FINAL_DOUBT if vars(error).get("retryable") is False else UNKNOWN
    if error.retryable:
        return NOTHING_DONE
    if isinstance(error, AuthenticationError | PermissionDeniedError):
        return NOT_ADMITTED
    ours_alone = not isinstance(error, ProviderError) or (
        isinstance(error, InvalidRequestError) and error.status is None
    )
    return INVALID if ours_alone else ANSWERED


# Other people's


def _of_answer(error: Any) -> Verdict:
    return by_status(status_of(error))


def _of_read_answer(error: Any) -> Verdict:
    """What is no HTTP has a status of aiohttp's own making; its parser's error is the cause."""
    read = type(error.__cause__).__module__ != "aiohttp.http_exceptions"
    return _of_answer(error) if read else _NO_ANSWER


def _of_code(error: Any) -> Verdict:
    return by_status(error.code)


def _of_reason(error: Any) -> Verdict:
    """`requests` and `urllib` wrap what happened: it is the `reason`, or the first argument's."""
    inner = getattr(error, "reason", None) or next(iter(error.args), None)
    reason = getattr(inner, "reason", None) or inner
    if _is_distrust(reason):
        return UNSENT
    if not isinstance(reason, Exception) or reason is error:
        return UNKNOWN
    meaning = recognise(reason)
    return UNKNOWN if meaning is NOT_RECOGNISED else meaning


def _is_distrust(error: object) -> bool:
    """Whether a certificate was not believed, by `ssl` or by urllib3's own comparison of names."""
    ssl, kind = sys.modules.get("ssl"), type(error)
    by_name = (kind.__module__.partition(".")[0], kind.__name__) == ("urllib3", "CertificateError")
    return by_name or (ssl is not None and isinstance(error, ssl.SSLCertVerificationError))


def _of_certificate(error: Any) -> Verdict:
    """A handshake that failed sent nothing; a TLS error later may have come after it."""
    seen = error
    for _ in range(_CHAIN_MAX):
        if _is_distrust(seen):
            return UNSENT
        inner = getattr(seen, "reason", None) or next(iter(getattr(seen, "args", ())), None)
        seen = inner if isinstance(inner, BaseException) else (seen.__cause__ or seen.__context__)
        if seen is None:
            break
    return UNKNOWN


def _of_cause(error: Any) -> Verdict:
    """An SDK that says only "no connection": what it was raised from says more."""
    cause = error.__cause__ or error.__context__
    meaning = NOT_RECOGNISED if cause is None or cause is error else recognise(cause)
    return UNKNOWN if meaning is NOT_RECOGNISED else meaning


_BOTO_THROTTLED = """
    BandwidthLimitExceeded EC2ThrottledException LimitExceededException PriorRequestNotComplete
    ProvisionedThroughputExceededException RequestLimitExceeded RequestThrottled
    RequestThrottledException SlowDown Throttling ThrottledException ThrottlingException
    TooManyRequestsException TransactionInProgressException
"""  # botocore/retries/standard.py, ThrottledRetryableChecker


def _of_boto_answer(error: Any) -> Verdict:
    answer = error.response
    if answer.get("Error", {}).get("Code") in _BOTO_THROTTLED.split():
        return NOTHING_DONE
    return by_status(answer.get("ResponseMetadata", {}).get("HTTPStatusCode"))


_GRPC_UNKNOWN = {
    "UNAVAILABLE",
    "DEADLINE_EXCEEDED",
    "INTERNAL",
    "UNKNOWN",
    "CANCELLED",
    "DATA_LOSS",
}
_GRPC_NOTHING = frozenset({"ABORTED", "RESOURCE_EXHAUSTED"})


def _of_grpc_code(error: Any) -> Verdict:
    """By status code; a server that pushes back names the wait, or says no (gRPC A6)."""
    code = getattr(error.code(), "name", "UNKNOWN") if hasattr(error, "code") else "UNKNOWN"
    if code == "UNAUTHENTICATED":
        return NOT_ADMITTED
    effect = Effect.ANSWERED
    if code in _GRPC_UNKNOWN:
        effect = Effect.UNKNOWN
    elif code in _GRPC_NOTHING:
        effect = Effect.NOTHING
    metadata = error.trailing_metadata() if hasattr(error, "trailing_metadata") else None
    asked = next((text for name, text in metadata or () if name == "grpc-retry-pushback-ms"), None)
    counts = False if code == "RESOURCE_EXHAUSTED" else None
    if asked is None:
        return Verdict(effect=effect, counts=counts)
    try:
        wait = int(asked) / 1000
    except ValueError:
        wait = -1.0
    if wait < 0:
        return Verdict(effect=effect, counts=counts, retry=False)
    return Verdict(effect=effect, counts=counts, wait=wait)


def _of_smtp_code(error: Any) -> Verdict:
    """4yz: not now; 5yz: no (RFC 5321, 4.2.1)."""
    code = getattr(error, "smtp_code", None) or getattr(error, "code", None)
    refused: Any = getattr(error, "recipients", None)
    if code is None and refused:
        dictionary = hasattr(refused, "values")  # smtplib's; aiosmtplib has a list of errors
        code = max(one[0] for one in refused.values()) if dictionary else refused[0].code
    if not isinstance(code, int):
        return UNKNOWN
    return NOTHING_DONE if 400 <= code < 500 else ANSWERED


_CHAIN_MAX = 8
_KNOWN_MAX = 1000
_known: dict[type, Meaning] = {}


def _look_up(kind: type) -> Meaning:
    if issubclass(kind, HardpointError):
        return _ours
    for one in kind.__mro__:
        meaning = RECOGNISED.get((one.__module__.partition(".")[0], one.__name__))
        if meaning is not None:
            return meaning
    return NOT_RECOGNISED


def _httpx(module: str) -> dict[tuple[str, str], Meaning]:
    return {
        (module, "ConnectError"): UNSENT,
        (module, "ConnectTimeout"): UNSENT,
        (module, "PoolTimeout"): UNSENT,
        (module, "ProxyError"): UNSENT,
        (module, "UnsupportedProtocol"): INVALID,
        (module, "InvalidURL"): INVALID,
        (module, "TransportError"): UNKNOWN,
        (module, "DecodingError"): ANSWERED,
        (module, "TooManyRedirects"): ANSWERED,
        (module, "HTTPStatusError"): _of_answer,
        (module, "RequestError"): UNKNOWN,
    }


def _httpcore(module: str) -> dict[tuple[str, str], Meaning]:
    return {
        (module, "ConnectError"): UNSENT,
        (module, "ConnectTimeout"): UNSENT,
        (module, "PoolTimeout"): UNSENT,
        (module, "ProxyError"): UNSENT,
        (module, "ConnectionNotAvailable"): UNSENT,
        (module, "UnsupportedProtocol"): INVALID,
        (module, "NetworkError"): UNKNOWN,
        (module, "TimeoutException"): UNKNOWN,
        (module, "ProtocolError"): UNKNOWN,
    }


def _generated(module: str) -> dict[tuple[str, str], Meaning]:
    """SDKs that one generator writes."""
    return {
        (module, "APIConnectionError"): _of_cause,
        (module, "APIStatusError"): _of_answer,
        (module, "APIResponseValidationError"): ANSWERED,
    }


def _smtp(module: str, unsupported: str) -> dict[tuple[str, str], Meaning]:
    return {
        (module, "SMTPConnectError"): UNSENT,
        (module, "SMTPHeloError"): UNSENT,
        (module, "SMTPResponseException"): _of_smtp_code,
        (module, "SMTPRecipientsRefused"): _of_smtp_code,
        (module, unsupported): INVALID,
        (module, "SMTPAuthenticationError"): NOT_ADMITTED,
        (module, "SMTPException"): UNKNOWN,
    }


RECOGNISED: dict[tuple[str, str], Meaning] = {
    ("builtins", "ConnectionRefusedError"): UNSENT,
    ("socket", "gaierror"): UNSENT,
    ("ssl", "SSLCertVerificationError"): UNSENT,
    ("builtins", "ConnectionError"): UNKNOWN,
    ("builtins", "TimeoutError"): UNKNOWN,
    ("builtins", "OSError"): LOCAL,
    ("http", "InvalidURL"): INVALID,
    ("http", "ImproperConnectionState"): INVALID,
    ("http", "HTTPException"): UNKNOWN,
    ("urllib", "HTTPError"): _of_code,
    ("urllib", "URLError"): _of_reason,
    **_httpx("httpx"),
    **_httpx("httpx2"),
    **_httpcore("httpcore"),
    **_httpcore("httpcore2"),
    ("requests", "ConnectTimeout"): UNSENT,
    ("requests", "SSLError"): _of_certificate,
    ("requests", "ConnectionError"): _of_reason,
    ("requests", "HTTPError"): _of_answer,
    ("requests", "TooManyRedirects"): ANSWERED,
    ("requests", "InvalidJSONError"): ANSWERED,
    ("requests", "JSONDecodeError"): ANSWERED,
    ("requests", "ContentDecodingError"): ANSWERED,
    ("requests", "StreamConsumedError"): ANSWERED,
    ("requests", "MissingSchema"): INVALID,
    ("requests", "InvalidSchema"): INVALID,
    ("requests", "InvalidURL"): INVALID,
    ("requests", "InvalidHeader"): INVALID,
    ("requests", "URLRequired"): INVALID,
    ("requests", "UnrewindableBodyError"): INVALID,
    ("requests", "RequestException"): UNKNOWN,
    ("urllib3", "NewConnectionError"): UNSENT,
    ("urllib3", "ConnectTimeoutError"): UNSENT,
    ("urllib3", "EmptyPoolError"): UNSENT,
    ("urllib3", "FullPoolError"): UNSENT,
    ("urllib3", "ClosedPoolError"): UNSENT,
    ("urllib3", "ProxyError"): UNSENT,
    ("urllib3", "SSLError"): _of_certificate,
    ("urllib3", "MaxRetryError"): _of_reason,
    ("urllib3", "LocationValueError"): INVALID,
    ("urllib3", "InvalidHeader"): INVALID,
    ("urllib3", "UnrewindableBodyError"): INVALID,
    ("urllib3", "DecodeError"): ANSWERED,
    ("urllib3", "HTTPError"): UNKNOWN,
    ("aiohttp", "ClientConnectorError"): UNSENT,
    ("aiohttp", "ClientConnectorCertificateError"): UNSENT,
    ("aiohttp", "ConnectionTimeoutError"): UNSENT,
    ("aiohttp", "ClientHttpProxyError"): UNSENT,
    ("aiohttp", "ServerFingerprintMismatch"): UNSENT,
    ("aiohttp", "InvalidURL"): INVALID,
    ("aiohttp", "TooManyRedirects"): ANSWERED,
    ("aiohttp", "ClientResponseError"): _of_read_answer,
    ("aiohttp", "WSMessageTypeError"): ANSWERED,
    ("aiohttp", "ClientError"): UNKNOWN,
    ("botocore", "EndpointConnectionError"): UNSENT,
    ("botocore", "ConnectTimeoutError"): UNSENT,
    ("botocore", "ProxyConnectionError"): UNSENT,
    ("botocore", "SSLError"): _of_certificate,
    ("botocore", "ClientError"): _of_boto_answer,
    ("botocore", "HTTPClientError"): UNKNOWN,
    ("botocore", "ConnectionError"): UNKNOWN,
    ("botocore", "IncompleteReadError"): UNKNOWN,
    ("botocore", "FlexibleChecksumError"): UNKNOWN,
    ("botocore", "ChecksumError"): UNKNOWN,
    ("botocore", "ResponseParserError"): UNKNOWN,
    ("botocore", "WaiterError"): ANSWERED,
    ("botocore", "BotoCoreError"): INVALID,
    ("grpc", "RpcError"): _of_grpc_code,
    ("websockets", "InvalidURI"): INVALID,
    ("websockets", "InvalidProxy"): INVALID,
    ("websockets", "ProxyError"): UNSENT,
    ("websockets", "InvalidStatus"): _of_answer,
    ("websockets", "InvalidHandshake"): ANSWERED,
    ("websockets", "WebSocketException"): UNKNOWN,
    **_smtp("smtplib", "SMTPNotSupportedError"),
    **_smtp("aiosmtplib", "SMTPNotSupported"),
    ("stripe", "APIConnectionError"): _of_cause,
    ("stripe", "RateLimitError"): NOTHING_DONE,
    ("stripe", "SignatureVerificationError"): ANSWERED,
    ("stripe", "StripeError"): _of_answer,
    **_generated("openai"),
    **_generated("anthropic"),
    ("slack_sdk", "SlackApiError"): _of_answer,
    ("twilio", "TwilioRestException"): _of_answer,
    ("twilio", "TwilioException"): UNKNOWN,
    ("python_http_client", "HTTPError"): _of_answer,
}
"""(module, class) to its meaning; an error's own class is asked before its bases."""
