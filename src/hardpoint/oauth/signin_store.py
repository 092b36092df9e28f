"""Flows and sessions in the vault's file: they outlive a restart, and several processes share them.

No credential is among them, so that the file's keyring is not needed: what browsers hold is kept as
hashes alone.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, final

import msgspec

from hardpoint.oauth.flow import Flow
from hardpoint.oauth.sessions import Session
from hardpoint.runtime.work import Work
from hardpoint.store.vault.file import VaultFile
from hardpoint.store.vault.signin import SigninRows

_Result = TypeVar("_Result")


@final
class SigninStore:
    """A `FlowStore` and a `SessionStore`.

    Args:
        file: the vault's.
        work: where its short transactions are done.
    """

    def __init__(self, file: VaultFile, work: Work) -> None:
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
        return msgspec.convert(row | {"scopes": row["scopes"].split()}, Flow)

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

    async def _write(self, act: Callable[[SigninRows], _Result]) -> _Result:
        return await self._work.do(partial(_within, self._file.transaction, act))

    async def _read(self, act: Callable[[SigninRows], _Result]) -> _Result:
        return await self._work.do(partial(_within, self._file.reading, act))


def _within(begin: Callable[[], Any], act: Callable[[SigninRows], _Result]) -> _Result:
    with begin() as rows:
        return act(SigninRows(rows))
