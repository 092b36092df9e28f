"""Spans and metrics by OpenTelemetry's conventions, in memory."""

import asyncio
import subprocess
import sys
import time
from contextlib import closing

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from hardpoint import Hub, Listeners
from hardpoint.core.correlation import carried, correlated
from hardpoint.core.errors import (
    ConfigurationError,
    StoreUnavailableError,
    UnavailableError,
)
from hardpoint.core.tracing import traceparent
from hardpoint.sync import Hub as BlockingHub
from hardpoint.telemetry import OpenTelemetry
from hardpoint.testing import FakeRest, FakeServer, no_delays, reset, status
from hardpoint.webhooks import scheme
from hardpoint.webhooks.answers import UNAVAILABLE
from hardpoint.webhooks.tracing import CommitSpan, begin_reception

from .collector import collecting

BODY = b'{"id": "evt_1", "type": "paid"}'
GIVEN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
CONFIGURATION = """
[store]
url = "sqlite:events.db"
[webhooks.shop]
provider = "stripe"
secrets = ["env:HOOK"]
[connections.crm]
provider = "rest"
base_url = "{url}"
key = "env:CRM_KEY"
"""


class Kept:
    """What a listener with everything in memory has made."""

    def __init__(self, **options):
        self.exporter = InMemorySpanExporter()
        self.reader = InMemoryMetricReader()
        tracers = TracerProvider(**options)
        tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.listener = OpenTelemetry(
            tracer_provider=tracers, meter_provider=MeterProvider([self.reader])
        )

    @property
    def spans(self):
        return {one.name: one for one in self.exporter.get_finished_spans()}

    def points(self, name):
        data = self.reader.get_metrics_data()
        return [
            (dict(point.attributes), getattr(point, "count", None) or getattr(point, "value", None))
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]


@pytest.fixture
def kept():
    return Kept()


@pytest.fixture
def server():
    with FakeServer(FakeRest()) as running:
        running.app.on("GET /deals/7", {"id": 7}, headers=(("x-request-id", "req_1"),))
        yield running


@pytest.fixture
def load(tmp_path, monkeypatch, server):
    monkeypatch.setenv("CRM_KEY", "sk_crm_123456")
    monkeypatch.setenv("HOOK", "whsec_one")

    def loaded(*listeners, kind=Hub):
        (tmp_path / "hardpoint.toml").write_text(CONFIGURATION.format(url=server.url))
        return kind.load(tmp_path / "hardpoint.toml", listeners=listeners)

    return loaded


def submit(hub, *headers, body=BODY):
    """A signed delivery; gives the future of its answer."""
    signed = scheme("stripe", secrets=["whsec_one"]).sign(
        body, now=time.time(), event_id="evt_1", event_type="paid"
    )
    raw = [(name.lower().encode(), value.encode()) for name, value in [*signed, *headers]]
    answered = asyncio.get_running_loop().create_future()
    hub.receiver.submit("shop", raw, body, answered.set_result)
    return answered


def test_a_trace_that_came_with_the_request_is_gone_on_with_and_stored(load, kept):
    hub = load(kept.listener)
    done = []

    @hub.on("shop")
    def look(event, job):
        done.append((event.headers["traceparent"], traceparent.get()))

    async def main():
        async with hub:
            assert (await submit(hub, ("traceparent", GIVEN))).status == 200
            async with asyncio.timeout(10):
                while not done:
                    await asyncio.sleep(0.01)

    asyncio.run(main())
    request, handled = kept.spans["POST /webhooks/{source}"], kept.spans["handle shop"]
    assert f"{request.context.trace_id:032x}" == GIVEN.split("-")[1]
    assert f"{request.parent.span_id:016x}" == GIVEN.split("-")[2]
    ((stored, current),) = done
    assert stored.split("-")[2] == f"{request.context.span_id:016x}"
    assert current.split("-")[2] == f"{handled.context.span_id:016x}"
    assert request.attributes["http.response.status_code"] == 200
    assert handled.attributes["hardpoint.outcome"] == "done"
    assert handled.kind is trace.SpanKind.CONSUMER


@pytest.mark.parametrize("given", ["", "00-0-0-01", GIVEN.replace("00-4", "ff-4"), f"{GIVEN};x"])
def test_what_is_no_trace_is_no_parent(load, kept, given):
    hub = load(kept.listener)

    async def main():
        async with hub:
            await submit(hub, ("traceparent", given))

    asyncio.run(main())
    assert kept.spans["POST /webhooks/{source}"].parent is None


def test_without_a_tracer_a_trace_is_stored_as_it_came(load):
    hub = load()

    async def main():
        async with hub:
            await submit(hub, ("traceparent", GIVEN), ("X-Correlation-ID", "c-9"))
            await submit(hub, ("traceparent", "nonsense"), body=b'{"id": "evt_2", "type": "x"}')
        with closing(hub.store.reader()) as reader:
            views = [reader.event(one)[0] for one in ("evt_1", "evt_2")]
        assert views[0].headers["traceparent"] == GIVEN
        assert views[0].summary.correlation_id == "c-9"
        assert "traceparent" not in views[1].headers

    asyncio.run(main())


def test_an_unverified_request_makes_no_span(load, kept):
    hub = load(kept.listener)

    async def main():
        async with hub:
            answered = asyncio.get_running_loop().create_future()
            hub.receiver.submit("shop", [], BODY, answered.set_result)
            assert (await answered).status == 401
            await hub.receiver.flush()

    asyncio.run(main())
    assert kept.spans == {}
    assert kept.points("hardpoint.webhook.refusals") == [
        ({"hardpoint.reason": "missing_signature"}, 1)
    ]


def test_a_handler_that_fails_marks_its_span_and_the_next_attempt_links_to_it(load, kept):
    hub = load(kept.listener)
    tried, done = [], []

    @hub.on("shop", retry=[0.01])
    async def fragile(event, job):
        tried.append(1)
        if len(tried) == 1:
            raise ValueError("no such order")
        done.append(1)

    async def main():
        async with hub:
            await submit(hub)
            async with asyncio.timeout(10):
                while not done:
                    await asyncio.sleep(0.01)

    asyncio.run(main())
    spans = [one for one in kept.exporter.get_finished_spans() if one.name == "handle shop"]
    first, second = spans
    assert first.attributes["error.type"] == "ValueError"
    assert not first.status.is_ok
    assert [one.context.span_id for one in second.links] == [first.context.span_id]
    assert first.context.trace_id == second.context.trace_id
    assert not first.links
    assert "no such order" not in str(first.to_json())
    outcomes = {one["hardpoint.outcome"] for one, _ in kept.points("messaging.process.duration")}
    assert outcomes == {"failed", "done"}


def test_an_attempt_that_is_cancelled_ends_its_span(load, kept):
    hub = load(kept.listener)

    async def main():
        begun = asyncio.Event()

        @hub.on("shop")
        async def forever(event, job):
            begun.set()
            await asyncio.sleep(60)

        async with hub:
            await submit(hub)
            await begun.wait()
            await hub.stop(grace=0)

    asyncio.run(main())
    assert kept.spans["handle shop"].attributes["error.type"] == "cancelled"


def test_an_event_that_cannot_be_stored_marks_its_commit(kept):
    tracer, answers = kept.listener.tracer, []
    parent, done = begin_reception(tracer, "shop", None, 1.0, answers.append)
    CommitSpan(tracer, "sqlite", parent).settled(StoreUnavailableError("the disk is full"))
    done(UNAVAILABLE)
    assert answers == [UNAVAILABLE]
    assert not kept.spans["INSERT hardpoint_event"].status.is_ok
    assert kept.spans["POST /webhooks/{source}"].attributes["error.type"] == "503"


@pytest.mark.parametrize("kind", [Hub, BlockingHub])
def test_a_calls_attempts_are_its_children_and_its_headers_go_along(load, kept, server, kind):
    hub = load(kept.listener, kind=kind)
    server.faults.next(status(503))
    with no_delays(), correlated("order-7"):
        if kind is Hub:

            async def main():
                async with hub:
                    return await hub.rest("crm").get("/deals/7", into=dict)

            assert asyncio.run(main()) == {"id": 7}
        else:
            with hub:
                assert hub.rest("crm").get("/deals/7", into=dict) == {"id": 7}
    first, second, call = kept.exporter.get_finished_spans()
    assert {first.parent.span_id, second.parent.span_id} == {call.context.span_id}
    assert first.attributes["http.response.status_code"] == 503
    assert second.attributes["hardpoint.request_id"] == "req_1"
    assert second.attributes["server.address"] == "127.0.0.1"
    assert second.attributes["url.full"] == f"{server.url}/deals/7"
    assert call.attributes["hardpoint.attempts"] == 2
    (sent,) = server.app.received
    assert sent.headers["x-request-id"] == "order-7"
    assert f"{second.context.span_id:016x}" in sent.headers["traceparent"]
    (calls,) = kept.points("hardpoint.calls")
    assert calls == ({"hardpoint.connection": "crm", "hardpoint.operation": "GET /deals/7"}, 1)
    assert traceparent.get() is None


def test_a_callers_own_header_stands_alone(load, server):
    hub = load(kind=BlockingHub)
    with hub, correlated("order-7"):
        hub.rest("crm").get("/deals/7", headers={"X-Request-ID": "mine"})
    (sent,) = server.app.received
    assert sent.headers["x-request-id"] == "mine"


def test_a_stream_has_its_spans_too(load, kept, server):
    server.app.on("GET /export", {"a": 1})
    hub = load(kept.listener, kind=BlockingHub)
    with hub, hub.rest("crm").stream("GET", "/export") as body:
        assert b"".join(body)
    attempt, call = kept.exporter.get_finished_spans()
    assert attempt.parent.span_id == call.context.span_id
    assert attempt.attributes["http.response.status_code"] == 200


def test_a_call_without_an_answer_says_so(load, kept, server):
    hub = load(kept.listener, kind=BlockingHub)
    server.faults.next(reset("headers"), times=10)
    with no_delays(), hub, pytest.raises(UnavailableError):
        hub.rest("crm").get("/deals/7")
    attempt, *_ = kept.exporter.get_finished_spans()
    assert attempt.attributes["error.type"] == "unavailable"
    assert "http.response.status_code" not in attempt.attributes
    hub.policy("crm").breaker.force_open()
    assert kept.points("hardpoint.circuit.changes")


def test_what_is_not_sampled_goes_on_unsampled(load):
    kept = Kept(sampler=ALWAYS_OFF)
    hub = load(kept.listener)

    async def main():
        async with hub:
            await submit(hub)
        with closing(hub.store.reader()) as reader:
            view = reader.event("evt_1")[0]
        assert view.headers["traceparent"].endswith(("00", "02"))

    asyncio.run(main())
    assert kept.spans == {}


def test_the_store_and_the_reception_are_measured(load, kept):
    hub = load(kept.listener)

    async def main():
        async with hub:
            await submit(hub)

    asyncio.run(main())
    ((served, count),) = kept.points("http.server.request.duration")
    assert (served["http.route"], served["hardpoint.stored"], count) == (
        "/webhooks/{source}",
        "new",
        1,
    )
    commits = kept.points("db.client.operation.duration")
    assert {one["db.system.name"] for one, _ in commits} == {"sqlite"}


def test_events_that_are_no_measure_are_passed_over(kept):
    kept.listener(object())
    assert kept.spans == {}


def test_the_first_listener_with_a_tracer_is_the_one(kept):
    listeners = Listeners()
    assert listeners.tracer is None
    remove = listeners.add(kept.listener)
    assert listeners.tracer is kept.listener.tracer
    remove()
    assert listeners.tracer is None


def test_an_id_that_could_do_harm_is_not_carried():
    assert carried() == ()
    with correlated("order-7") as outer, correlated("a b\r\nx: y") as inner:
        assert (outer, inner) == ("order-7", "order-7")
        assert carried() == (("x-request-id", "order-7"),)
    with correlated("a b") as none:
        assert none is None
    assert carried() == ()


EXPORT = """
from hardpoint.telemetry.otlp import exporting
listener, end = exporting(database="postgresql")
listener.tracer.begin("internal", "hello", {}, parent="").end({})
listener._committed(0.1, {"db.system.name": listener._database})
end()
"""


def test_what_serve_sends_goes_where_the_environment_says(tmp_path):
    with collecting() as collector:
        subprocess.run(
            [sys.executable, "-c", EXPORT],
            env={"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_SERVICE_NAME": "shop"},
            check=True,
            timeout=60,
        )
    (span,) = collector.named("hello")
    assert span.resource["service.name"] == "shop"
    assert span.resource["service.instance.id"] == str(span.resource["process.pid"])
    assert collector.metrics["db.client.operation.duration"] == [{"db.system.name": "postgresql"}]


@pytest.mark.parametrize("module", ["opentelemetry", "otlp"])
def test_without_the_extra_the_line_that_installs_it_is_told(module):
    code = f"import sys; sys.modules['opentelemetry'] = None\nimport hardpoint.telemetry.{module}"
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert "pip install 'hardpoint[otel]'" in ended.stderr


def test_a_share_of_the_traces_that_begin_here_is_recorded(load, kept):
    none = OpenTelemetry(share=0.0)
    hub = load(none)
    seen = []

    @hub.on("shop")
    async def look(event, job):
        seen.append((traceparent.get(), trace.get_current_span().get_span_context().trace_flags))

    async def main():
        async with hub:
            await submit(hub)
            async with asyncio.timeout(10):
                while not seen:
                    await asyncio.sleep(0.01)

    asyncio.run(main())
    ((parent, flags),) = seen
    assert (parent.endswith("-00"), flags) == (True, 0)
    assert traceparent.get() is None
    always = kept.listener.tracer.begin("internal", "x", {}, parent=GIVEN)
    assert always.traceparent.startswith(GIVEN[:35])
    with pytest.raises(ConfigurationError):
        OpenTelemetry(share=2)


@pytest.mark.parametrize(("ratio", "count"), [("0.0", 0), ("1.0", 1)])
def test_a_ratio_in_the_environment_is_taken(ratio, count):
    with collecting() as collector:
        subprocess.run(
            [sys.executable, "-c", EXPORT],
            env={
                "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
                "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
                "OTEL_TRACES_SAMPLER_ARG": ratio,
            },
            check=True,
            timeout=60,
        )
    assert len(collector.spans) == count
