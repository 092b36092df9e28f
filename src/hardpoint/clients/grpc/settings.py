"""What a configuration says of a gRPC service: where it is, and what a repeat of a method does."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from importlib.util import find_spec
from pathlib import Path
from typing import Final, cast

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.secrets import Secret
from hardpoint.http.auth import Authorization, bearer
from hardpoint.http.limits import on_loopback
from hardpoint.resilience.repetition import REPEAT_CLASSES, RepeatClass

_TARGET: Final = re.compile(r"(\[[0-9a-f:.]+\]|[A-Za-z0-9.-]{1,253}):([0-9]{1,5})", re.ASCII)
_METHOD: Final = re.compile(r"[A-Za-z_*?][A-Za-z0-9_.*?]*/[A-Za-z0-9_*?]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class GrpcSettings:
    """One account at a gRPC service.

    Args:
        target: host and port, `crm.example:443`.
        key: what every call carries as `authorization: Bearer ...`; None for none.
        tls: False only on loopback.
        authorities: a file of certificates to trust in place of the system's.
        methods: what a repeat of each method does, `crm.Deals/Get` or a glob of it: `safe`,
            `idempotent`, `needs_key` or `never`. The first that fits counts; others are `never`.
        message_bytes_max: the largest answer that is taken.

    Raises:
        ConfigurationError: naming what is wrong.
    """

    target: str
    key: Secret | Authorization | None = None
    tls: bool = True
    authorities: Path | None = None
    methods: Mapping[str, str] = field(default_factory=dict[str, str])
    message_bytes_max: int = 4 * 1024 * 1024

    def __post_init__(self) -> None:
        if find_spec("grpc") is None:
            raise ConfigurationError(
                "provider",
                "needs an extra that is not installed",
                fix="pip install 'hardpoint[grpc]'",
            )
        found = _TARGET.fullmatch(self.target)
        if found is None or not 0 < int(found[2]) < 65_536:
            raise ConfigurationError(
                "target", "is not host and port", fix='Write target = "crm.example:443"'
            )
        if not self.tls and not on_loopback(found[1].strip("[]")):
            raise ConfigurationError(
                "tls", "is off, and the target is not this machine", fix="Leave it out"
            )
        if not self.tls and self.authorities is not None:
            raise ConfigurationError("authorities", "is set, and tls is off", fix="Leave it out")
        check_methods(self.methods)

    @property
    def authorization(self) -> Authorization | None:
        """What carries the key."""
        return None if self.key is None else bearer(self.key)


def check_methods(methods: Mapping[str, str]) -> None:
    """See that methods and their classes can be.

    Raises:
        ConfigurationError: one cannot.
    """
    for method, repeat in methods.items():
        if not _METHOD.fullmatch(method):
            raise ConfigurationError(
                "methods", f"has {method!r:.80}", fix='Write "crm.Deals/Get" or "crm.Deals/*"'
            )
        if repeat not in REPEAT_CLASSES:
            known = ", ".join(REPEAT_CLASSES)
            raise ConfigurationError(
                f"methods.{method}", f"is {repeat!r:.40}", fix=f"One of {known}"
            )


def repeat_of(method: str, methods: Mapping[str, str]) -> RepeatClass:
    """What a repeat of a method does, as far as anybody has said."""
    for known, repeat in methods.items():
        if fnmatchcase(method, known):
            return cast("RepeatClass", repeat)
    return "never"
