"""Access tokens of Entra for a service principal, a workload or this machine, by azure-identity.

https://learn.microsoft.com/python/api/overview/azure/identity-readme, read 2026-12-01. Every
repeat of the library's own is off.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, Final, final

import msgspec

from hardpoint.core.effects import Clock
from hardpoint.core.errors import AuthenticationError, ConfigurationError, UnavailableError
from hardpoint.core.secrets import Secret

STORAGE: Final = "https://storage.azure.com/.default"
"""The scope of blobs and of storage queues."""
REQUEST_SECONDS: Final = 10
_DOMAINS = (".windows.net", ".azure.net", ".azurewebsites.net", ".azure.com")
_ONCE: Final = {
    "retry_total": 0,
    "retry_connect": 0,
    "retry_read": 0,
    "retry_status": 0,
    "connection_timeout": REQUEST_SECONDS,
    "read_timeout": REQUEST_SECONDS,
}


class EntraApp(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks: a service principal by its secret; else whatever this machine has.

    Attributes:
        tenant_id: the directory.
        client_id: the application; for this machine, which of its managed identities.
        client_secret: the application's.
        authority: the login service of another cloud, `login.microsoftonline.us`.
    """

    tenant_id: str | None = None
    client_id: str | None = None
    client_secret: Secret | None = None
    authority: str | None = None


@final
class EntraTokens:
    """An `Authorization` (`hardpoint.http.auth`) with a token of the identity.

    Args:
        app: who asks.
        clock: how long tokens last.
        scope: what they are for, `https://storage.azure.com/.default`.

    Raises:
        ConfigurationError: the extra `azure` is not installed.
    """

    def __init__(self, app: EntraApp, clock: Clock, *, scope: str) -> None:
        if find_spec("azure") is None or find_spec("azure.identity") is None:
            raise ConfigurationError(
                "credentials", "they need azure-identity", fix="pip install 'hardpoint[azure]'"
            )
        from hardpoint.http.fetched import Fetched  # what account keys do without

        identity = EntraIdentity(app, scope)
        self._tokens = Fetched(
            identity.fetch, clock, name="token of the identity", forget=identity.forget
        )

    async def headers(self) -> Sequence[tuple[str, str]]:
        """With the token that is valid now.

        Raises:
            AuthenticationError: this machine has no identity, or it is refused. Nothing was sent.
            UnavailableError: there is no token now. Nothing was sent.
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
class EntraIdentity:
    """azure-identity's own object, used in one thread at a time."""

    def __init__(self, app: EntraApp, scope: str) -> None:
        self._app = app
        self._scope = scope
        self._made: tuple[str, Any] | None = None

    def forget(self) -> None:
        """Make it anew: it keeps tokens, and connections that may be those of a parent process."""
        self._made = None

    def fetch(self) -> tuple[str, float | None]:
        """Get a token, and when it ends; blocks.

        Raises:
            AuthenticationError, UnavailableError: as `EntraTokens.headers` has it.
        """
        from azure.core.exceptions import AzureError, ClientAuthenticationError
        from azure.identity import CredentialUnavailableError

        try:
            token = self._credential().get_token(self._scope)
        except CredentialUnavailableError as error:
            raise AuthenticationError("this machine has no identity; nothing was sent") from error
        except ClientAuthenticationError as error:
            raise _refused(error) from error
        except AzureError as error:
            raise UnavailableError(f"no token: {type(error).__name__}; nothing was sent") from error
        return token.token, float(token.expires_on)

    def _credential(self) -> Any:
        app = self._app
        secret = "" if app.client_secret is None else app.client_secret.reveal()
        if self._made is None or self._made[0] != secret:
            self._made = secret, _credential(app, secret)
        return self._made[1]


def _credential(app: EntraApp, secret: str) -> Any:
    from azure import identity

    library: Any = identity
    options: dict[str, Any] = dict(_ONCE)
    if app.authority is not None:
        options |= {"authority": app.authority, "disable_instance_discovery": True}
    if secret:
        return library.ClientSecretCredential(app.tenant_id, app.client_id, secret, **options)
    return library.DefaultAzureCredential(
        managed_identity_client_id=app.client_id,
        workload_identity_client_id=app.client_id,
        exclude_interactive_browser_credential=True,
        **options,
    )


def _refused(error: Any) -> AuthenticationError | UnavailableError:
    """A refusal, unless the login service is in trouble: the library calls all of it the same."""
    status: int | None = getattr(error.response, "status_code", None)
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) or type(cause).__name__.startswith("Service"):
            return UnavailableError("no token: no answer; nothing was sent")
        cause = cause.__cause__
    if status is not None and (status >= 500 or status == 429):
        return UnavailableError(f"no token: {status}; nothing was sent", status=status)
    return AuthenticationError("no token: the identity is refused; nothing was sent", status=status)
