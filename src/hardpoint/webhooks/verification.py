"""From raw bytes to a verified event: the request, the result, and the `Scheme` in between.

`Scheme.verify` is sync and pure. For any bytes whatever it returns a `Verified` or raises a
`WebhookError`, and nothing else.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from inspect import Parameter, signature
from typing import Any, Protocol, final

import msgspec

from hardpoint.core.errors import ConfigurationError, MalformedRequestError
from hardpoint.core.providers import load, provider
from hardpoint.core.secrets import Secret

BODY_BYTES_MAX = 1024 * 1024
"""What a scheme takes unless its vendor is known to send more."""


class Coverage(StrEnum):
    """How much of a request a scheme's signature protects."""

    FULL_BODY = "full_body"
    FIELDS = "fields"
    NONE = "none"


class Replay(StrEnum):
    """What a scheme itself does against a captured request that is sent again.

    Dedupe makes a repeat harmless in any case; this says how long a captured one verifies at all.
    """

    WINDOW = "window"
    NONCE = "nonce"
    NONE = "none"


class Arrival(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How a request came, beside what HTTP says in its headers and its body.

    Attributes:
        method: in capitals; all but `POST` are for handshakes.
        query: of the target, without the question mark.
        peer: the address at the other end of the connection; empty where there is none, as on a
            Unix socket.
    """

    method: str = "POST"
    query: bytes = b""
    peer: str = ""


UNSAID = Arrival()
"""Nobody has said how it came."""


@final
class WebhookRequest:
    """One request as it arrived: raw body, headers in order.

    Args:
        method: `POST`.
        url: as the vendor called it; only schemes that sign the URL look at it.
        headers: pairs of name and value; names in any case. Latin-1 as HTTP has it; text beyond
            it cannot come off the wire and matches no scheme's grammar.
        body: the bytes as received, after transfer decoding and before any parsing.
        arrival: how it came.
    """

    __slots__ = ("arrival", "body", "headers", "method", "url")

    def __init__(
        self,
        *,
        method: str = "POST",
        url: str = "",
        headers: Iterable[tuple[str, str]] | Iterable[tuple[bytes, bytes]],
        body: bytes,
        arrival: "Arrival | None" = None,
    ) -> None:
        self.method = method
        self.url = url
        self.arrival = arrival or UNSAID
        self.headers: Sequence[tuple[bytes, bytes]] = [
            (_wire(name).lower(), _wire(value)) for name, value in headers
        ]
        self.body = body

    @classmethod
    def raw(
        cls,
        method: str,
        url: str,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes,
        *,
        arrival: "Arrival | None" = None,
    ) -> "WebhookRequest":
        """For servers: names already in lower case, nothing is copied."""
        request = object.__new__(cls)
        request.method = method
        request.url = url
        request.headers = headers
        request.body = body
        request.arrival = arrival or UNSAID
        return request

    def header(self, name: bytes) -> bytes | None:
        """The value of a header that may stand once only; `name` in lower case.

        Raises:
            MalformedRequestError: it stands more than once, so one of them is not the vendor's.
        """
        found: bytes | None = None
        for key, value in self.headers:
            if key == name:
                if found is not None:
                    raise MalformedRequestError(f"the {name.decode()} header appears twice")
                found = value
        return found

    def once(self, names: frozenset[bytes]) -> dict[bytes, bytes]:
        """The values of several headers that may stand once only, in one pass.

        Raises:
            MalformedRequestError: one stands more than once.
        """
        found: dict[bytes, bytes] = {}
        for name, value in self.headers:
            if name in names:
                if name in found:
                    raise MalformedRequestError(f"the {name.decode()} header appears twice")
                found[name] = value
        return found

    def __repr__(self) -> str:
        return f"<WebhookRequest {self.method} {len(self.body)} bytes>"


def _wire(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1", "replace")


class Notification(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One event as the vendor names it.

    Attributes:
        id: the vendor's id of the event; dedupe rests on it. Empty where the vendor gives none:
            then dedupe rests on the bytes.
        type: the vendor's word for what happened; empty where the payload has none.
        account: the vendor's account it belongs to, where one endpoint serves several.
        asserted: True when the signature does not vouch for id and type.
        body: its own part of the request's body, where one request tells of several; it is stored
            alone, so that a repeat in other company is still the same.
        malformed: why this one of several could not be read; it is quarantined by itself.
    """

    id: str
    type: str
    account: str | None = None
    asserted: bool = False
    body: bytes | None = None
    malformed: str | None = None


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What a vendor wants to hear: of a handshake, of which nothing is stored, or of an event."""

    status: int = 200
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """A request whose signature holds.

    Attributes:
        events: what it tells; empty for a handshake and for a malformed body.
        reply: the handshake's answer.
        malformed: why a body under a good signature could not be read; it is stored, quarantined.
        key: which of the scheme's secrets matched, counted from 0.
        signed_at: Unix seconds, where the scheme signs a time.
        covered: SHA-256 of what is signed, where many bodies may say the same; dedupe then takes it
            for the body's own.
        heard: what the vendor hears once all is stored, where it is more particular than 200.
    """

    events: tuple[Notification, ...] = ()
    reply: Reply | None = None
    malformed: str | None = None
    key: int = 0
    signed_at: int | None = None
    covered: bytes | None = None
    heard: Reply | None = None


class Scheme(Protocol):
    """One vendor's way of signing, with the keys of one source prepared.

    Attributes:
        covers: how much of a request the signature protects.
        replay: what the scheme itself does against a repeat.
        signature_headers: where the signature stands; names in lower case, never stored.
        stored_headers: what may be kept beside the body; names in lower case.
        body_bytes_max: the largest body this vendor is expected to send.
        refusal_us: about what it costs to refuse a small forged request, in microseconds of CPU;
            the dearest scheme's `decoy` stands in for sources that do not exist.
    """

    covers: Coverage
    replay: Replay
    signature_headers: frozenset[bytes]
    stored_headers: frozenset[bytes]
    body_bytes_max: int
    refusal_us: float

    def verify(self, request: WebhookRequest, *, now: float) -> Verified:
        """Check the signature, then read no more than id, type and account.

        Args:
            request: as it arrived.
            now: Unix seconds.

        Raises:
            WebhookError: whatever is wrong with it, whatever the bytes.
        """
        ...

    def sign(
        self, body: bytes, *, now: float, event_id: str, event_type: str
    ) -> Sequence[tuple[str, str]]:
        """The headers a vendor would send with this body: for tests, demos and forwarding.

        Args:
            body: what is sent.
            now: Unix seconds to sign at.
            event_id: used where the scheme carries the id in a header.
            event_type: likewise.
        """
        ...

    def decoy(self, *, now: float) -> Sequence[tuple[bytes, bytes]]:
        """Headers of a forged request: `verify` does all its work on them, and refuses.

        Args:
            now: Unix seconds.
        """
        ...


class SchemeType(Protocol):
    """A scheme's class."""

    signature_headers: frozenset[bytes]

    def __call__(self, **settings: Any) -> Scheme:
        """Prepare the keys.

        Raises:
            ConfigurationError: a secret of the wrong shape, or a setting out of range.
        """
        ...


PROTOCOLS: Mapping[str, str] = {
    "api_key": "hardpoint.webhooks.credentials:ApiKeyWebhooks",
    "basic": "hardpoint.webhooks.credentials:BasicWebhooks",
    "hmac": "hardpoint.webhooks.hmac_source:HmacWebhooks",
    "jwt": "hardpoint.webhooks.bearer_tokens:JwtWebhooks",
    "standard": "hardpoint.webhooks.standard:StandardWebhooks",
    "unsigned": "hardpoint.webhooks.unsigned:UnsignedWebhooks",
}
"""Schemes that belong to no vendor."""
DESCRIBED = frozenset(PROTOCOLS) - {"standard"}
"""Those that a source describes by settings of its own."""


def scheme(name: str, *, secrets: Sequence[Secret | str] = (), **settings: Any) -> Scheme:
    """The scheme of a provider or protocol, its keys prepared.

    Args:
        name: `stripe`, `github`, `standard`, ...
        secrets: every secret that is live now, newest first; text is wrapped as a `Secret`. None
            for schemes that have no secrets.
        **settings: what the scheme takes, such as `tolerance` in seconds.

    Raises:
        ConfigurationError: unknown name or setting, no secret, or one of the wrong shape.
    """
    kind = scheme_type(name)
    parameters = signature(kind).parameters
    known = settings_of(name)
    for setting in settings.keys() - known:
        raise ConfigurationError(
            setting,
            f"is no setting of {name}",
            fix=f"It has {', '.join(sorted(known))}" if known else "It has none",
        )
    for setting in sorted(known - settings.keys()):
        if parameters[setting].default is Parameter.empty:
            raise ConfigurationError(setting, "is missing", fix=f"{name} cannot do without it")
    if not isinstance(secrets, Sequence):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may err
        raise _no_secrets("secrets", secrets)
    for index, one in enumerate(secrets):
        if not isinstance(one, str | Secret):  # pyright: ignore[reportUnnecessaryIsInstance] - the same
            raise _no_secrets(f"secrets[{index}]", one)
    wrapped = [Secret.value(one) if isinstance(one, str) else one for one in secrets]
    if not has_secrets(name):
        if wrapped:
            raise ConfigurationError("secrets", f"are nothing that {name} has", fix="Remove them")
        return kind(**settings)
    return kind(secrets=wrapped, **settings)


def _no_secrets(key: str, given: object) -> ConfigurationError:
    problem = f"is {type(given).__name__}"
    return ConfigurationError(
        key, problem, fix='Write secrets=["whsec_..."], or of Secret.env(...)'
    )


def settings_of(name: str) -> frozenset[str]:
    """The settings that a scheme takes beside its secrets.

    Raises:
        ConfigurationError: see `scheme_type`.
    """
    return frozenset(signature(scheme_type(name)).parameters) - {"secrets"}


def has_secrets(name: str) -> bool:
    """Whether a scheme takes secrets.

    Raises:
        ConfigurationError: see `scheme_type`.
    """
    return "secrets" in signature(scheme_type(name)).parameters


def needs(name: str, setting: str) -> bool:
    """Whether a scheme cannot do without a setting.

    Raises:
        ConfigurationError: see `scheme_type`.
    """
    parameter = signature(scheme_type(name)).parameters.get(setting)
    return parameter is not None and parameter.default is Parameter.empty


def scheme_type(name: str) -> SchemeType:
    """The class behind a scheme's name.

    Raises:
        ConfigurationError: unknown, or the provider sends no webhooks.
    """
    reference = PROTOCOLS.get(name)
    if reference is None:
        found = provider(name)
        reference = found.webhooks
        if reference is None:
            raise ConfigurationError("provider", f"{name} has no webhooks: it {found.serves()}")
    return load(reference)
