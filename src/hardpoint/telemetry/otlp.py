"""OpenTelemetry for `hardpoint serve --otel`: spans and metrics go where its environment says.

`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_SERVICE_NAME`,
`OTEL_TRACES_SAMPLER` and their kin, as OpenTelemetry's SDK reads them; OTLP over HTTP. An
application that sets its SDK up itself has no need of this.
"""

import os
from collections.abc import Callable

from hardpoint.core.errors import ConfigurationError
from hardpoint.telemetry.opentelemetry import OpenTelemetry

try:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased
except ModuleNotFoundError as error:
    raise ConfigurationError(
        "otel", "the extra is not installed", fix="pip install 'hardpoint[otel]'"
    ) from error

SERVICE = "hardpoint"
"""The service's name where the environment has none."""


def exporting(*, database: str = "sqlite") -> tuple[OpenTelemetry, Callable[[], None]]:
    """A listener whose spans and metrics are sent away, each process under its own number.

    Args:
        database: what the store is.

    Returns:
        The listener, and what sends the rest and ends it.
    """
    resource = Resource.create(
        {
            "service.name": SERVICE,
            "service.instance.id": str(os.getpid()),
            "process.pid": os.getpid(),
        }
    ).merge(OTELResourceDetector().detect())
    share = _share()
    sampler = None if share is None else ParentBased(ALWAYS_ON)
    tracers = TracerProvider(sampler, resource)
    tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    reader = PeriodicExportingMetricReader(OTLPMetricExporter())
    meters = MeterProvider([reader], resource=resource)
    listener = OpenTelemetry(
        tracer_provider=tracers,
        meter_provider=meters,
        database=database,
        share=1.0 if share is None else share,
    )

    def end() -> None:
        tracers.shutdown()
        meters.shutdown()

    return listener, end


def _share() -> float | None:
    """What a ratio in the environment says: taken by us, before a span is made."""
    if not os.environ.get("OTEL_TRACES_SAMPLER", "").endswith("traceidratio"):
        return None
    try:
        return min(1.0, max(0.0, float(os.environ.get("OTEL_TRACES_SAMPLER_ARG", "1"))))
    except ValueError:
        raise ConfigurationError(
            "$OTEL_TRACES_SAMPLER_ARG", "is no number", fix="Set it to a share, such as 0.01"
        ) from None
