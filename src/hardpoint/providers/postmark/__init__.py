"""Postmark: email, and what it tells of them; it signs nothing, so there is no scheme."""

import re
from dataclasses import dataclass

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.providers import Provider
from hardpoint.core.secrets import Secret
from hardpoint.email.addresses import checked_address
from hardpoint.http.limits import checked_base_url

PROVIDER = Provider(
    name="postmark",
    title="Postmark",
    tokens=("postmark",),
    docs="https://postmarkapp.com/developer/api/overview",
    verified="2026-12-01",
    verified_by="its official Python package and published excerpts of its pages",
    settings="hardpoint.providers.postmark:Postmark",
    ports={"email": "hardpoint.providers.postmark.email:PostmarkEmail"},
    errors="hardpoint.providers.postmark.errors:ERRORS",
    fake="hardpoint.providers.postmark.fake:FakePostmark",
    starter="hardpoint.providers.postmark:starter",
)

HOST = "api.postmarkapp.com"
HOSTS = frozenset({HOST})

_STREAM = re.compile(r"[a-z0-9][a-z0-9_-]{0,29}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Postmark:
    """One server of a Postmark account.

    Args:
        server_token: of the server, a UUID; `POSTMARK_API_TEST` checks emails and sends none.
        from_: who sends where a call does not say: a confirmed address, or one of a domain that is.
        stream: the message stream; `outbound` where none is said.
        base_url: another address on loopback, for a fake.

    Raises:
        ConfigurationError: a stream that is none, or a `base_url` that is not Postmark's.
        InvalidRequestError: the sender is no address.
    """

    server_token: Secret
    from_: str | None = None
    stream: str | None = None
    base_url: str = f"https://{HOST}"

    def __post_init__(self) -> None:
        checked_base_url(self.base_url, HOSTS)
        if self.from_ is not None:
            checked_address(self.from_, field="from_")
        if self.stream is not None and not _STREAM.fullmatch(self.stream):
            raise ConfigurationError(
                "stream", "is not the id of a message stream", fix="Copy it: outbound, broadcast"
            )
