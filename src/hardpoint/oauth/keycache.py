"""The keys of every issuer, fetched rarely: when they are old, and when an unknown one is named.

Issuers rotate their keys, so an unknown name is worth one look. A token that names a key of chance
costs its sender nothing, so it is not worth a second look within a minute.
"""

import re
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol, final

from hardpoint.core.effects import Clock
from hardpoint.core.errors import (
    HardpointError,
    InvalidTokenError,
    UnavailableError,
    UnexpectedResponseError,
)
from hardpoint.http.messages import Response
from hardpoint.oauth.jwks import KeySet, PublicKey, key_set, require_joserfc

LIFE_LEAST, LIFE_MOST, LIFE_UNSAID = 300.0, 86_400.0, 3_600.0
"""Seconds that keys are kept: what `Cache-Control` says, within reason."""
UNKNOWN_SECONDS = 60.0
"""How soon an unknown key makes us ask the issuer again."""
FAILED_SECONDS = 10.0
"""How soon after a failure the issuer is asked again."""
STALE_SECONDS = 86_400.0
"""For how long keys serve past their time while the issuer does not answer."""
ISSUERS_MAX = 1000

_MAX_AGE: Final = re.compile(r"(?:^|[\s,])max-age=\"?(\d{1,9})\b", re.ASCII)

Lock = Callable[[], AbstractAsyncContextManager[object]]
"""Makes a lock: `LoopLock`, or one that blocks."""


class Fetch(Protocol):
    """Gets a document from an address that the issuer named; `Untrusted` is one."""

    async def get(self, url: str, /) -> Response:
        """Fetch it once, following nowhere; see `Untrusted.get` for what it raises."""
        ...


@final
class _Kept:
    """What is known of one address."""

    __slots__ = ("asked_at", "expires_at", "failed", "lock", "set")

    def __init__(self, lock: AbstractAsyncContextManager[object]) -> None:
        self.lock = lock
        self.set = KeySet()
        self.expires_at = self.asked_at = float("-inf")
        self.failed: HardpointError | None = None


@final
class KeyCache:
    """Finds the key that a token names.

    Args:
        fetch: an `Untrusted`, since the address is what an issuer says.
        clock: for how long keys are kept.
        lock: so that many tokens that come at once make us ask once.

    Raises:
        ConfigurationError: the extra `oauth` is not installed.
    """

    def __init__(self, fetch: Fetch, clock: Clock, lock: Lock) -> None:
        require_joserfc()
        self._fetch = fetch
        self._clock = clock
        self._lock = lock
        self._kept: dict[str, _Kept] = {}

    async def find(self, url: str, kid: str | None, algorithm: str) -> PublicKey:
        """The key for a token.

        Args:
            url: where the issuer's keys are.
            kid: the key's name, if the token says one.
            algorithm: what it has to verify.

        Raises:
            InvalidTokenError: the issuer has no such key, or several.
            UnavailableError: the issuer does not answer, and we know too little of it.
            UnexpectedResponseError: it answers with something else.
        """
        kept = self._kept.get(url)
        if kept is None:
            if len(self._kept) >= ISSUERS_MAX:
                self._kept.pop(next(iter(self._kept)))
            kept = self._kept[url] = _Kept(self._lock())
        key = self._known(kept, kid, algorithm)
        if key is None:
            async with kept.lock:
                key = self._known(kept, kid, algorithm) or await self._asked(
                    url, kept, kid, algorithm
                )
        return key

    def _known(self, kept: _Kept, kid: str | None, algorithm: str) -> PublicKey | None:
        now = self._clock.monotonic()
        return kept.set.find(kid, algorithm) if now < kept.expires_at else None

    async def _asked(self, url: str, kept: _Kept, kid: str | None, algorithm: str) -> PublicKey:
        """Ask the issuer if it is time to; then what we have has to do."""
        now = self._clock.monotonic()
        wait = UNKNOWN_SECONDS if kept.failed is None else FAILED_SECONDS
        if now >= kept.asked_at + wait:
            try:
                answer = await self._fetch.get(url)
                kept.set, kept.failed = _read(answer, url), None
                kept.expires_at = self._clock.monotonic() + _life(answer.headers)
            except HardpointError as error:
                kept.failed = error.with_traceback(None)
            kept.asked_at = self._clock.monotonic()
        if kept.failed is not None and not (now < kept.expires_at + STALE_SECONDS):
            raise UnavailableError(f"the issuer's keys cannot be had: {kept.failed}")
        key = kept.set.find(kid, algorithm)
        if key is None:
            raise InvalidTokenError("The issuer has no such key", reason="unknown_key")
        return key


def _read(answer: Response, url: str) -> KeySet:
    if answer.status != 200:
        raise UnexpectedResponseError(f"the keys at {url}: status {answer.status}")
    try:
        return key_set(answer.body)
    except ValueError as error:
        raise UnexpectedResponseError(f"the document of keys at {url} {error}") from None


def _life(headers: Mapping[str, str]) -> float:
    said = headers.get("cache-control", "").lower()
    if "no-store" in said or "no-cache" in said:
        return LIFE_LEAST
    found = _MAX_AGE.search(said)
    return LIFE_UNSAID if found is None else min(max(float(found[1]), LIFE_LEAST), LIFE_MOST)
