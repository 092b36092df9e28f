"""The settings of the services beside storage: whose keys, where, and which queue."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from hardpoint.core.errors import ConfigurationError
from hardpoint.http.limits import checked_url, on_loopback
from hardpoint.providers.aws import AwsAccount

DOMAINS = (".amazonaws.com", ".amazonaws.com.cn")
HIDDEN_SECONDS_MAX = 12 * 3600

_REGION = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)
_QUEUE = re.compile(r"/(?:[0-9]{12}|queue)/[A-Za-z0-9_-]{1,75}(?:\.fifo)?", re.ASCII)
_FUNCTION = re.compile(
    r"(?:arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:function:)?[A-Za-z0-9_-]{1,140}", re.ASCII
)
_QUALIFIER = re.compile(r"\$LATEST|[A-Za-z0-9_-]{1,128}", re.ASCII)
_HOST = re.compile(r"sqs(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sqs(AwsAccount):
    """One queue of SQS, or of a service that speaks its JSON protocol; and an account's keys.

    Args:
        queue_url: as the console shows it; a queue whose name ends in `.fifo` keeps orders.
        access_key_id, secret_access_key, session_token, credentials, profile: see `AwsAccount`.
        region: where it is; read of `queue_url` if nothing is said.
        dead_letter_url: the queue for what is put aside, where there is one.
        hidden_seconds: for how long a received message is nobody else's.
        compatible_host: the host of `queue_url` once more, where that is another vendor's. Keys are
            bound to hosts: without it they go to none but the vendor's own.

    Raises:
        ConfigurationError: an address that is none, or that the keys must not go to.
    """

    queue_url: str
    region: str | None = None
    dead_letter_url: str | None = None
    hidden_seconds: int = 30
    compatible_host: str | None = None

    def __post_init__(self) -> None:
        self.check_credentials()
        self._check_queue("queue_url", self.queue_url)
        if self.dead_letter_url is not None:
            self._check_dead_letters(self.dead_letter_url)
        if not self.signed_region:
            raise ConfigurationError(
                "region", "is missing, and queue_url does not tell", fix="Write eu-central-1"
            )
        check_region(self.signed_region)
        if not 1 <= self.hidden_seconds <= HIDDEN_SECONDS_MAX:
            raise ConfigurationError(
                "hidden_seconds", "is out of range", fix=f"1 to {HIDDEN_SECONDS_MAX} seconds"
            )

    @property
    def fifo(self) -> bool:
        """Whether it keeps the order of each group."""
        return self.queue_url.endswith(".fifo")

    @property
    def base_url(self) -> str:
        """Where requests go, without a slash at its end."""
        parts = urlsplit(self.queue_url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def signed_region(self) -> str:
        """The region that signatures name; empty where nobody says."""
        found = _HOST.fullmatch(urlsplit(self.queue_url).hostname or "")
        return self.region or ("" if found is None else found[1])

    def _check_dead_letters(self, url: str) -> None:
        self._check_queue("dead_letter_url", url)
        if urlsplit(url).netloc != urlsplit(self.queue_url).netloc:
            raise ConfigurationError(
                "dead_letter_url", "is in another place", fix="Take a queue of the same region"
            )
        if url == self.queue_url or url.endswith(".fifo") != self.fifo:
            raise ConfigurationError(
                "dead_letter_url",
                "is the queue itself, or of another kind",
                fix="A FIFO queue has a FIFO queue for its dead letters",
            )

    def _check_queue(self, key: str, url: str) -> None:
        check_host(key, url, self.compatible_host)
        parts = urlsplit(url)
        if parts.query or parts.fragment or not _QUEUE.fullmatch(parts.path):
            raise ConfigurationError(
                key,
                "is not the address of a queue",
                fix="Copy https://sqs.eu-central-1.amazonaws.com/123456789012/jobs",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lambda(AwsAccount):
    """One function of Lambda, and an account's keys.

    Args:
        function: its name, or its ARN.
        qualifier: an alias or a version; what is newest if nothing is said.
        region: where it is, `eu-central-1`.
        access_key_id, secret_access_key, session_token, credentials, profile: see `AwsAccount`.
        endpoint_url: another address: of the vendor (FIPS, a VPC's endpoint), or on loopback.

    Raises:
        ConfigurationError: a name that is none, or an address that the keys must not go to.
    """

    function: str
    region: str
    qualifier: str | None = None
    endpoint_url: str | None = None

    def __post_init__(self) -> None:
        self.check_credentials()
        check_region(self.region)
        if not _FUNCTION.fullmatch(self.function):
            raise ConfigurationError(
                "function", "is not the name of a function", fix="Write its name, or its ARN"
            )
        if self.qualifier is not None and not _QUALIFIER.fullmatch(self.qualifier):
            raise ConfigurationError(
                "qualifier", "is neither an alias nor a version", fix="Write live, or 17"
            )
        if self.endpoint_url is not None:
            check_host("endpoint_url", self.endpoint_url, None)
            if urlsplit(self.endpoint_url).path not in {"", "/"}:
                raise ConfigurationError(
                    "endpoint_url", "holds more than a host", fix="The function has its own setting"
                )

    @property
    def base_url(self) -> str:
        """Where requests go, without a slash at its end."""
        domain = DOMAINS[self.region.startswith("cn-")]
        return (self.endpoint_url or f"https://lambda.{self.region}{domain}").rstrip("/")


def check_region(region: str) -> None:
    """See that it can be one.

    Raises:
        ConfigurationError: it cannot.
    """
    if not _REGION.fullmatch(region):
        raise ConfigurationError("region", "is not a region", fix="Write eu-central-1")


def check_host(key: str, url: str, compatible_host: str | None) -> None:
    """See that an address is the vendor's, on loopback, or one that was named as such.

    Raises:
        ConfigurationError: it is not.
    """
    host = urlsplit(checked_url(url, key=key)).hostname or ""
    if host.endswith(DOMAINS) or on_loopback(host) or host == compatible_host:
        return
    raise ConfigurationError(
        key,
        "is not a host of the vendor",
        fix=f"If it speaks the same and you trust it with the keys: compatible_host = {host!r}",
    )
