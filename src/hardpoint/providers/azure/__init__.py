"""Azure: manifest, and the settings of a container of blobs; storage beside it.

Unit cost: adapter, since requests are proved in three ways and URLs in two; tests, since each of
these is tried on the vendor's own emulator, and by its own library.
"""

import re
from base64 import b64decode
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, urlsplit

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.providers import Provider
from hardpoint.core.secrets import Secret
from hardpoint.http.limits import checked_url, on_loopback

PROVIDER = Provider(
    name="azure",
    title="Azure",
    tokens=("azure", "azurite", "learn.microsoft", "windows.net", "x-ms-"),
    docs="https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api",
    verified="2026-12-01",
    settings="hardpoint.providers.azure:AzureBlob",
    ports={"storage": "hardpoint.providers.azure.storage:AzureStorage"},
    errors="hardpoint.providers.azure.errors:ERRORS",
)

_ACCOUNT = re.compile(r"[a-z0-9]{3,24}", re.ASCII)
_CONTAINER = re.compile(r"(?=.{3,63}\Z)[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)
_DOMAINS = (".blob.core.windows.net", ".blob.core.usgovcloudapi.net", ".blob.core.chinacloudapi.cn")


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureBlob:
    """One container of a storage account. It is proved by one of a key, a signature or an identity.

    Args:
        account: the storage account.
        container: its name.
        account_key: one of the two keys of the account.
        sas: a shared access signature for the container, as the portal shows it.
        credentials: `chain`: the identity of this machine, or the service principal below, by the
            extra `azure`.
        tenant_id, client_id, client_secret: a service principal; without a secret, `client_id`
            says which managed identity.
        authority: the login service of another cloud, `login.microsoftonline.us`.
        endpoint_url: another address of the account: of another cloud, or on loopback for an
            emulator, `http://127.0.0.1:10000/devstoreaccount1`.

    Raises:
        ConfigurationError: a name that is none, credentials that are none or several, or an address
            that they must not go to.
    """

    account: str
    container: str
    account_key: Secret | None = None
    sas: Secret | None = None
    credentials: Literal["chain"] | None = None
    tenant_id: str | None = None
    client_id: str | None = None
    client_secret: Secret | None = None
    authority: str | None = None
    endpoint_url: str | None = None

    def __post_init__(self) -> None:
        if not _ACCOUNT.fullmatch(self.account):
            raise ConfigurationError(
                "account", "is not a storage account", fix="3 to 24 small letters and digits"
            )
        if not _CONTAINER.fullmatch(self.container):
            raise ConfigurationError(
                "container",
                "is not the name of a container",
                fix="3 to 63 small letters, digits and single hyphens",
            )
        proofs = {
            "account_key": self.account_key,
            "sas": self.sas,
            "credentials": self.credentials,
        }
        given = [key for key, value in proofs.items() if value is not None]
        if len(given) != 1:
            raise ConfigurationError(
                given[-1] if given else "account_key",
                "is set beside another one" if given else "is missing",
                fix='Set one of account_key, sas and credentials = "chain"',
            )
        if self.account_key is not None:
            key_bytes(self.account_key)
        if self.sas is not None:
            sas_pairs(self.sas)
        self._check_principal()
        self._check_endpoint()

    def _check_principal(self) -> None:
        app = {"tenant_id": self.tenant_id, "client_id": self.client_id}
        app |= {"authority": self.authority}
        for key, value in app.items():
            if value is not None and self.credentials is None:
                raise ConfigurationError(
                    key, "goes with an identity only", fix='Set credentials = "chain"'
                )
        if self.client_secret is not None and None in {self.tenant_id, self.client_id}:
            raise ConfigurationError(
                "client_secret", "has no owner", fix="Set tenant_id and client_id too"
            )

    def _check_endpoint(self) -> None:
        if self.endpoint_url is None:
            return
        parts = urlsplit(checked_url(self.endpoint_url, key="endpoint_url"))
        host = parts.hostname or ""
        deep = parts.path not in {"", "/"} and not on_loopback(host)
        if parts.query or parts.fragment or deep:
            raise ConfigurationError(
                "endpoint_url", "holds more than a host", fix="The container has its own setting"
            )
        if not on_loopback(host) and host not in {self.account + one for one in _DOMAINS}:
            raise ConfigurationError(
                "endpoint_url",
                "is not a host of the account",
                fix=f"https://{self.account}.blob.core.windows.net, or one of another cloud",
            )

    @property
    def base_url(self) -> str:
        """The address of the account, without a slash at its end."""
        return (self.endpoint_url or f"https://{self.account}{_DOMAINS[0]}").rstrip("/")


def key_bytes(key: Secret) -> bytes:
    """What signs.

    Raises:
        ConfigurationError: it is not a key of an account.
    """
    try:
        found = b64decode(key.reveal(), validate=True)
    except ValueError:
        found = b""
    if not found:
        raise ConfigurationError(
            "account_key", "is not a key of an account", fix="Copy it again, alone"
        )
    return found


def sas_pairs(sas: Secret) -> list[tuple[str, str]]:
    """The parameters of a shared access signature.

    Raises:
        ConfigurationError: it is none.
    """
    pairs = parse_qsl(sas.reveal().removeprefix("?"))
    if not {"sig", "sv"} <= dict(pairs).keys():
        raise ConfigurationError(
            "sas", "is not a shared access signature", fix="Copy the text that starts with sv="
        )
    return pairs
