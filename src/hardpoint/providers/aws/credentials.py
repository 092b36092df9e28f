"""The keys that sign: those of the settings, a document's, or what the vendor's own chain finds.

Documents as https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-sourcing-external.html
has them, read 2026-12-01. The chain is botocore's own resolver, with every repeat of its own off.
"""

from collections.abc import Sequence
from datetime import datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, cast, final

import msgspec

from hardpoint.core.decoding import UNREADABLE
from hardpoint.core.effects import Clock
from hardpoint.core.errors import (
    AuthenticationError,
    ConfigurationError,
    HardpointError,
    UnavailableError,
)
from hardpoint.core.secrets import Secret
from hardpoint.http.sigv4 import SigV4Signer
from hardpoint.providers.aws import AwsAccount, check_credential
from hardpoint.runtime.decoding_types import prepared

if TYPE_CHECKING:
    from hardpoint.http.fetched import Fetched

EXPIRED: Final = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidToken",
        "UnrecognizedClientException",
    }
)
"""The codes that say that other credentials may do."""

_PERMANENT: Final = frozenset(
    {
        "ConfigParseError",
        "InfiniteLoopConfigError",
        "InvalidConfigError",
        "PartialCredentialsError",
        "ProfileNotFound",
        "UnknownCredentialError",
    }
)
_SIGN_IN: Final = frozenset(
    {
        "LoginRefreshRequired",
        "LoginTokenLoadError",
        "SSOTokenLoadError",
        "TokenRetrievalError",
        "UnauthorizedSSOTokenError",
    }
)


class AwsKeys(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """Keys that belong together, as a document has them."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None

    def __repr__(self) -> str:
        return "AwsKeys(****)"


@final
class AwsSigners:
    """Signs requests to one service with the keys that are valid now.

    Args:
        settings: whose keys.
        service: its name in signatures, `sqs`.
        clock: how long keys last.
        region: where the service is.
        path_as_sent: see `SigV4Signer`.

    Raises:
        ConfigurationError: the chain is asked for and its extra is not installed.
    """

    def __init__(
        self,
        settings: AwsAccount,
        service: str,
        clock: Clock,
        *,
        region: str,
        path_as_sent: bool = False,
    ) -> None:
        self._region = region
        self._service = service
        self._path_as_sent = path_as_sent
        self._document: Secret | None = None
        self._chain = _chained(settings, service, clock)
        self._keys: AwsKeys | None = None
        self._latest: SigV4Signer | None = None
        if self._chain is not None:
            return
        if isinstance(settings.credentials, Secret):
            self._document = settings.credentials
            self._documented(settings.credentials)
        else:  # the settings have seen to both
            self._latest = self._signer(
                cast("str", settings.access_key_id),
                cast("Secret", settings.secret_access_key),
                settings.session_token,
            )

    async def headers(
        self,
        method: str,
        url: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        *,
        now: float,
    ) -> tuple[tuple[str, str], ...]:
        """A request's headers with those that prove who sends it; raises as `current` does."""
        return (await self.current()).headers(method, url, headers, body, now=now)

    async def current(self) -> SigV4Signer:
        """The signer for a request.

        Raises:
            ConfigurationError: the chain finds no keys, or the document holds none.
            AuthenticationError: they cannot be had. Nothing was sent.
            UnavailableError: they cannot be had now. Nothing was sent.
        """
        if self._chain is not None:
            return self._made(await self._chain.current())
        if self._document is not None:
            return self._made(self._documented(self._document))
        return cast("SigV4Signer", self._latest)

    async def rejected(self, code: str | None) -> None:
        """The chain is asked anew, if the code says that the keys have ended."""
        if self._chain is not None and self._keys is not None and code in EXPIRED:
            self._chain.renounce(self._keys)

    def secrets(self) -> tuple[str, ...]:
        """What must not be shown if the vendor quotes it."""
        return () if self._latest is None else self._latest.secrets()

    def _made(self, keys: AwsKeys) -> SigV4Signer:
        if self._latest is None or keys is not self._keys:
            token = None if keys.session_token is None else Secret.value(keys.session_token)
            secret = Secret.value(keys.secret_access_key)
            self._latest, self._keys = self._signer(keys.access_key_id, secret, token), keys
        return self._latest

    def _signer(self, key_id: str, secret: Secret, token: Secret | None) -> SigV4Signer:
        return SigV4Signer(
            access_key_id=key_id,
            secret_access_key=secret,
            session_token=token,
            region=self._region,
            service=self._service,
            path_as_sent=self._path_as_sent,
        )

    def _documented(self, document: Secret) -> AwsKeys:
        """All three at once; the same object as long as the document says the same."""
        try:
            found = msgspec.json.decode(document.reveal(), type=prepared(AwsKeys))
        except UNREADABLE:
            raise ConfigurationError(
                "credentials",
                "is not a document of keys",
                fix='Write {"AccessKeyId": ..., "SecretAccessKey": ..., "SessionToken": ...}',
            ) from None
        check_credential("credentials", found.access_key_id + found.secret_access_key)
        check_credential("credentials", found.session_token or "")
        return self._keys if self._keys == found and self._keys is not None else found


@final
class AwsChain:
    """What the vendor's own tools would find on this machine.

    Args:
        profile: where it starts from.
    """

    def __init__(self, profile: str | None) -> None:
        self._profile = profile
        self._credentials: Any = None

    def forget(self) -> None:
        """Look anew. In a forked child a lock of the library's may be held for ever."""
        self._credentials = None

    def fetch(self) -> tuple[AwsKeys, float | None]:
        """Find them, or fetch them anew, with the time when they end; blocks.

        Raises:
            ConfigurationError: there are none, or what says where they are is wrong.
            AuthenticationError: they are refused.
            UnavailableError: they cannot be had now.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            held = self._credentials or _resolved(self._profile)
            frozen = held.get_frozen_credentials()
        except BotoCoreError as error:
            raise _refused(type(error).__name__) from error
        except ClientError as error:
            raise _answered(error) from error
        self._credentials = held
        ends: datetime | None = getattr(held, "_expiry_time", None)
        keys = AwsKeys(
            access_key_id=frozen.access_key,
            secret_access_key=frozen.secret_key,
            session_token=frozen.token,
        )
        return keys, None if ends is None else ends.timestamp()


def _chained(settings: AwsAccount, service: str, clock: Clock) -> "Fetched[AwsKeys] | None":
    """The chain, where it is asked for."""
    if settings.credentials != "chain":
        return None
    if find_spec("botocore") is None:
        raise ConfigurationError(
            "credentials", "chain needs botocore", fix="pip install 'hardpoint[aws]'"
        )
    from hardpoint.http.fetched import Fetched  # what keys of one's own do without

    chain, name = AwsChain(settings.profile), f"keys of the chain for {service}"
    return Fetched(chain.fetch, clock, name=name, forget=chain.forget)


def _resolved(profile: str | None) -> Any:
    """Load botocore's resolver, and let it look; nothing in it repeats a request."""
    from botocore.config import Config
    from botocore.session import Session
    from botocore.utils import ContainerMetadataFetcher

    class OneAttempt(ContainerMetadataFetcher):
        RETRY_ATTEMPTS = 1
        SLEEP_TIME = 0

    session: Any = Session(profile=profile)
    session.set_config_variable("metadata_service_num_attempts", 1)
    session.set_default_client_config(Config(retries={"total_max_attempts": 1}))
    resolver: Any = session.get_component("credential_provider")
    resolver.get_provider("container-role")._fetcher = OneAttempt()
    found: Any = session.get_credentials()
    if found is None:
        raise ConfigurationError(
            "credentials",
            "the chain finds none on this machine",
            fix="Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or attach a role",
        )
    return found


def _refused(name: str) -> HardpointError:
    if name in _PERMANENT:
        return ConfigurationError(
            "credentials", f"the chain stops: {name}", fix="Correct the vendor's configuration file"
        )
    if name in _SIGN_IN:
        return AuthenticationError(f"the chain stops: {name}; sign in: aws sso login")
    return UnavailableError(f"the chain gives no keys now: {name}; nothing was sent")


def _answered(error: Any) -> HardpointError:
    status: int = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
    code: str = error.response.get("Error", {}).get("Code", "")
    kind = AuthenticationError if 400 <= status < 500 and status != 429 else UnavailableError
    return kind(
        f"the chain was refused keys: {code}; nothing was sent", status=status, vendor_code=code
    )
