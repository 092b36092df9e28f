"""Reading what a token endpoint answers, however odd: tokens, or one typed error.

What decides, in this order: a status of 429, 408 or 5xx is transient whatever the body says; what
is no object says nothing; an error is an error with status 200 too; an unknown error never takes
the grant for gone. No text of the answer reaches an error before it was searched for secrets.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import parse_qsl, quote, quote_plus

from hardpoint.core.decoding import UNREADABLE
from hardpoint.core.errors import TokenEndpointError
from hardpoint.core.secrets import Secret
from hardpoint.http.errors import retry_after
from hardpoint.http.forms import FORM
from hardpoint.http.messages import Response
from hardpoint.http.redaction import MASK, redacted
from hardpoint.oauth.catalogue import Expiry, ProviderEntry
from hardpoint.oauth.tokens import Tokens

ANSWER_BYTES_MAX = 256 * 1024
LIFE_SECONDS_MAX = 10 * 366 * 86_400.0
"""No token lives longer; what claims to has a defect, or means "without end"."""

_NUMBER = re.compile(r"\d{1,12}(\.\d{1,6})?", re.ASCII)
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_LIKE_A_TOKEN = re.compile(r"(?![a-z_]+\b)[\w~+/=.-]{20,}")
"""Long and not a word of small letters, as `unsupported_grant_type` is."""
_OWN = frozenset(
    {
        "access_token",
        "refresh_token",
        "id_token",
        "token_type",
        "scope",
        "expires_in",
        "expires_at",
        "refresh_token_expires_in",
    }
)


def document_of(response: Response) -> Mapping[str, Any] | None:
    """The answer's object, from JSON or a form; None when it is neither."""
    if len(response.body) > ANSWER_BYTES_MAX:
        return None
    try:
        text = response.body.decode()
        if response.headers.get("content-type", "").partition(";")[0].strip().lower() == FORM:
            return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=100))
        # The standard library's reader takes `NaN` too: an answer must not be lost for that.
        document: Any = json.loads(text)
    except UNREADABLE:
        return None
    return cast("dict[str, Any]", document) if isinstance(document, dict) else None


def tokens_from(
    response: Response, entry: ProviderEntry, *, sent_at: float, private: Sequence[Secret] = ()
) -> Tokens:
    """The tokens an answer gives.

    Args:
        response: the answer, whole.
        entry: whose.
        sent_at: Unix seconds from before the request was sent; lives are counted from there.
        private: what was sent and must not come back in an error.

    Raises:
        TokenEndpointError: it gives none; `outcome_known` is false where the server may have used
            up what was sent all the same.
    """
    tokens = _tokens(accepted(response, entry, private=private), entry, sent_at)
    if tokens is None:
        raise _unreadable(response, entry)
    return tokens


def accepted(
    response: Response, entry: ProviderEntry, *, private: Sequence[Secret] = ()
) -> Mapping[str, Any]:
    """The object of an answer that is no refusal.

    Raises:
        TokenEndpointError: it is a refusal, or no object.
    """
    failure = _failure(response, entry, private)
    if failure is not None:
        raise failure  # from a frame whose variables hold nothing of the answer
    document = dict(document_of(response) or {})
    for name, path in entry.answer_fields.items():
        document[name] = _moved(document, path)
    return document


def member(document: object, path: str) -> object:
    """What lies at a dotted path, `team.id`; None where nothing does."""
    for step in path.split("."):
        if not isinstance(document, Mapping):
            return None
        document = cast("Mapping[str, object]", document).get(step)
    return document


def _moved(document: dict[str, Any], path: str) -> object:
    """What lay at a path, and does no more: a token is in one place alone."""
    outer, _, name = path.rpartition(".")
    holder = member(document, outer) if outer else document
    return cast("dict[str, Any]", holder).pop(name, None) if isinstance(holder, dict) else None


def _failure(
    response: Response, entry: ProviderEntry, private: Sequence[Secret]
) -> TokenEndpointError | None:
    status = response.status
    if status >= 500 or status in {408, 429}:
        return TokenEndpointError(
            f"{entry.name} answered {status}",
            status=status,
            retry_after=retry_after(response.headers),
            outcome_known=status in {429, 503},  # the others may have acted before they failed
        )
    document = document_of(response)
    if document is None:
        return _unreadable(response, entry)
    error = member(document, entry.error_field) or document.get("error")
    refused = entry.ok_field is not None and document.get(entry.ok_field) is False
    if 200 <= status < 300 and not error and not refused:
        return None
    secrets = [one.reveal() for one in private]
    code = error if isinstance(error, str) and _CODE.fullmatch(error) else ""
    words = document.get("error_description")
    shown = _shown(code, secrets) or "without a reason"
    told = f": {_shown(words, secrets)}" if isinstance(words, str) and words else ""
    return TokenEndpointError(
        f"{entry.name} answered {status} {shown}{told}",
        verdict=entry.verdict(code) or entry.statuses.get(status) or "transient",
        status=status,
        vendor_code=_shown(code, secrets) or None,
    )


def _unreadable(response: Response, entry: ProviderEntry) -> TokenEndpointError:
    """Neither tokens nor a refusal. A 2xx may hide that the server did what was asked."""
    return TokenEndpointError(
        f"the answer of {entry.name} cannot be read (status {response.status})",
        status=response.status,
        outcome_known=not 200 <= response.status < 300,
    )


def _shown(text: str, private: Sequence[str]) -> str:
    for one in private:
        for spelled in (one, quote(one, safe=""), quote_plus(one)):
            text = text.replace(spelled, MASK)
    return redacted(_LIKE_A_TOKEN.sub(MASK, text))


def _tokens(document: Mapping[str, Any], entry: ProviderEntry, sent_at: float) -> Tokens | None:
    access = _secret(document, "access_token")
    if access is None:
        return None
    refresh = _secret(document, "refresh_token")
    lives = life_of(document.get("refresh_token_expires_in")) or entry.refresh_seconds
    others = {
        name: tokens
        for name in entry.slots
        if isinstance(inner := document.get(name), dict)
        and (tokens := _tokens(cast("dict[str, Any]", inner), entry, sent_at)) is not None
    }
    kind = document.get("token_type")
    return Tokens(
        access=access,
        refresh=refresh,
        id_token=_secret(document, "id_token"),
        token_type=kind if isinstance(kind, str) and _CODE.fullmatch(kind) else "Bearer",
        scope=_scope(document.get("scope"), entry),
        issued_at=sent_at,
        expires_at=_ends(document, entry, sent_at),
        refresh_expires_at=None if refresh is None or lives is None else sent_at + lives,
        details={
            name: value
            for name, value in document.items()
            if name not in _OWN and name not in others
        },
        slots=others,
    )


def _secret(document: Mapping[str, Any], name: str) -> Secret | None:
    value = document.get(name)
    usable = isinstance(value, str) and value.isascii() and value.isprintable()
    return Secret.value(value) if usable and value and " " not in value else None


def _scope(value: object, entry: ProviderEntry) -> tuple[str, ...] | None:
    match value:
        case str():
            return tuple(value.replace(entry.granted_separator, " ").split())
        case list():
            return tuple(one for one in cast("list[Any]", value) if isinstance(one, str))
        case _:
            return None


def _ends(document: Mapping[str, Any], entry: ProviderEntry, sent_at: float) -> float | None:
    if entry.expiry is Expiry.DATE:
        at = _instant(document.get("expires_at"))
        if at is not None and at - sent_at <= LIFE_SECONDS_MAX:
            return at
        life = None
    else:
        life = life_of(document.get("expires_in"))
        if life is not None and entry.expiry is Expiry.MILLISECONDS:
            life /= 1000
    life = life or entry.access_seconds
    return None if life is None else sent_at + life


def life_of(value: object) -> float | None:
    """Seconds of life as an answer has them, a text too; None for what makes no sense.

    Zero, what is negative or no number, and what is longer than ten years make none.
    """
    if isinstance(value, str):
        value = float(value) if _NUMBER.fullmatch(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    usable = math.isfinite(value) and 0 < value <= LIFE_SECONDS_MAX
    return float(value) if usable else None


def _instant(value: object) -> float | None:
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if at is None:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
