"""Assertions whose failure says what happened instead, and what it most likely comes from.

assert_exactly_once(stripe, "charge", reference="order-7")
assert_call_budget(stripe, 4, on="POST /v1/*")
assert_no_secret_in([caplog.text, error], [settings.secret_key])
"""

import base64
import fnmatch
import json
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, quote_plus

from hardpoint.core.errors import MisuseError
from hardpoint.core.secrets import Secret
from hardpoint.fakes.ledger import Ledger, LedgerEntry
from hardpoint.fakes.messages import Exchange
from hardpoint.fakes.server import FakeServer

SECRET_CHARS_LEAST = 6
"""Anything shorter is found in texts that do not hold it."""

_MASK = "****"
_AROUND = 30
_ROWS_MAX = 20


def assert_exactly_once(vendor: FakeServer | Ledger, kind: str, /, **facts: Any) -> LedgerEntry:
    """It happened once at the vendor, no more and no less; gives its entry.

    Args:
        vendor: the fake, or its ledger alone.
        kind: what, `charge`.
        **facts: which; all of them must agree.

    Raises:
        AssertionError: with the ledger, and what it most likely comes from.
    """
    __tracebackhide__ = True  # pytest shows the line that asserts
    ledger = vendor if isinstance(vendor, Ledger) else vendor.ledger
    exchanges = () if isinstance(vendor, Ledger) else tuple(vendor.exchanges)
    found = ledger.entries(kind, **facts)
    if len(found) == 1:
        return found[0]
    cause = _repeated(found, exchanges) if found else _missing(ledger, kind, facts, exchanges)
    raise AssertionError(
        f"{LedgerEntry(kind=kind, facts=facts)} happened {len(found)} times, not once: {cause}\n"
        f"The ledger:\n{_rows(ledger.entries())}"
    )


def assert_call_budget(server: FakeServer, most: int, *, on: str = "*") -> None:
    """No more requests reached the vendor than it may take.

    Args:
        server: the fake.
        most: how many.
        on: which ones count, `POST /v1/*`; a glob over method and path.

    Raises:
        AssertionError: with the requests, and what it most likely comes from.
    """
    __tracebackhide__ = True
    counted = [one for one in tuple(server.exchanges) if _matches(one, on)]
    if len(counted) <= most:
        return
    raise AssertionError(
        f"{len(counted)} requests to {server.app.name}, at most {most} allowed: "
        f"{_spent(counted)}\nThe requests:\n{_rows(counted)}"
    )


def assert_no_secret_in(where: object, secrets: Iterable[Secret | str]) -> None:
    """None of the secrets stands there: as it is, escaped, percent-encoded or in base64.

    Args:
        where: a text, bytes, an error (with its causes and its traceback as it is printed), any
            object (as it is shown), or a list or mapping of these.
        secrets: at least six characters each.

    Raises:
        AssertionError: says where, with the secret masked.
        MisuseError: a secret is too short to be told from other text.
    """
    __tracebackhide__ = True
    for number, secret in enumerate(secrets):
        plain = secret.reveal() if isinstance(secret, Secret) else secret
        if len(plain) < SECRET_CHARS_LEAST:
            raise MisuseError(f"Secret {number} is too short to look for")
        name = secret.reference if isinstance(secret, Secret) else f"secret {number}"
        for place, text in _texts(where, "it"):
            for how, form in _forms(plain):
                if form in text:
                    raise AssertionError(f"{name} stands in {place}, {how}: {_excerpt(text, form)}")


def _repeated(found: Sequence[LedgerEntry], exchanges: Sequence[Exchange]) -> str:
    first, *others = (one.facts for one in found)
    differing = [name for name in first if any(one.get(name) != first[name] for one in others)]
    cause = "it was asked for again, under another idempotency key or none"
    lost = next((one for one in exchanges if one.status is None), None)
    if lost is not None:
        cause += f", after an answer was lost: {lost}"
    return cause + f" (they differ in {', '.join(differing) or 'nothing'})"


def _missing(
    ledger: Ledger, kind: str, facts: Mapping[str, Any], exchanges: Sequence[Exchange]
) -> str:
    alike = [_differing(entry, facts) for entry in ledger.entries(kind)]
    if alike:
        nearest = min(alike, key=len)
        told = ", ".join(f"{name} is {value!r}" for name, value in nearest.items())
        return f"there is a {kind} whose {told}"
    if exchanges:
        return f"the last answer was: {exchanges[-1]}"
    if ledger.count():
        return f"the vendor did other things, and no {kind}"
    return "the vendor did nothing at all; look whether base_url leads to it"


def _differing(entry: LedgerEntry, facts: Mapping[str, Any]) -> dict[str, Any]:
    """What an entry says instead."""
    had = {name: entry.facts.get(name) for name in facts}
    return {name: value for name, value in had.items() if value != facts[name]}


def _spent(exchanges: Sequence[Exchange]) -> str:
    """Requests like one another are the sign of retries; who makes them, we cannot see."""
    [(most, count)] = Counter(f"{one.method} {one.path}" for one in exchanges).most_common(1)
    failed = sum(one.status is None or one.status >= 500 or one.status == 429 for one in exchanges)
    if count > 1 and failed:
        return (
            f"{failed} of them failed, and {most} came {count} times; when more than one layer "
            "retries, their attempts multiply"
        )
    if count > 1:
        return f"{most} came {count} times, though none failed; a loop or a second caller asks"
    return "each is another one; a loop asks for one thing at a time"


def _matches(exchange: Exchange, on: str) -> bool:
    return fnmatch.fnmatchcase(f"{exchange.method} {exchange.path}", on)


def _rows(rows: Sequence[object]) -> str:
    shown = [f"  {one}" for one in rows[-_ROWS_MAX:]]
    if len(rows) > len(shown):
        shown.insert(0, f"  (the last {len(shown)} of {len(rows)})")
    return "\n".join(shown) or "  (empty)"


def _texts(where: object, place: str) -> Iterator[tuple[str, str]]:
    match where:
        case str():
            yield place, where
        case bytes():
            yield place, where.decode("latin-1")
        case BaseException():
            yield f"{place}, as it is printed", "".join(traceback.format_exception(where))
            yield f"{place}, as it is shown", repr(where)
        case Mapping() | list() | tuple() | set() | frozenset():
            for name, one in _elements(where):
                yield from _texts(one, f"{place}[{name}]")
        case _:
            yield f"{place}, as it is shown", repr(where)
            yield f"{place}, as text", str(where)


def _elements(where: Any) -> Iterator[tuple[object, object]]:
    """What it holds, and where; a mapping's keys by their number, since one may be a secret."""
    if isinstance(where, Mapping):
        for number, (key, value) in enumerate(where.items()):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
            yield f"key {number}", key
            yield f"value {number}", value
    else:
        yield from enumerate(where)


def _forms(secret: str) -> Iterator[tuple[str, str]]:
    yield "as it is", secret
    for how, form in (
        ("escaped", json.dumps(secret)[1:-1]),
        ("escaped", ascii(secret)[1:-1]),
        ("percent-encoded", quote(secret, safe="")),
        ("percent-encoded", quote_plus(secret)),
    ):
        if form != secret:
            yield how, form
    for offset in range(3):
        inner = _inner_base64(secret, offset)
        yield "in base64", inner
        yield "in base64", inner.replace("+", "-").replace("/", "_")


def _inner_base64(secret: str, offset: int) -> str:
    """What base64 makes of a secret that stands anywhere in a text, `offset` modulo 3.

    Without its first and last character where these depend on what stands beside it too.
    """
    content = secret.encode()
    encoded = base64.b64encode(b"\0" * offset + content).decode()
    return encoded[(0, 2, 3)[offset] : (offset + len(content)) * 8 // 6]


def _excerpt(text: str, form: str) -> str:
    start = text.index(form)
    before, after = text[:start][-_AROUND:], text[start + len(form) :][:_AROUND]
    return repr(f"{before}{_MASK}{after}".replace(form, _MASK))
