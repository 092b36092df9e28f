"""Who calls us, and by what: values."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Literal

import msgspec

from hardpoint.core.errors import InvalidRequestError
from hardpoint.core.secrets import Secret
from hardpoint.store.vault import ApiKeyRow

TENANT: Final = "default"
SCOPES_MAX: Final = 50

KeyChange = Literal["created", "rotated", "revoked"]

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}", re.ASCII)
_SCOPE: Final = re.compile(r"[!#-\[\]-~]{1,64}", re.ASCII)  # RFC 6749, 3.3
_LABEL_CHARACTERS_MAX: Final = 128


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key, without what proves it.

    Attributes:
        id: names it in `revoke` and `rotate`.
        prefix: what it begins with, which may be shown; names it as well.
        name: what people call it.
        scopes: what it may do.
        tenant: whose it is.
        created_at, expires_at, revoked_at: Unix seconds.
        last_used_at: to the minute, and up to a minute late.
    """

    id: str
    prefix: str
    name: str
    scopes: tuple[str, ...]
    tenant: str
    created_at: float
    expires_at: float | None = None
    revoked_at: float | None = None
    last_used_at: float | None = None

    def usable(self, now: float) -> bool:
        """Whether it is taken."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewApiKey:
    """A key that was made just now.

    Attributes:
        secret: the key itself. It is nowhere else: give it to whoever will call, then forget it.
        key: all that is kept of it, but for a hash.
    """

    secret: Secret
    key: ApiKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who calls, as far as it was proved.

    Attributes:
        by: how it was proved.
        id: of the key; of a token its subject; of a signed request the key's name.
        name: what people call it.
        tenant: whose calls these are.
        scopes: what it may do.
        claims: of a token, all that it says.
    """

    by: Literal["api_key", "jwt", "signature"]
    id: str
    name: str
    tenant: str
    scopes: frozenset[str]
    claims: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)

    def may(self, *scopes: str) -> bool:
        """Whether it has all of these scopes."""
        return self.scopes.issuperset(scopes)


class CallerRefused(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody called one of our endpoints, and was not let in.

    Attributes:
        reason: a stable word: `missing`, `malformed`, `unknown`, `expired`, `revoked`, `tenant`,
            `scope`, `limit`. Whoever called hears no more than 401, 403 or 429.
        prefix: the key's beginning, where there is such a key.
    """

    severity: ClassVar[str] = "info"
    reason: str
    prefix: str | None = None


class ApiKeyChanged(msgspec.Struct, frozen=True, kw_only=True):
    """A key was made, rotated or revoked."""

    severity: ClassVar[str] = "info"
    change: KeyChange
    prefix: str
    tenant: str


class KeyUseUnwritten(msgspec.Struct, frozen=True, kw_only=True):
    """When keys were last used could not be written down; it is tried again in a minute."""

    severity: ClassVar[str] = "warning"
    error: str


def api_key_of(row: ApiKeyRow) -> ApiKey:
    """A key as a row has it."""
    return ApiKey(
        id=row.id,
        prefix=row.prefix,
        name=row.name,
        scopes=tuple(row.scopes.split()),
        tenant=row.tenant,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )


def checked_tenant(tenant: str) -> str:
    """A tenant's name.

    Raises:
        InvalidRequestError: it is none.
    """
    if not _NAME.fullmatch(tenant):
        raise InvalidRequestError(
            "1 to 128 letters, digits and . _ : @ -, the first a letter or digit", field="tenant"
        )
    return tenant


def checked_label(name: str) -> str:
    """What people call a key.

    Raises:
        InvalidRequestError: nothing that can be shown in a line.
    """
    if not name.isprintable() or not 0 < len(name.strip()) <= _LABEL_CHARACTERS_MAX:
        raise InvalidRequestError("1 to 128 printable characters", field="name")
    return name


def checked_scopes(scopes: Iterable[str]) -> tuple[str, ...]:
    """Scopes, each once, in order.

    Raises:
        InvalidRequestError: one of them is none, or there are too many.
    """
    found = tuple(sorted(set(scopes)))
    if isinstance(scopes, str) or len(found) > SCOPES_MAX or not all(map(_SCOPE.fullmatch, found)):
        raise InvalidRequestError(
            f"at most {SCOPES_MAX} words without blanks, such as orders:read", field="scopes"
        )
    return found
