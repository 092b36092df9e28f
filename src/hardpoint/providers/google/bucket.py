"""The settings of a bucket of Cloud Storage."""

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.secrets import Secret
from hardpoint.http.limits import checked_url, on_loopback

HOST = "storage.googleapis.com"

_BUCKET = re.compile(r"(?=.{3,222}\Z)[a-z0-9]([a-z0-9._-]*[a-z0-9])?", re.ASCII)
_EMAIL = re.compile(r"[\w.+-]+@[\w.-]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudStorage:
    """One bucket.

    Args:
        bucket: its name.
        credentials: the document of a service account or of a workload's federation, `file:PATH`;
            or `chain`, the application default credentials of this machine. By the extra `gcp`.
            Only an emulator on loopback does without.
        signer: the service account that signs URLs, where the credentials have no key of their own
            and do not say who they are.
        endpoint_url: an emulator on loopback.

    Raises:
        ConfigurationError: a name that is none, or an address that tokens must not go to.
    """

    bucket: str
    credentials: Secret | Literal["chain"] | None = None
    signer: str | None = None
    endpoint_url: str | None = None

    def __post_init__(self) -> None:
        if not _BUCKET.fullmatch(self.bucket) or ".." in self.bucket:
            raise ConfigurationError(
                "bucket",
                "is not the name of a bucket",
                fix="3 to 63 small letters, digits, dots, hyphens; a folder goes into the keys",
            )
        if self.signer is not None and not _EMAIL.fullmatch(self.signer):
            raise ConfigurationError(
                "signer", "is not a service account", fix="name@project.iam.gserviceaccount.com"
            )
        if self.endpoint_url is not None:
            parts = urlsplit(checked_url(self.endpoint_url, key="endpoint_url"))
            if not on_loopback(parts.hostname) or parts.path not in {"", "/"} or parts.query:
                raise ConfigurationError(
                    "endpoint_url", "is not an emulator on loopback", fix="http://127.0.0.1:4443"
                )
        elif self.credentials is None:
            raise ConfigurationError(
                "credentials", "is missing", fix='Set file:PATH of a document, or "chain"'
            )

    @property
    def base_url(self) -> str:
        """Where requests go, without a slash at its end."""
        return (self.endpoint_url or f"https://{HOST}").rstrip("/")

    @property
    def token_url(self) -> str | None:
        """Where an emulator gives tokens; None for the vendor's own."""
        return None if self.endpoint_url is None else f"{self.base_url}/token"
