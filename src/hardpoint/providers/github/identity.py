"""Who somebody is at GitHub, asked of its API, since there are no ID tokens."""

from typing import Any, final
from urllib.parse import urlsplit

import msgspec

from hardpoint.core.decoding import UNREADABLE
from hardpoint.core.errors import InvalidTokenError, UnexpectedResponseError
from hardpoint.http.client import USER_AGENT
from hardpoint.http.messages import Request, Transport
from hardpoint.oauth.catalogue import ProviderEntry
from hardpoint.oauth.identity import Asked, Identity
from hardpoint.oauth.tokens import Tokens
from hardpoint.runtime.decoding_types import prepared

API_VERSION = "2022-11-28"


class _User(msgspec.Struct):
    id: int
    login: str
    name: str | None = None


class _Email(msgspec.Struct):
    email: str
    primary: bool = False
    verified: bool = False


@final
class GitHubIdentity:
    """Asks whose an access token is.

    The number is the person; the login may be renamed, and then taken by somebody else. An address
    counts only if it is the account's primary one and verified: others can be added by anyone.

    Args:
        transport: how to ask.
        entry: where; its `userinfo_url` with `/emails` below it.
    """

    def __init__(self, transport: Transport, entry: ProviderEntry) -> None:
        self._transport = transport
        self._url = entry.userinfo_url or ""
        self._issuer = entry.issuer or ""

    async def __call__(self, tokens: Tokens, asked: Asked) -> Identity:
        """Whose the tokens are; see `Identify`."""
        user = await self._get("", tokens, _User)
        email = None
        if tokens.scope is None or {"user:email", "user"}.intersection(tokens.scope):
            emails = await self._get("/emails", tokens, list[_Email])
            email = next((one.email for one in emails if one.primary and one.verified), None)
        return Identity(
            issuer=self._issuer,
            subject=str(user.id),
            email=email,
            email_verified=email is not None,
            claims={"login": user.login, "name": user.name},
        )

    async def _get(self, path: str, tokens: Tokens, kind: Any) -> Any:
        answer = await self._transport.send(
            Request(
                method="GET",
                url=self._url + path,
                headers=(
                    ("accept", "application/vnd.github+json"),
                    ("x-github-api-version", API_VERSION),
                    ("user-agent", USER_AGENT),
                    ("authorization", f"Bearer {tokens.access.reveal()}"),
                ),
            )
        )
        if answer.status in {401, 403}:
            raise InvalidTokenError("GitHub refused its own token", reason="userinfo")
        where = urlsplit(self._url + path).path
        if answer.status != 200:
            raise UnexpectedResponseError(f"GitHub answered {answer.status} at {where}")
        try:
            return msgspec.json.decode(answer.body, type=prepared(kind))
        except UNREADABLE:
            raise UnexpectedResponseError(f"GitHub's answer at {where} is not one") from None
