"""Access tokens of a service account, a workload or this machine, by google-auth.

https://cloud.google.com/docs/authentication/application-default-credentials, read 2026-12-01. The
library's requests go out once each: what it would repeat ends as an error of ours before it can.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC
from importlib.util import find_spec
from typing import Any, Final, Literal, final

import msgspec

from hardpoint.core.decoding import UNREADABLE
from hardpoint.core.effects import Clock
from hardpoint.core.errors import (
    AuthenticationError,
    ConfigurationError,
    RateLimitedError,
    UnavailableError,
)
from hardpoint.core.secrets import Secret

CLOUD: Final = "https://www.googleapis.com/auth/cloud-platform"
"""The scope of all of Google Cloud: what an account may do, its roles say."""
REQUEST_SECONDS: Final = 10.0
_TRANSIENT: Final = (b"internal_failure", b"server_error", b"temporarily_unavailable")
"""Words of a refusal after which the library would ask again."""
_DOMAINS = (".googleapis.com", ".run.app", ".cloudfunctions.net")


@final
class GoogleTokens:
    """An `Authorization` (`hardpoint.http.auth`) with a token of the credentials.

    Args:
        credentials: the document of a service account or of a workload's federation; or `chain`,
            the application default credentials of this machine.
        clock: how long tokens last.
        scopes: what they are for.
        token_url: where a service account gets them, in place of what its document says: an
            emulator's.

    Raises:
        ConfigurationError: the extra `gcp` is not installed.
    """

    def __init__(
        self,
        credentials: Secret | Literal["chain"],
        clock: Clock,
        *,
        scopes: Sequence[str] = (CLOUD,),
        token_url: str | None = None,
    ) -> None:
        if find_spec("google") is None or find_spec("google.auth") is None:
            raise ConfigurationError(
                "credentials", "they need google-auth", fix="pip install 'hardpoint[gcp]'"
            )
        from hardpoint.http.fetched import Fetched

        self.library = GoogleCredentials(credentials, scopes, token_url)
        """google-auth's own object, for those who sign with it."""
        self._tokens = Fetched(
            self.library.fetch, clock, name="token of the credentials", forget=self.library.forget
        )

    async def headers(self) -> Sequence[tuple[str, str]]:
        """With the token that is valid now.

        Raises:
            ConfigurationError: there are no credentials on this machine, or the document is none.
            AuthenticationError: they are refused. Nothing was sent.
            RateLimitedError, UnavailableError: there is no token now. Nothing was sent.
        """
        token = await self._tokens.current()
        return (("authorization", f"Bearer {token}"),)

    async def rejected(self, headers: Sequence[tuple[str, str]]) -> None:
        """The next call asks for another token, if this one is still the latest."""
        token = self._tokens.latest
        if token is not None and ("authorization", f"Bearer {token}") in headers:
            self._tokens.renounce(token)

    def permits(self, host: str) -> bool:
        """The vendor's own hosts."""
        return host.endswith(_DOMAINS)

    def secrets(self) -> Sequence[str]:
        """The latest token."""
        token = self._tokens.latest
        return () if token is None else (token,)


@final
class GoogleCredentials:
    """What google-auth makes of them, used in one thread at a time.

    Args:
        source: the document, or `chain`.
        scopes: what tokens are for.
        token_url: see `GoogleTokens`.
    """

    def __init__(
        self,
        source: Secret | Literal["chain"],
        scopes: Sequence[str],
        token_url: str | None = None,
    ) -> None:
        self._source = source
        self._token_url = token_url
        self._scopes = tuple(scopes)
        self._read: tuple[str, Any] | None = None
        self._session: Any = None

    def forget(self) -> None:
        """Open connections anew: those at hand may be the parent's of a forked process."""
        self._session = None

    def fetch(self) -> tuple[str, float | None]:
        """Get a token, and when it ends; blocks.

        Raises:
            ConfigurationError, AuthenticationError, RateLimitedError, UnavailableError: as
                `GoogleTokens.headers` has it.
        """
        from google.auth import exceptions

        credentials = self.loaded()
        try:
            credentials.refresh(self.request())
        except exceptions.RefreshError as error:
            said = error.args[0] if error.args else ""
            raise AuthenticationError(f"no token: {said}; nothing was sent") from error
        except exceptions.GoogleAuthError as error:
            raise UnavailableError(f"no token: {type(error).__name__}; nothing was sent") from error
        ends = credentials.expiry  # in UTC, and does not say so
        return credentials.token, None if ends is None else ends.replace(tzinfo=UTC).timestamp()

    def loaded(self) -> Any:
        """google-auth's own object; a document that has changed makes a new one.

        Raises:
            ConfigurationError: there is none.
        """
        text = "chain" if isinstance(self._source, str) else self._source.reveal()
        if self._read is None or self._read[0] != text:
            self._read = text, self._found(text)
        return self._read[1]

    def request(self, *, looking: bool = False) -> Any:
        """Sends for google-auth, once each."""
        from google.auth.transport.requests import Request

        if self._session is None:
            import requests

            self._session = requests.Session()
        return OneAttempt(Request(session=self._session), looking=looking)

    def _found(self, text: str) -> Any:
        import google.auth
        from google.auth import exceptions

        auth: Any = google.auth
        if isinstance(self._source, str):
            try:
                return auth.default(scopes=self._scopes, request=self.request(looking=True))[0]
            except exceptions.GoogleAuthError as error:
                raise ConfigurationError(
                    "credentials",
                    "the chain finds none on this machine",
                    fix="Set GOOGLE_APPLICATION_CREDENTIALS, or attach a service account",
                ) from error
        try:
            document = msgspec.json.decode(text, type=dict[str, Any])
            if self._token_url is not None:
                document["token_uri"] = self._token_url
            return _documented(document, self._scopes)
        except (exceptions.GoogleAuthError, KeyError, TypeError, *UNREADABLE):
            raise ConfigurationError(
                "credentials",
                "is not a document of credentials",
                fix="Download a service account's key, or a workload's configuration",
            ) from None


def _documented(document: dict[str, Any], scopes: Sequence[str]) -> Any:
    """A service account, or a workload that brings a token of its own from elsewhere.

    Other kinds can run a program that the document names: the chain alone takes those.
    """
    from google.auth import identity_pool
    from google.oauth2 import service_account

    account: Any = service_account.Credentials
    pool: Any = identity_pool.Credentials
    if document["type"] == "service_account":
        return account.from_service_account_info(document, scopes=scopes)
    if document["type"] == "external_account" and "executable" not in document["credential_source"]:
        return pool.from_info(document, scopes=scopes)
    raise KeyError("type")


@final
class OneAttempt:
    """A request of google-auth's; what it would repeat raises, in words it does not know.

    Args:
        inner: sends.
        looking: whether it only looks where it runs: what does not answer is not there.
    """

    def __init__(self, inner: Any, *, looking: bool) -> None:
        self._inner = inner
        self._looking = looking
        self.session = inner.session

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: Any = None,
        headers: Any = None,
        timeout: Any = REQUEST_SECONDS,
        **options: Any,
    ) -> Any:
        """Send it once.

        Raises:
            RateLimitedError, UnavailableError: nobody answers, or answers that later may do.
        """
        from google.auth import exceptions

        try:
            reply = self._inner(url, method, body, headers, timeout, **options)
        except exceptions.TransportError as error:
            if self._looking:
                return _Nobody()
            raise UnavailableError("no token: no answer; nothing was sent") from error
        later = reply.status >= 500 or reply.status in {408, 429}
        if reply.status >= 400 and any(word in reply.data for word in _TRANSIENT):
            later = True
        if self._looking or not later:
            return reply
        kind = RateLimitedError if reply.status == 429 else UnavailableError
        raise kind(f"no token: {reply.status}; nothing was sent", status=reply.status)


class _Nobody(msgspec.Struct, frozen=True):
    """The answer of what is not there."""

    status: int = 404
    headers: Mapping[str, str] = {}
    data: bytes = b""
