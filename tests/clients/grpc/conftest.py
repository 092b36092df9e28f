"""A real gRPC server in this process, scripted by each test, and connections in both modes."""

import asyncio
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from hardpoint.calls.connection import Connection
from hardpoint.calls.events import AttemptEnded
from hardpoint.clients import GrpcClient, GrpcSettings
from hardpoint.clients.grpc.asynchronous import AsyncChannels
from hardpoint.clients.grpc.blocking import BlockingChannels
from hardpoint.clients.grpc.driver import GrpcDriver
from hardpoint.core.events import Listeners
from hardpoint.resilience.breaker import Breaker
from hardpoint.resilience.policy import Policy
from hardpoint.resilience.retry import Retry, constant
from hardpoint.runtime.asynchronous import AsyncRuntime
from hardpoint.runtime.blocking import BlockingRuntime
from hardpoint.testing.clock import ManualClock


class Abort:
    """A status in place of an answer."""

    def __init__(self, code, *trailing):
        self.code = code
        self.trailing = trailing


class Hold:
    """Nothing, until the caller has gone."""

    def __init__(self):
        self.gone = threading.Event()


class Deals(grpc.GenericRpcHandler):
    """`crm.Deals`: `Get` echoes, `Watch` gives what its script says, `Put` and `Chat` take streams.

    Attributes:
        script: what the next calls do: an `Abort`, a `Hold`, or items of which the last may be one.
        seen: of each call the method, its metadata and how long its caller still waits.
    """

    def __init__(self):
        self.clear()

    def clear(self):
        self.script = deque()
        self.seen = []

    def service(self, details):
        service, _, method = details.method.lstrip("/").partition("/")
        if service != "crm.Deals":
            return None
        return {
            "Get": grpc.unary_unary_rpc_method_handler(self._get),
            "Watch": grpc.unary_stream_rpc_method_handler(self._watch),
            "Put": grpc.stream_unary_rpc_method_handler(self._put),
            "Chat": grpc.stream_stream_rpc_method_handler(self._chat),
        }.get(method)

    def _get(self, request, context):
        self._note("Get", context)
        if self.script:
            self._abort(self.script.popleft(), context)
        return request

    def _watch(self, request, context):
        self._note("Watch", context)
        for item in self.script.popleft() if self.script else [request]:
            self._abort(item, context)
            yield item

    def _put(self, requests, context):
        self._note("Put", context)
        self._abort(self.script.popleft() if self.script else None, context)
        return b"".join(requests)

    def _chat(self, requests, context):
        self._note("Chat", context)
        self._abort(self.script.popleft() if self.script else None, context)
        yield from requests

    def _note(self, method, context):
        self.seen.append((method, dict(context.invocation_metadata()), context.time_remaining()))

    def _abort(self, said, context):
        if isinstance(said, Hold):
            context.add_callback(said.gone.set)
            said.gone.wait(20)
        if isinstance(said, Abort):
            context.set_trailing_metadata(said.trailing)
            context.abort(said.code, "as the script says")


@pytest.fixture(scope="session")
def served():
    server = grpc.server(ThreadPoolExecutor(8))
    deals, states = Deals(), health.HealthServicer()
    server.add_generic_rpc_handlers([deals])
    health_pb2_grpc.add_HealthServicer_to_server(states, server)
    reflection.enable_server_reflection([reflection.SERVICE_NAME], server)
    states.set("", health_pb2.HealthCheckResponse.SERVING)
    states.set("tired", health_pb2.HealthCheckResponse.NOT_SERVING)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield deals, f"127.0.0.1:{port}"
    server.stop(0).wait(10)


@pytest.fixture
def deals(served):
    served[0].clear()
    return served[0]


RETRY = Retry(3, backoff=constant(1.0), throttled=constant(1.0))


class Service:
    """A connection to it, and calls of a user's stub in one mode."""

    def __init__(self, mode, target, settings, options):
        self.mode = mode
        self.clock = ManualClock()
        self.told = []
        self.policy = Policy(
            "crm",
            **{"clock": self.clock, "retry": RETRY, "timeout": 30.0, **options},
        )
        own = GrpcSettings(**{"target": target, "tls": False, **settings})
        asynchronous = mode == "async"
        connection = Connection(
            "crm",
            AsyncRuntime() if asynchronous else BlockingRuntime(),
            policy=self.policy,
            clock=self.clock,
            listeners=Listeners(self.told.append),
        )
        channels = (AsyncChannels if asynchronous else BlockingChannels)(own)
        self.client = GrpcClient(GrpcDriver(channels, own), connection)
        self.close = channels.close

    def do(self, work):
        """What a coroutine function gives, in a loop of its own with a channel of its own."""

        async def whole():
            try:
                return await work()
            finally:
                await self.close()

        return asyncio.run(whole())

    def get(self, request=b"x", **options):
        def stub():
            return self.client.channel.unary_unary("/crm.Deals/Get")

        if self.mode == "blocking":
            return stub()(request, **options)

        async def got():
            return await stub()(request, **options)

        return self.do(got)

    def watch(self, request=b"x", **options):
        """The items that came, and how it ended."""

        def stub():
            return self.client.channel.unary_stream("/crm.Deals/Watch")

        items = []

        async def watched():
            async for item in stub()(request, **options):
                items.append(item)  # noqa: PERF401 - those before an error are kept

        try:
            if self.mode == "blocking":
                items.extend(iter(stub()(request, **options)))
            else:
                self.do(watched)
        except grpc.RpcError as error:
            return items, error
        return items, None

    def stream(self, kind, requests):
        name = {"Put": "stream_unary", "Chat": "stream_stream"}[kind]

        def stub():
            return getattr(self.client.channel, name)(f"/crm.Deals/{kind}")

        async def done():
            call = stub()(iter(requests))
            return await call if kind == "Put" else [item async for item in call]

        if self.mode == "async":
            return self.do(done)
        answer = stub()(iter(requests))
        return answer if kind == "Put" else [*answer]

    def health(self, *names):
        if self.mode == "async":
            return self.do(lambda: self.client.health(*names))
        from hardpoint.sync import GrpcClient as Facade

        return Facade(self.client).health(*names)

    @property
    def attempts(self):
        return [one for one in self.told if isinstance(one, AttemptEnded)]


@pytest.fixture(params=["async", "blocking"])
def crm(request, served, deals):
    made = []

    def crm(settings=None, **options):
        made.append(Service(request.param, served[1], settings or {}, options))
        return made[-1]

    crm.mode = request.param
    yield crm
    for one in made:
        if one.mode == "blocking":
            one.close()


SAFE = {"methods": {"crm.Deals/*": "safe"}}
BREAKER = Breaker(failures=1, recovery=60.0)
