"""Why there is no token: names that are none, connections that are not there, and what to do."""

import re
from typing import Final

from hardpoint.core.errors import (
    ClientRefusedError,
    InvalidRequestError,
    OAuthError,
    ReauthorizationRequiredError,
    TokenRefreshError,
)
from hardpoint.oauth.refresh import serving
from hardpoint.oauth.sealing import HeldCredential
from hardpoint.oauth.states import ConnectionState
from hardpoint.store.vault import SlotKey

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}", re.ASCII)


def checked(key: SlotKey) -> SlotKey:
    """A key whose names can be names.

    Raises:
        InvalidRequestError: one cannot.
    """
    for field, name in (("tenant", key.tenant), ("connection", key.name), ("slot", key.slot)):
        if not _NAME.fullmatch(name):
            raise InvalidRequestError(
                "takes 1 to 128 letters, digits and . _ : @ -, a letter or digit first", field=field
            )
    return key


def unknown(key: SlotKey) -> ReauthorizationRequiredError:
    """The same for what never was, what was disconnected, and what is another tenant's."""
    return ReauthorizationRequiredError(
        f"{key.name} is not connected", connection=key.name, reason="not_connected"
    )


def present(key: SlotKey, current: HeldCredential | None) -> HeldCredential:
    """What was found under a key.

    Raises:
        ReauthorizationRequiredError: nothing, or what was disconnected.
    """
    if current is None or current.row.state == ConnectionState.DISCONNECTED.value:
        raise unknown(key)
    return current


def granted(current: HeldCredential, now: float) -> HeldCredential:
    """A credential whose token can be used now.

    Raises:
        ReauthorizationRequiredError, TokenRefreshError, ClientRefusedError: it cannot.
    """
    if not serving(current, now):
        raise refusal(current, now)
    return current


def refusal(current: HeldCredential, now: float) -> OAuthError:
    """Why a credential that is there gives no token."""
    row = current.row
    if row.state == ConnectionState.NEEDS_REAUTH.value or not row.refreshable:
        return ReauthorizationRequiredError(
            f"{row.name} has to be connected again: {row.reason or 'its token has ended'}",
            connection=row.name,
            reason=row.reason or "expired",
        )
    if current.refused is not None:
        return ClientRefusedError(client=current.refused.name, reason=current.refused.reason)
    return TokenRefreshError(
        f"{row.name} could not be refreshed now: {row.reason or 'another process is at it'}",
        connection=row.name,
        retry_after=None if row.retry_at is None else max(row.retry_at - now, 0.0),
    )
