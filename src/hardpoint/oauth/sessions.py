"""Who is signed in: opaque sessions, kept by us under a hash, revocable at any moment.

The browser holds 256 bits of chance and nothing else. A session gets a new name whenever somebody
signs in, so that a name planted before is worth nothing after (session fixation).
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol, TypeVar, final
from urllib.parse import urlsplit

import msgspec

from hardpoint.core.effects import Clock
from hardpoint.core.errors import ConfigurationError
from hardpoint.oauth.effects import ENTROPY, Entropy, derived, digest, equal, secret
from hardpoint.oauth.flow import Flow
from hardpoint.oauth.identity import Identity
from hardpoint.oauth.jwt import LEEWAY
from hardpoint.oauth.logout import LogoutNotice
from hardpoint.runtime.decoding_types import prepared
from hardpoint.runtime.work import Work
from hardpoint.store.vault import VaultTables
from hardpoint.store.vault.signin import SigninRows

IDLE_SECONDS = 12 * 3600.0
ABSOLUTE_SECONDS = 7 * 86_400.0
TOUCH_SECONDS = 60.0
"""How often being seen is written down."""
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITES = frozenset({"same-origin", "none"})


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One browser in which somebody is signed in.

    Attributes:
        key: the hash of what the browser holds.
        user: ours, as `on_login` named them.
        created_at, seen_at: Unix seconds.
        idle_until, absolute_until: when it ends: if nothing comes, and in any case.
        issuer, subject: how they signed in.
        issuer_session: the issuer's name of its own session (`sid`).
    """

    key: str
    user: str
    created_at: float
    seen_at: float
    idle_until: float
    absolute_until: float
    issuer: str | None = None
    subject: str | None = None
    issuer_session: str | None = None

    def live_at(self, now: float) -> bool:
        """Whether it lasts."""
        return now < min(self.idle_until, self.absolute_until)


class SessionStore(Protocol):
    """Keeps sessions: an effect. A session that has ended is forgotten."""

    async def put_session(self, session: Session, /) -> None:
        """Keep a new one, durably."""
        ...

    async def see_session(self, key: str, seen_at: float, idle_until: float, /) -> None:
        """Note that one was seen; one that has ended meanwhile stays ended."""
        ...

    async def find_session(self, key: str, /) -> Session | None:
        """The session of that hash, live or not."""
        ...

    async def end_session(self, key: str, /) -> None:
        """Forget one."""
        ...

    async def end_sessions_of(self, user: str, /) -> int:
        """Forget all of a user's; gives how many."""
        ...

    async def end_issuer_session(self, issuer: str, session: str, /) -> int:
        """Forget those that hang on a session of the issuer; gives how many."""
        ...

    async def end_issuer_subject(self, issuer: str, subject: str, until: float, /) -> int:
        """Forget those of a person at an issuer that began by then; gives how many."""
        ...


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """A new session, and what the browser is to hold."""

    session: Session
    held: str

    def __repr__(self) -> str:
        return f"Started({self.session!r}, ****)"


@final
class Sessions:
    """Starts, finds and ends sessions.

    Args:
        store: where they are kept.
        clock: for how long.
        idle: seconds without a request.
        absolute: seconds in any case.
        entropy: where their names come from.

    Raises:
        ConfigurationError: lives that are none.
    """

    def __init__(
        self,
        store: SessionStore,
        clock: Clock,
        *,
        idle: float = IDLE_SECONDS,
        absolute: float = ABSOLUTE_SECONDS,
        entropy: Entropy = ENTROPY,
    ) -> None:
        if not 0 < idle <= absolute:
            raise ConfigurationError(
                "sessions.idle", "is not above 0 and at most sessions.absolute"
            )
        self.absolute = absolute
        self._store = store
        self._clock = clock
        self._idle = idle
        self._entropy = entropy

    async def start(
        self, user: str, *, identity: Identity | None = None, instead_of: str | None = None
    ) -> Started:
        """Sign a user in, under a new name.

        Args:
            user: ours.
            identity: how they signed in.
            instead_of: what the browser held until now; it is worth nothing any more.
        """
        if instead_of is not None:
            await self._store.end_session(digest(instead_of))
        held = secret(self._entropy)
        now = self._clock.now()
        session = Session(
            key=digest(held),
            user=user,
            created_at=now,
            seen_at=now,
            idle_until=now + self._idle,
            absolute_until=now + self.absolute,
            issuer=identity and identity.issuer,
            subject=identity and identity.subject,
            issuer_session=identity and identity.session,
        )
        await self._store.put_session(session)
        return Started(session=session, held=held)

    async def find(self, held: str | None) -> Session | None:
        """The live session of a browser; being seen keeps it alive."""
        return None if held is None else await self.named(digest(held))

    async def named(self, key: str) -> Session | None:
        """The live session of that `Session.key`, which opens nothing by itself; likewise."""
        session = await self._store.find_session(key)
        now = self._clock.now()
        if session is None:
            return None
        if not session.live_at(now):
            await self._store.end_session(session.key)
            return None
        if now >= session.seen_at + min(TOUCH_SECONDS, self._idle / 2):
            session = msgspec.structs.replace(session, seen_at=now, idle_until=now + self._idle)
            await self._store.see_session(session.key, now, session.idle_until)
        return session

    async def end(self, held: str | None) -> None:
        """Sign out in one browser."""
        if held is not None:
            await self._store.end_session(digest(held))

    async def end_all(self, user: str) -> int:
        """Sign a user out everywhere; gives how many sessions that were."""
        return await self._store.end_sessions_of(user)

    async def end_at_issuer(self, issuer: str, session: str) -> int:
        """What a session of the issuer's carried ends with it; gives how many."""
        return await self._store.end_issuer_session(issuer, session)

    async def end_by_notice(self, notice: LogoutNotice) -> int:
        """What an issuer's notice of a sign-out ends here; gives how many sessions that were.

        Without a session of the issuer's it ends all of the person's, but none that began after
        the notice was made: one that comes again later ends nothing.
        """
        if notice.session is not None:
            return await self.end_at_issuer(notice.issuer, notice.session)
        subject, until = notice.subject or "", notice.issued_at + LEEWAY
        return await self._store.end_issuer_subject(notice.issuer, subject, until)


def form_token(held: str) -> str:
    """What a form carries to prove that one of our pages made it: follows from what is held."""
    return derived(b"hardpoint form token", held, "form")


def is_own_request(
    method: str,
    headers: Mapping[str, str],
    *,
    origin: str,
    held: str | None = None,
    token: str | None = None,
) -> bool:
    """Whether a request that changes something came from a page of ours (CSRF).

    The browser says so: by `Sec-Fetch-Site`, an older one by `Origin`. Where it says neither, the
    form has to carry its token.

    Args:
        method: what only reads is always our own.
        headers: by their names in lower case.
        origin: ours, `https://shop.example`.
        held: what the browser holds.
        token: what the form carried.
    """
    if method in _SAFE_METHODS:
        return True
    site, came_from = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        return site in _OWN_SITES
    if came_from is not None:
        return came_from == origin
    return held is not None and token is not None and equal(token, form_token(held))


def origin_of(url: str) -> str:
    """The origin of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


_Result = TypeVar("_Result")


@final
class SigninStore:
    """A `FlowStore` and a `SessionStore`.

    Args:
        file: the vault's.
        work: where its short transactions are done.
    """

    def __init__(self, file: VaultTables, work: Work) -> None:
        self._file = file
        self._work = work

    async def put_flow(self, flow: Flow, most: int, now: float) -> None:
        """See `FlowStore.put_flow`."""
        facts = msgspec.structs.asdict(flow)
        facts |= {"kind": flow.kind.value, "scopes": " ".join(flow.scopes)}
        await self._write(lambda rows: rows.put_flow(facts, most=most, now=now))

    async def find_flow(self, key: str) -> Flow | None:
        """See `FlowStore.find_flow`."""
        row = await self._read(lambda rows: rows.find_flow(key))
        if row is None:
            return None
        return msgspec.convert(row | {"scopes": row["scopes"].split()}, prepared(Flow))

    async def take_flow(self, key: str) -> bool:
        """See `FlowStore.take_flow`."""
        return await self._write(lambda rows: rows.take_flow(key))

    async def put_session(self, session: Session) -> None:
        """See `SessionStore.put_session`."""
        facts = msgspec.structs.asdict(session)
        await self._write(lambda rows: rows.put_session(facts))

    async def see_session(self, key: str, seen_at: float, idle_until: float) -> None:
        """See `SessionStore.see_session`."""
        await self._write(lambda rows: rows.see_session(key, seen_at, idle_until))

    async def find_session(self, key: str) -> Session | None:
        """See `SessionStore.find_session`."""
        row = await self._read(lambda rows: rows.find_session(key))
        return None if row is None else Session(**row)

    async def end_session(self, key: str) -> None:
        """See `SessionStore.end_session`."""
        await self._write(lambda rows: rows.end("end_session", key))

    async def end_sessions_of(self, user: str) -> int:
        """See `SessionStore.end_sessions_of`."""
        return await self._write(lambda rows: rows.end("end_sessions_of", user))

    async def end_issuer_session(self, issuer: str, session: str) -> int:
        """See `SessionStore.end_issuer_session`."""
        return await self._write(lambda rows: rows.end("end_issuer_session", issuer, session))

    async def end_issuer_subject(self, issuer: str, subject: str, until: float) -> int:
        """See `SessionStore.end_issuer_subject`."""
        end = ("end_issuer_subject", issuer, subject, until)
        return await self._write(lambda rows: rows.end(*end))

    async def _write(self, act: Callable[[SigninRows], _Result]) -> _Result:
        return await self._work.do(partial(_within, self._file.transaction, act))

    async def _read(self, act: Callable[[SigninRows], _Result]) -> _Result:
        return await self._work.do(partial(_within, self._file.reading, act))


def _within(begin: Callable[[], Any], act: Callable[[SigninRows], _Result]) -> _Result:
    with begin() as rows:
        return act(SigninRows(rows))
