"""A folder as storage: settings and manifest; driver and server of signed URLs beside it.

Unit cost: adapter, since there is no vendor: storing, listing and serving are done here, against
links, races and power cuts; tests, since each of these is tried on real files.
"""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.providers import Provider
from hardpoint.core.secrets import Secret
from hardpoint.http.limits import checked_url

PROVIDER = Provider(
    name="filesystem",
    title="Local folder",
    tokens=("filesystem",),
    settings="hardpoint.providers.filesystem:Filesystem",
    ports={"storage": "hardpoint.providers.filesystem.storage:FilesystemStorage"},
    effects={
        "storage": (
            "hardpoint.providers.filesystem.calls:ThreadedCalls",
            "hardpoint.providers.filesystem.calls:DirectCalls",
        )
    },
    file_server="hardpoint.providers.filesystem.serving:FileServer",
)

_SECRET_CHARACTERS_MIN = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Filesystem:
    """One folder.

    Args:
        path: it must be there.
        secret: signs URLs; without it there are none.
        public_url: where `FileServer` is mounted, as browsers reach it.

    Raises:
        ConfigurationError: no folder, or one of secret and public_url without the other.
    """

    path: Path
    secret: Secret | None = None
    public_url: str | None = None

    def __post_init__(self) -> None:
        if not self.path.is_dir():
            raise ConfigurationError(
                "path", "is not a folder", fix=f"mkdir -p {self.path}, or correct it"
            )
        if (self.secret is None) is not (self.public_url is None):
            missing = "secret" if self.secret is None else "public_url"
            raise ConfigurationError(missing, "is missing", fix="URLs are signed with both")
        if self.public_url is not None:
            parts = urlsplit(checked_url(self.public_url, key="public_url"))
            if parts.query or parts.fragment:
                raise ConfigurationError("public_url", "holds a query or a fragment")
        if self.secret is not None and len(self.secret.reveal()) < _SECRET_CHARACTERS_MIN:
            raise ConfigurationError(
                "secret",
                f"has fewer than {_SECRET_CHARACTERS_MIN} characters",
                fix="Make one: openssl rand -hex 32",
            )
