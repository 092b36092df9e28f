"""Flows and sessions in memory: for tests, and for one process that may forget at a restart."""

from typing import final

import msgspec

from hardpoint.oauth.flow import Flow
from hardpoint.oauth.sessions import Session


@final
class MemoryIdentityStore:
    """Keeps what a database would."""

    def __init__(self) -> None:
        self._flows: dict[str, Flow] = {}
        self._sessions: dict[str, Session] = {}

    async def put_flow(self, flow: Flow, most: int, now: float) -> None:
        """See `FlowStore.put_flow`."""
        live = {key: one for key, one in self._flows.items() if now < one.expires_at}
        own = [key for key, one in live.items() if one.browser == flow.browser]
        for key in own[: max(0, len(own) + 1 - most)]:
            del live[key]
        self._flows = live | {flow.key: flow}

    async def find_flow(self, key: str) -> Flow | None:
        """See `FlowStore.find_flow`."""
        return self._flows.get(key)

    async def take_flow(self, key: str) -> bool:
        """See `FlowStore.take_flow`."""
        return self._flows.pop(key, None) is not None

    async def put_session(self, session: Session) -> None:
        """See `SessionStore.put_session`."""
        self._sessions[session.key] = session

    async def see_session(self, key: str, seen_at: float, idle_until: float) -> None:
        """See `SessionStore.see_session`."""
        if key in self._sessions:
            self._sessions[key] = msgspec.structs.replace(
                self._sessions[key], seen_at=seen_at, idle_until=idle_until
            )

    async def find_session(self, key: str) -> Session | None:
        """See `SessionStore.find_session`."""
        return self._sessions.get(key)

    async def end_session(self, key: str) -> None:
        """See `SessionStore.end_session`."""
        self._sessions.pop(key, None)

    async def end_sessions_of(self, user: str) -> int:
        """See `SessionStore.end_sessions_of`."""
        return self._end([one for one in self._sessions.values() if one.user == user])

    async def end_issuer_session(self, issuer: str, session: str) -> int:
        """See `SessionStore.end_issuer_session`."""
        named = (issuer, session)
        return self._end(
            [one for one in self._sessions.values() if (one.issuer, one.issuer_session) == named]
        )

    async def end_issuer_subject(self, issuer: str, subject: str, until: float) -> int:
        """See `SessionStore.end_issuer_subject`."""
        return self._end(
            [
                one
                for one in self._sessions.values()
                if (one.issuer, one.subject) == (issuer, subject) and one.created_at <= until
            ]
        )

    def _end(self, sessions: list[Session]) -> int:
        for session in sessions:
            del self._sessions[session.key]
        return len(sessions)
