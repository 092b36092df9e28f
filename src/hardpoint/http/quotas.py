"""What an answer's headers say is left of a limit: pure parsers, one for each way of saying it.

    quota_in(reply.headers, "auto", now=clock.now)      # QuotaNews, or None

A header that makes no sense says nothing; none ever raises. What is read only slows down whoever
heeds it, so where several limits are told the tightest counts.

- `ietf`: `RateLimit: "p";r=50;t=30` (draft-ietf-httpapi-ratelimit-headers-11, May 2026, and 8 to
  10), `RateLimit: limit=100, remaining=50, reset=30` (7), `RateLimit-Remaining` and its like (0 to
  6).
- `x-ratelimit`: `X-RateLimit-Limit`, `-Remaining`, `-Reset`, also written `X-Rate-Limit-...`. Their
  reset is seconds, a Unix time, or a date. `-Reset-After` goes before it. `-Bucket` and `-Resource`
  name one limit among several.
- `call-limit`: `...-Call-Limit: 32/40`, the level of a leaky bucket. How fast it leaks is not said.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple, final, get_args

from hardpoint.http.errors import unix_date
from hardpoint.http.messages import Headers
from hardpoint.resilience.recognition import Quota

RateHeaders = Literal["auto", "ietf", "x-ratelimit", "call-limit", "none"]
"""Which of them an API sends; `auto` tries each."""
RATE_HEADERS: Final[tuple[str, ...]] = get_args(RateHeaders)

RESET_SECONDS_MAX: Final = 24 * 3600.0
CALL_LIMIT_SECONDS: Final = 1.0
"""What to wait where a leaky bucket is full: those that are known leak a call a second at least."""

_CHARACTERS_MAX: Final = 4096
_COUNT: Final = re.compile(r"[0-9]{1,12}", re.ASCII)
_SECONDS: Final = re.compile(r"[0-9]{1,16}(?:\.[0-9]{1,9})?", re.ASCII)
_LEVEL: Final = re.compile(r"([0-9]{1,9}) ?/ ?([0-9]{1,9})", re.ASCII)
_UNIX_LEAST: Final = 1e9
"""No limit lasts for 30 years: what is greater is a time."""
_MILLISECONDS_LEAST: Final = 1e12
_PREFIXES: Final = ("x-ratelimit-", "x-rate-limit-")
_PLAIN_PREFIX: Final = "ratelimit-"
_CALL_LIMIT: Final = "-call-limit"
_LIMIT: Final = b"limit"
"""Stands in every name of all of them."""


@final
class QuotaNews(NamedTuple):
    """What one answer says of a limit.

    Attributes:
        quota: what is left of it.
        bucket: which limit, where there are several; None for the one of all calls.
    """

    quota: Quota
    bucket: str | None = None


def quota_in(headers: Headers, form: RateHeaders, *, now: Callable[[], float]) -> QuotaNews | None:
    """What they say; None where they say nothing that makes sense.

    Args:
        headers: of an answer.
        form: which of the ways to look for.
        now: gives Unix seconds, for an answer that has no `Date` of its own.
    """
    for name, _ in headers.pairs:
        if _LIMIT in name.lower():  # most answers have none, and to decode all is dear
            break
    else:
        return None
    for read in _FORMS[form]:
        if found := read(headers, now()):
            return found
    return None


def _ietf(headers: Headers, now: float) -> QuotaNews | None:
    text = _joined(headers, "ratelimit")
    if not text:
        return _fields(headers, _PLAIN_PREFIX, now)
    told = [*_items(text)]
    members = {key: value for name, _ in told for key, _, value in [name.partition("=")]}
    if "remaining" in members:  # draft 7
        quota = _quota(members["remaining"], members.get("reset"), members.get("limit"))
        return quota and QuotaNews(quota)
    policies = dict(_items(_joined(headers, "ratelimit-policy")))
    quotas = [
        quota
        for name, facts in told
        for own in [policies.get(name, {})]
        if (quota := _quota(facts.get("r"), facts.get("t", own.get("w")), own.get("q")))
    ]
    return QuotaNews(min(quotas, key=_room)) if quotas else None


def _x_ratelimit(headers: Headers, now: float) -> QuotaNews | None:
    for prefix in _PREFIXES:
        if found := _fields(headers, prefix, now):
            bucket = headers.get(f"{prefix}bucket") or headers.get(f"{prefix}resource")
            return QuotaNews(found.quota, bucket and bucket[:200])
    return None


def _call_limit(headers: Headers, _: float) -> QuotaNews | None:
    for name in headers:
        found = _LEVEL.fullmatch(headers[name]) if name.endswith(_CALL_LIMIT) else None
        if found:
            level, limit = int(found[1]), int(found[2])
            left = max(limit - level, 0)
            return QuotaNews(Quota(remaining=left, reset_in=CALL_LIMIT_SECONDS, limit=limit))
    return None


def _fields(headers: Headers, prefix: str, now: float) -> QuotaNews | None:
    """A limit that has a header for each of its facts."""
    if f"{prefix}remaining" not in headers:  # most answers: dates are dear to read
        return None
    after = headers.get(f"{prefix}reset-after")
    reset = headers.get(f"{prefix}reset", "").strip()
    if after is None:
        date = headers.get("date", "")
        after = _until(reset, now if not date else _date(date, now))
    quota = _quota(headers.get(f"{prefix}remaining"), after, headers.get(f"{prefix}limit"))
    return quota and QuotaNews(quota)


def _until(reset: str, now: float) -> str | None:
    """Seconds from now, of seconds, a Unix time (in milliseconds, too) or a date."""
    if _SECONDS.fullmatch(reset):
        seconds = float(reset)
        if seconds >= _MILLISECONDS_LEAST:
            seconds /= 1000
        if seconds < _UNIX_LEAST:
            return reset
    else:
        seconds = _date(reset, -1.0)
        if seconds < 0:
            return None
    return f"{max(seconds - now, 0.0):.3f}"


def _date(text: str, otherwise: float) -> float:
    """Unix seconds of an HTTP date or one of ISO 8601."""
    for read in (_iso_date, unix_date):
        try:
            return read(text)
        except (ValueError, TypeError, OverflowError):
            continue
    return otherwise


def _iso_date(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()


def _quota(remaining: str | None, reset: str | None, limit: str | None) -> Quota | None:
    left, seconds = (remaining or "").strip(), (reset or "").strip()
    if not (_COUNT.fullmatch(left) and _SECONDS.fullmatch(seconds)):
        return None
    most = (limit or "").strip()
    return Quota(
        remaining=int(left),
        reset_in=min(float(seconds), RESET_SECONDS_MAX),
        limit=int(most) if _COUNT.fullmatch(most) else None,
    )


def _room(quota: Quota) -> tuple[float, float]:
    """The tightest first: calls a second that are left, then how long until there are more."""
    return quota.remaining / max(quota.reset_in, 1e-3), -quota.reset_in


def _joined(headers: Headers, name: str) -> str:
    """Every line of a header as one (RFC 9110, 5.3); nothing of one that is too long."""
    text = ", ".join(headers.all(name))
    return text if len(text) <= _CHARACTERS_MAX else ""


def _items(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The items of a list, each with its parameters (RFC 9651, 3.1), as they are written."""
    for item in _parted(text, ","):
        name, *parameters = _parted(item, ";")
        facts = (one.partition("=") for one in parameters)
        yield name.strip('"'), {key.strip(): value for key, _, value in facts}


def _parted(text: str, separator: str) -> Iterable[str]:
    """The parts between separators that do not stand within quotes."""
    if '"' not in text:
        return [one.strip() for one in text.split(separator)]
    parts = [""]
    for index, piece in enumerate(text.split('"')):
        if index % 2:
            parts[-1] += f'"{piece}"'
            continue
        first, *more = piece.split(separator)
        parts[-1] += first
        parts += more
    return [one.strip() for one in parts]


_FORMS: Final[Mapping[str, tuple[Callable[[Headers, float], QuotaNews | None], ...]]] = {
    "auto": (_ietf, _x_ratelimit, _call_limit),
    "ietf": (_ietf,),
    "x-ratelimit": (_x_ratelimit,),
    "call-limit": (_call_limit,),
    "none": (),
}
