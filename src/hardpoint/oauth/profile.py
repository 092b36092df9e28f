"""Who somebody is at a provider without ID tokens, by what its userinfo endpoint says."""

from collections.abc import Mapping
from typing import final
from urllib.parse import urlsplit

from hardpoint.core.errors import InvalidTokenError, UnexpectedResponseError
from hardpoint.http.client import USER_AGENT
from hardpoint.http.messages import Request, Transport
from hardpoint.oauth.answers import member
from hardpoint.oauth.catalogue import ProviderEntry
from hardpoint.oauth.identity import Asked, Identity
from hardpoint.oauth.jwks import json_object
from hardpoint.oauth.jwt import TEXT_CHARACTERS_MAX
from hardpoint.oauth.tokens import Tokens

BYTES_MAX = 256 * 1024


@final
class ProfileIdentity:
    """Asks whose an access token is.

    The issuer is the origin that was asked: `https://api.acme.example`. An address counts as
    verified only where the provider has a member that says so.

    Args:
        transport: how to ask.
        entry: where, and which member of the answer is what.
    """

    def __init__(self, transport: Transport, entry: ProviderEntry) -> None:
        self._transport = transport
        self._entry = entry
        self._url = entry.userinfo_url or ""
        where = urlsplit(self._url)
        self._issuer = f"{where.scheme}://{where.netloc}"

    async def __call__(self, tokens: Tokens, asked: Asked) -> Identity:
        """Whose the tokens are; see `Identify`."""
        entry = self._entry
        told = await self._asked(tokens)
        email = member(told, entry.email_field) if entry.email_field else None
        verified = member(told, entry.email_verified_field) if entry.email_verified_field else None
        return Identity(
            issuer=self._issuer,
            subject=self._subject(told),
            email=email if isinstance(email, str) else None,
            email_verified=isinstance(email, str) and (verified is True or verified == "true"),
            claims=told,
        )

    async def _asked(self, tokens: Tokens) -> Mapping[str, object]:
        answer = await self._transport.send(
            Request(
                method="GET",
                url=self._url,
                headers=(
                    ("accept", "application/json"),
                    ("user-agent", USER_AGENT),
                    *self._entry.token_headers.items(),
                    ("authorization", f"Bearer {tokens.access.reveal()}"),
                ),
            )
        )
        name = self._entry.name
        if answer.status in {401, 403}:
            raise InvalidTokenError(f"{name} refused its own token", reason="userinfo")
        try:
            if answer.status != 200:
                raise ValueError(f"answers {answer.status}")  # noqa: TRY301 - one way out
            return json_object(answer.body, bytes_max=BYTES_MAX)
        except ValueError as error:
            raise UnexpectedResponseError(f"the userinfo endpoint of {name} {error}") from None

    def _subject(self, told: Mapping[str, object]) -> str:
        value = member(told, self._entry.subject_field or "")
        known = isinstance(value, str | int) and not isinstance(value, bool)
        subject = str(value) if known else ""
        if not subject.strip() or not subject.isprintable() or len(subject) > TEXT_CHARACTERS_MAX:
            raise UnexpectedResponseError(
                f"the userinfo endpoint of {self._entry.name} names nobody"
                f" in {self._entry.subject_field}"
            )
        return subject
