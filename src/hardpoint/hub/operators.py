"""Who may use the dashboard: `[dashboard]` in the configuration.

[dashboard]
token = "env:HARDPOINT_DASHBOARD_TOKEN"

[dashboard.tokens.anna]
token = "env:ANNA_TOKEN"
role = "operator"

Or people sign in at a provider of `[oauth]`, and are known by the address that it has verified:

[dashboard]
url = "https://ops.shop.example/dashboard"
sign_in = "google"
people = { "anna@shop.example" = "operator" }
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.secrets import Secret
from hardpoint.http.limits import checked_url
from hardpoint.hub.tables import TomlTable

TOKEN_CHARACTERS_MIN: Final = 24
"""Who guesses may try as often as we answer: no token is so short that it helps."""
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}", re.ASCII)
_HOST: Final = re.compile(r"[a-z0-9_.-]{1,253}|\[[0-9a-f:]+\]", re.ASCII)


class DashboardRole(StrEnum):
    """What somebody may do; each may also do what those before it may."""

    VIEWER = "viewer"
    """Look at everything but payloads."""
    OPERATOR = "operator"
    """Retry, replay and close."""
    ADMIN = "admin"
    """Reveal a payload, open and close a circuit."""

    def may(self, role: "DashboardRole") -> bool:
        """Whether it includes another."""
        order = [*DashboardRole]
        return order.index(self) >= order.index(role)


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardToken:
    """A token, and what it may be used for."""

    secret: Secret
    role: DashboardRole = DashboardRole.ADMIN


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardSettings:
    """The dashboard's part of the configuration; without a token `serve` has none.

    Attributes:
        tokens: by the names that the audit record shows.
        hosts: names under which browsers reach it, beside those of this machine and `public_url`.
        sign_in: a provider of `[oauth]`, where people sign in.
        people: who may, by their e-mail addresses in small letters.
        url: where browsers reach the dashboard; the provider leads back there.
    """

    tokens: Mapping[str, DashboardToken] = field(default_factory=dict[str, DashboardToken])
    hosts: tuple[str, ...] = ()
    sign_in: str | None = None
    people: Mapping[str, DashboardRole] = field(default_factory=dict[str, DashboardRole])
    url: str | None = None

    @property
    def chosen(self) -> bool:
        """Whether anybody can sign in."""
        return bool(self.tokens or self.sign_in)

    def secrets(self) -> Iterator[tuple[str, Secret]]:
        """Every token, after the path of its key."""
        for name, one in self.tokens.items():
            yield _key_of(name), one.secret

    def check(self) -> None:
        """See that no token can be guessed.

        Raises:
            ConfigurationError: one is too short, or two are the same.
        """
        seen: dict[str, str] = {}
        for key, secret in self.secrets():
            value = secret.reveal()
            if len(value) < TOKEN_CHARACTERS_MIN:
                raise ConfigurationError(
                    key,
                    f"has less than {TOKEN_CHARACTERS_MIN} characters",
                    fix="Make one with: openssl rand -hex 24",
                )
            if value in seen:
                raise ConfigurationError(
                    key, f"is the same as {seen[value]}", fix="Give each its own"
                )
            seen[value] = key


_MAIN: Final = "admin"


def _key_of(name: str) -> str:
    return "dashboard.token" if name == _MAIN else f"dashboard.tokens.{name}.token"


def dashboard_settings(root: TomlTable, folder: Path) -> DashboardSettings:
    """Read `[dashboard]`."""
    table = root.table("dashboard", {"token", "tokens", "hosts", "sign_in", "people", "url"})
    tokens: dict[str, DashboardToken] = {}
    if table.has("token"):
        tokens[_MAIN] = DashboardToken(secret=table.secret("token", folder))
    for name in table.names("tokens"):
        one = table.table("tokens", None).table(name, {"token", "role"})
        if not _NAME.fullmatch(name) or name == _MAIN:
            raise ConfigurationError(
                one.path,
                "is not a usable name",
                fix="Small letters, digits, - and _; at most 40; admin is dashboard.token's",
            )
        tokens[name] = DashboardToken(secret=one.secret("token", folder), role=_role(one, "role"))
    if not table.has("sign_in"):
        return DashboardSettings(tokens=tokens, hosts=_hosts(table))
    name = table.get("sign_in", str)
    if name not in root.names("oauth") or not root.names("vault"):
        table.refuse("sign_in", f"needs [oauth.{name}] and [vault]", "Add them")
    people = table.table("people", None)
    for one in table.names("people"):
        if not one.isascii():
            people.refuse(one, "is not ASCII, and could be taken for another", "Leave it out")
    named = {one.lower(): _role(people, one) for one in table.names("people")}
    if not named:
        table.refuse("people", "names nobody", 'Write { "anna@shop.example" = "admin" }')
    return DashboardSettings(
        tokens=tokens,
        hosts=_hosts(table),
        sign_in=name,
        people=named,
        url=checked_url(table.get("url", str), key=table.key("url")).rstrip("/"),
    )


def _role(table: TomlTable, key: str) -> DashboardRole:
    role = table.get(key, str)
    if role not in [*DashboardRole]:
        table.refuse(key, "is not a role", f"Write one of {', '.join(DashboardRole)}")
    return DashboardRole(role)


def _hosts(table: TomlTable) -> tuple[str, ...]:
    hosts: list[Any] = table.get("hosts", list[Any]) if table.has("hosts") else []
    for one in hosts:
        if not isinstance(one, str) or not _HOST.fullmatch(one.lower()):
            table.refuse("hosts", f"{one!r:.80} is not a name", 'Write ["ops.shop.example"]')
    return tuple(one.lower() for one in hosts)
