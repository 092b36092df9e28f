"""Amazon Web Services: manifest, and the settings of a bucket; storage beside it.

Unit cost: adapter, since keys are found in five places; fake, since each service
has one of its own; tests, since storing is tried on two
imitations, by the official library's hand too, and with keys that only other programs write.
"""

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.providers import Provider
from hardpoint.core.secrets import Secret
from hardpoint.http.limits import checked_url, on_loopback
from hardpoint.providers.aws.manifests import SERVICES

PROVIDER = Provider(
    name="aws",
    title="Amazon Web Services",
    tokens=("aws", "amz", "amazon"),
    docs="https://docs.aws.amazon.com/AmazonS3/latest/userguide/Welcome.html",
    verified="2026-11-28",
    settings="hardpoint.providers.aws:S3",
    ports={"storage": "hardpoint.providers.aws.storage:S3Storage"},
    errors="hardpoint.providers.aws.errors:ERRORS",
    fake="hardpoint.providers.aws.fake:FakeS3",
    services=SERVICES,
)

_BUCKET = re.compile(r"(?!xn--|sthree-)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_REGION = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)
_ACCESS_KEY = re.compile(r"[\w.+=@-]{1,128}", re.ASCII)
_DOMAINS = (".amazonaws.com", ".amazonaws.com.cn")


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsAccount:
    """Whose keys sign; what the settings of every service have in common.

    Args:
        access_key_id: `AKIA...`, or `ASIA...` of temporary credentials.
        secret_access_key: what signs; it is never sent.
        session_token: goes with temporary credentials.
        credentials: in place of these three. A document, `file:PATH`, as `credential_process` gives
            it, read at each use, so that all three change at once. Or `chain`: whatever the
            vendor's own tools would find (environment, profile, SSO, web identity, container,
            instance), by the extra `aws`.
        profile: which profile the chain starts from.

    Raises:
        ConfigurationError: not the credentials of anybody, or those of several.
    """

    access_key_id: str | None = None
    secret_access_key: Secret | None = None
    session_token: Secret | None = None
    credentials: Secret | Literal["chain"] | None = None
    profile: str | None = None

    def __post_init__(self) -> None:
        self.check_credentials()

    def check_credentials(self) -> None:
        """See that there are keys, of one kind, copied cleanly; the chain is not asked.

        Raises:
            ConfigurationError: there are not.
        """
        keys = {
            "access_key_id": self.access_key_id,
            "secret_access_key": self.secret_access_key,
            "session_token": self.session_token,
        }
        if self.profile is not None and self.credentials != "chain":
            raise ConfigurationError(
                "profile", "goes with the chain only", fix='Set credentials = "chain"'
            )
        if self.credentials is not None:
            for key, value in keys.items():
                if value is not None:
                    raise ConfigurationError(
                        key, "is set beside credentials", fix="Set one of the two"
                    )
            return
        if self.access_key_id is None or self.secret_access_key is None:
            raise ConfigurationError(
                "access_key_id" if self.access_key_id is None else "secret_access_key",
                "is missing",
                fix='Set it, or credentials = "chain" for what the machine has',
            )
        if not _ACCESS_KEY.fullmatch(self.access_key_id):
            raise ConfigurationError(
                "access_key_id", "is not the id of an access key", fix="Copy AKIA... or ASIA..."
            )
        if self.access_key_id.startswith("ASIA") and self.session_token is None:
            raise ConfigurationError(
                "session_token", "is missing; an ASIA key is a temporary one", fix="Set it too"
            )
        check_credential("secret_access_key", self.secret_access_key.reveal())
        if self.session_token is not None:
            check_credential("session_token", self.session_token.reveal())


@dataclass(frozen=True, slots=True, kw_only=True)
class S3(AwsAccount):
    """One bucket of S3, or of a service that speaks its protocol; and an account's keys.

    Args:
        bucket: its name.
        region: where it is, `eu-central-1`.
        access_key_id, secret_access_key, session_token, credentials, profile: see `AwsAccount`.
        endpoint_url: another address: of the vendor (FIPS, a VPC's endpoint), or on loopback for an
            emulator.
        compatible_host: the host of `endpoint_url` once more, where that is another vendor's. Keys
            are bound to hosts: without it they go to none but the vendor's own.
        path_style: the bucket in the path and not in the host's name; None for what the address
            needs.

    Raises:
        ConfigurationError: a name that is none, or an address that the keys must not go to.
    """

    bucket: str
    region: str
    endpoint_url: str | None = None
    compatible_host: str | None = None
    path_style: bool | None = None

    def __post_init__(self) -> None:
        if not _BUCKET.fullmatch(self.bucket) or ".." in self.bucket:
            raise ConfigurationError(
                "bucket",
                "is not the name of a bucket",
                fix="3 to 63 small letters, digits, dots and hyphens; a folder goes into the keys",
            )
        if not _REGION.fullmatch(self.region):
            raise ConfigurationError("region", "is not a region", fix="Write eu-central-1")
        self.check_credentials()
        if self.endpoint_url is not None:
            self._check_endpoint(self.endpoint_url)
        elif self.compatible_host is not None:
            raise ConfigurationError(
                "compatible_host", "is set without endpoint_url", fix="Set both, or neither"
            )

    def _check_endpoint(self, url: str) -> None:
        parts = urlsplit(checked_url(url, key="endpoint_url"))
        host = parts.hostname or ""
        if parts.query or parts.fragment or parts.path not in {"", "/"}:
            raise ConfigurationError(
                "endpoint_url", "holds more than a host", fix="The bucket has a setting of its own"
            )
        own = host.endswith(_DOMAINS) or on_loopback(host)
        if not own and host != self.compatible_host:
            raise ConfigurationError(
                "endpoint_url",
                "is not a host of the vendor",
                fix=f"If it speaks S3 and you trust it with the keys: compatible_host = {host!r}",
            )

    @property
    def base_url(self) -> str:
        """The address of the bucket, without a slash at its end."""
        china = self.region.startswith("cn-")
        domain = f"s3.{self.region}{_DOMAINS[china]}"
        url = (self.endpoint_url or f"https://{domain}").rstrip("/")
        parts = urlsplit(url)
        path_style = self.path_style
        if path_style is None:
            # A certificate covers one label before the domain, so not a bucket with dots.
            path_style = self.endpoint_url is not None or "." in self.bucket
        if path_style:
            return f"{url}/{self.bucket}"
        return f"{parts.scheme}://{self.bucket}.{parts.netloc}"


def check_credential(key: str, text: str) -> None:
    """See that it was copied cleanly.

    Raises:
        ConfigurationError: it was not; the text itself is not repeated.
    """
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ConfigurationError(key, "holds blanks or odd characters", fix="Copy it again, alone")
