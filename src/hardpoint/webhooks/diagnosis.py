"""Why a request does or does not verify: what `hardpoint verify` says.

Diagnosing goes by trying: the same scheme on what a proxy or a framework may have made of the
body, so it needs no knowledge of any vendor. It is for people, never for the accepting path.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, Protocol, runtime_checkable

import msgspec

from hardpoint.core.decoding import UNREADABLE
from hardpoint.core.errors import (
    ConfigurationError,
    MalformedRequestError,
    MissingSignatureError,
    SignatureMismatchError,
    StaleTimestampError,
    WebhookError,
)
from hardpoint.core.providers import provider_names
from hardpoint.core.secrets import Secret
from hardpoint.webhooks.fetched_keys import KeyNeededError
from hardpoint.webhooks.variants import told, variants
from hardpoint.webhooks.verification import (
    PROTOCOLS,
    Scheme,
    Verified,
    WebhookRequest,
    scheme,
    scheme_type,
)


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a request, and the first cause if it failed.

    Attributes:
        ok: the signature holds.
        reason: a stable word: `verified`, `malformed_body` (it holds, the event would be
            quarantined), `unfit_secret`, `body_changed`, or the error's own reason.
        message: one sentence for a person; never a secret.
        details: figures behind it: `key` (index of the secret), `age` in seconds, `id`, `type`...
    """

    ok: bool
    reason: str
    message: str
    details: dict[str, str | int | float | None] = {}


@runtime_checkable
class GivesClues(Protocol):
    """A scheme that can tell more about a signature that does not match."""

    def clue(self, request: WebhookRequest) -> str | None:
        """What the vendor's own marks in the request say about the secret it belongs to."""
        ...


def diagnose(
    name: str,
    request: WebhookRequest,
    secrets: Sequence[Secret | str],
    *,
    now: float,
    fetch: Callable[[KeyNeededError], None] | None = None,
    **settings: Any,
) -> Diagnosis:
    """Verify a request and say how it went.

    Args:
        name: the scheme's name.
        request: as it was captured.
        secrets: the live ones.
        now: Unix seconds to judge its age at.
        fetch: gets the key that a request names, where the vendor publishes its keys.
        **settings: what the scheme takes.

    Raises:
        ConfigurationError: an unknown scheme, or a setting it does not take; not an unfit secret.
    """

    def bind(some: Sequence[Secret | str]) -> Scheme:
        return scheme(name, secrets=some, **settings)

    try:
        bound = bind(secrets)
    except ConfigurationError as error:
        if not error.key.startswith("secrets"):
            raise
        return Diagnosis(ok=False, reason="unfit_secret", message=str(error))
    try:
        return _passed(_verified(bound, request, now, fetch), now)
    except (MissingSignatureError, MalformedRequestError, SignatureMismatchError) as error:
        return _meant(name, secrets, settings, request, now) or _explained(
            error, name, bind, secrets=secrets, request=request, now=now
        )
    except StaleTimestampError as error:
        return _failed(error, "The signature itself is right: check the clock, or it is a replay")
    except WebhookError as error:
        return _failed(error, None)


def _explained(
    error: WebhookError,
    name: str,
    bind: Callable[[Sequence[Secret | str]], Scheme],
    *,
    secrets: Sequence[Secret | str],
    request: WebhookRequest,
    now: float,
) -> Diagnosis:
    if isinstance(error, MissingSignatureError):
        return _failed(error, _elsewhere(name, bind(secrets).signature_headers, request))
    if isinstance(error, SignatureMismatchError):
        return _mismatched(error, bind, secrets, request, now)
    return _failed(error, None)


def _verified(
    bound: Scheme,
    request: WebhookRequest,
    now: float,
    fetch: Callable[[KeyNeededError], None] | None,
) -> Verified:
    try:
        return bound.verify(request, now=now)
    except KeyNeededError as needed:
        if fetch is None:
            raise
        fetch(needed)
    return bound.verify(request, now=now)


def _meant(
    name: str,
    secrets: Sequence[Secret | str],
    settings: Mapping[str, Any],
    request: WebhookRequest,
    now: float,
) -> Diagnosis | None:
    """Which other settings of a source that describes itself the request would verify with."""
    if name != "hmac":
        return None
    for changes in variants(settings, request):
        try:
            bound = scheme(name, secrets=secrets, **{**settings, **changes})
        except ConfigurationError:
            continue
        if changes and _holds(bound, request, request.body, now):
            message = f"the settings are not the vendor's: it verifies with {told(changes)}"
            return Diagnosis(ok=False, reason="other_settings", message=message)
    return None


def _passed(verified: Verified, now: float) -> Diagnosis:
    details: dict[str, str | int | float | None] = {"key": verified.key}
    age = ""
    if verified.signed_at is not None:
        details["age"] = now - verified.signed_at
        age = f"signed {now - verified.signed_at:.0f} s ago, "
    message = f"{age}matched by secrets[{verified.key}]"
    if verified.malformed is not None:
        message = f"{message}; the event would be quarantined: {verified.malformed}"
        return Diagnosis(ok=True, reason="malformed_body", message=message, details=details)
    odd = [event.malformed for event in verified.events if event.malformed]
    if odd:
        message += f"; {len(odd)} of {len(verified.events)} events would be quarantined: {odd[0]}"
        return Diagnosis(ok=True, reason="malformed_body", message=message, details=details)
    for event in verified.events:
        details |= {"id": event.id, "type": event.type, "account": event.account}
    return Diagnosis(ok=True, reason="verified", message=message, details=details)


def _failed(error: WebhookError, hint: str | None) -> Diagnosis:
    said = str(error).rstrip(".")
    message = f"{said}. {hint}" if hint else said
    return Diagnosis(ok=False, reason=error.reason, message=message)


def _elsewhere(name: str, signature: frozenset[bytes], request: WebhookRequest) -> str | None:
    """Where else a signature stands: in a header spelled otherwise, or of another scheme."""
    present = {header for header, _ in request.headers}
    spelled = {plain for header in present if (plain := _plain(header)) != header}
    if signature & spelled:
        return "It stands there as a variable of CGI or WSGI; write the name as sent, with dashes"
    for other in (*PROTOCOLS, *provider_names()):
        try:
            found = scheme_type(other).signature_headers & present
        except ConfigurationError:
            continue  # sends no webhooks
        if found and other != name:
            return f"It carries {min(found).decode()}, so it looks like one of {other}"
    return None


def _plain(header: bytes) -> bytes:
    return header.replace(b"_", b"-").removeprefix(b"http-")


def _mismatched(
    error: WebhookError,
    bind: Callable[[Sequence[Secret | str]], Scheme],
    secrets: Sequence[Secret | str],
    request: WebhookRequest,
    now: float,
) -> Diagnosis:
    bound = bind(secrets)
    for how, body in rewritten(request.body):
        if _holds(bound, request, body, now):
            return Diagnosis(
                ok=False,
                reason="body_changed",
                message=f"the signature is of {how}. Something re-wrote the body on its way: "
                "take the raw bytes before any framework parses them",
                details={"body": how},
            )
    for index, secret in enumerate(secrets):
        unquoted = _unquoted(bind, secret)
        if unquoted and _holds(unquoted, request, request.body, now):
            return Diagnosis(
                ok=False,
                reason="unfit_secret",
                message=f"secrets[{index}] holds the quotes it was written in; without it matches",
                details={"key": index},
            )
    changed = _changed(request)
    if changed is not None:
        return Diagnosis(
            ok=False,
            reason="body_changed",
            message=f"{changed}: it is not the bytes that were signed. Take them raw, and whole",
        )
    clue = bound.clue(request) if isinstance(bound, GivesClues) else None
    tried = f"{len(secrets)} secret{'s' if len(secrets) > 1 else ''} tried"
    message = f"either the secret is another ({tried}), or the body is not byte for byte what was"
    message += " signed; a signature cannot tell which"
    return Diagnosis(
        ok=False, reason=error.reason, message=f"{message}. {clue}" if clue else message
    )


def _changed(request: WebhookRequest) -> str | None:
    """What shows that the body is not whole, or not as it was, whatever the secret is."""
    body = request.body
    lengths = {value for name, value in request.headers if name == b"content-length"}
    if lengths and lengths != {b"%d" % len(body)}:
        told = b" and ".join(sorted(lengths)).decode("latin-1")
        return f"the body has {len(body)} bytes, and content-length says {told}"
    if body.startswith((b"{", b"[")):
        try:
            json.loads(body)
        except UNREADABLE:
            return "the body begins as JSON and is none"
    return None


def _holds(bound: Scheme, request: WebhookRequest, body: bytes, now: float) -> bool:
    rewritten = WebhookRequest.raw(request.method, request.url, request.headers, body)
    try:
        bound.verify(rewritten, now=now)
    except StaleTimestampError:
        return True
    except WebhookError:
        return False
    return True


def _unquoted(
    bind: Callable[[Sequence[Secret | str]], Scheme], secret: Secret | str
) -> Scheme | None:
    text = secret if isinstance(secret, str) else secret.reveal()
    bare = text.strip("'\"")
    if bare == text:
        return None
    try:
        return bind([bare])
    except ConfigurationError:
        return None


def rewritten(body: bytes) -> Iterator[tuple[str, bytes]]:
    """What a body may have been before something re-wrote it, and how to say so."""
    end = body.rstrip(b"\r\n")
    candidates = [
        ("the body without the line end it has", end),
        ("the body with a newline at its end", end + b"\n"),
        ("the body with CRLF at its end", end + b"\r\n"),
        ("the body with LF line ends", body.replace(b"\r\n", b"\n")),
        ("the body with CRLF line ends", body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")),
        ("the body without its byte order mark", body.removeprefix(b"\xef\xbb\xbf")),
        *_reserialised(body),
    ]
    seen = {body}
    for how, candidate in candidates:
        if candidate not in seen:
            seen.add(candidate)
            yield how, candidate


_LAYOUTS: dict[str, dict[str, Any]] = {
    "compact JSON": {"separators": (",", ":")},
    "JSON with blanks after commas and colons": {},
    "JSON indented by 2": {"indent": 2},
    "JSON indented by 4": {"indent": 4},
}


def _reserialised(body: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        document = json.loads(body)
    except UNREADABLE:
        return
    for (layout, style), ordered, ascii_only in product(
        _LAYOUTS.items(), (False, True), (False, True)
    ):
        text = json.dumps(document, sort_keys=ordered, ensure_ascii=ascii_only, **style)
        how = f"the same written as {layout}"
        how += ", its keys sorted" if ordered else ""
        how += ", all but ASCII escaped" if ascii_only else ""
        yield how, text.encode("utf-8", "surrogatepass")
