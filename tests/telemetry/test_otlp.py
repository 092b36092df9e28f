"""Where spans and metrics of `hardpoint serve --otel` go, as its environment says."""

import subprocess
import sys

import pytest

from hardpoint.core.errors import ConfigurationError, HardpointError
from hardpoint.sync import Hub
from hardpoint.telemetry.otlp import exporting

from .collector import collecting


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in ("OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG", "OTEL_SERVICE_NAME"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


CONFIGURATION = """
[store]
url = "sqlite:events.db"
[connections.crm]
provider = "rest"
base_url = "http://127.0.0.1:9"
key = "env:CRM"
policy = { preset = "no_retry" }
"""


@pytest.mark.parametrize(
    ("sampler", "share", "recorded"),
    [
        ("traceidratio", "0", 0),
        ("parentbased_traceidratio", "1.5", 3),
        ("parentbased_traceidratio", "-3", 0),
        ("traceidratio", None, 3),
        ("always_on", "0", 3),
        (None, None, 3),
    ],
)
def test_all_or_a_share_is_sent_and_the_rest_at_the_end(
    environment, tmp_path, sampler, share, recorded
):
    (tmp_path / "hardpoint.toml").write_text(CONFIGURATION)
    environment.setenv("CRM", "sk_1")
    for name, value in (("OTEL_TRACES_SAMPLER", sampler), ("OTEL_TRACES_SAMPLER_ARG", share)):
        if value is not None:
            environment.setenv(name, value)
    with collecting() as collector:
        environment.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        listener, end = exporting(database="postgresql")
        with Hub.load(tmp_path / "hardpoint.toml", listeners=[listener]) as hub:
            for _ in range(3):
                with pytest.raises(HardpointError):
                    hub.rest("crm").get("/deals")
        end()
    assert len(collector.named("crm GET /deals")) == recorded
    assert "hardpoint.calls" in collector.metrics


def test_a_share_that_is_no_number_is_refused(environment):
    environment.setenv("OTEL_TRACES_SAMPLER", "traceidratio")
    environment.setenv("OTEL_TRACES_SAMPLER_ARG", "half")
    with pytest.raises(ConfigurationError, match="OTEL_TRACES_SAMPLER_ARG"):
        exporting()


@pytest.mark.parametrize(
    ("module", "missing", "extra"),
    [
        ("otlp", "opentelemetry.exporter.otlp.proto.http.metric_exporter", "otel"),
        ("prometheus", "prometheus_client", "prometheus"),
    ],
)
def test_without_the_extra_the_line_that_installs_it_is_named(module, missing, extra):
    code = f"""
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name == {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name}}", name=name)

sys.meta_path.insert(0, Missing())
from hardpoint.core.errors import ConfigurationError
try:
    import hardpoint.telemetry.{module}
except ConfigurationError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert f"pip install 'hardpoint[{extra}]'" in done.stdout
