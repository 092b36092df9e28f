"""Telemetry: what listeners make of the events that every layer tells."""

from typing import TYPE_CHECKING

from hardpoint.core.public import lazily

if TYPE_CHECKING:
    from hardpoint.core.correlation import correlated as correlated
    from hardpoint.telemetry.logs import Logs as Logs
    from hardpoint.telemetry.opentelemetry import OpenTelemetry as OpenTelemetry
else:
    __getattr__, __dir__, __all__ = lazily(
        __name__,
        {
            "hardpoint.core.correlation": ("correlated",),
            "hardpoint.telemetry.logs": ("Logs",),
            "hardpoint.telemetry.opentelemetry": ("OpenTelemetry",),
        },
    )
