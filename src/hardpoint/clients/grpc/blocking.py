"""Channels for threads, which share one: `grpc` under a policy."""

import threading
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final, NamedTuple, final

import grpc

from hardpoint.clients.grpc.channels import HEALTH, ChannelFacts, asked_health, health_said
from hardpoint.clients.grpc.guarding import (
    KIND,
    CallGuard,
    GrpcLateness,
    GuardedRpc,
    is_unauthenticated,
)
from hardpoint.clients.grpc.settings import GrpcSettings
from hardpoint.core.errors import HardpointError, MisuseError
from hardpoint.core.forks import forget_in_child
from hardpoint.resilience.timeout import remaining
from hardpoint.runtime.blocking import step

_NOTHING: Final = object()


@final
class BlockingChannels:
    """The channel of one connection.

    Raises:
        ConfigurationError: see `ChannelFacts`.
    """

    def __init__(self, settings: GrpcSettings) -> None:
        self._facts = ChannelFacts(settings)
        self._whole: Any = None
        self._bare: Any = None
        self._interceptor: _Interceptor | None = None
        self.forget()
        forget_in_child(self)

    def forget(self) -> None:
        """Another thread of the parent may have had it."""
        self._lock = threading.Lock()

    def channel(self, guard: CallGuard) -> Any:
        """It, made when it is first needed.

        Raises:
            MisuseError: the process was forked.
        """
        self._facts.check()
        with self._lock:
            if self._whole is None:
                facts = self._facts
                target, options = facts.settings.target, facts.options
                if facts.credentials is None:
                    self._bare = grpc.insecure_channel(target, options)
                else:
                    self._bare = grpc.secure_channel(target, facts.credentials, options)
                self._interceptor = _Interceptor(guard)
                self._whole = grpc.intercept_channel(self._bare, self._interceptor)
            return self._whole

    async def health(self, guard: CallGuard, service: str) -> str:
        """What the service says of itself."""
        check = self.channel(guard).unary_unary(HEALTH)
        return health_said(check(asked_health(service)))

    def close(self) -> None:
        """End the calls under way."""
        with self._lock:
            bare, interceptor = self._bare, self._interceptor
            self._bare = self._whole = self._interceptor = None
        if interceptor is not None:
            interceptor.closed = True
            bare.close()


@final
class _Interceptor(
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamUnaryClientInterceptor,
    grpc.StreamStreamClientInterceptor,
):
    def __init__(self, guard: CallGuard) -> None:
        self._guard = guard
        self.closed = False

    def intercept_unary_unary(
        self, continuation: Any, client_call_details: Any, request: Any
    ) -> Any:
        def finished(changed: Any) -> Any:
            call = continuation(changed, request)
            call.result()
            return call

        rpc = self._guard.call(client_call_details)
        call = self._under(rpc, client_call_details, finished)
        rpc.end(None)
        return call

    def intercept_unary_stream(
        self, continuation: Any, client_call_details: Any, request: Any
    ) -> Any:
        def opened(changed: Any) -> Any:
            call = continuation(changed._replace(timeout=rpc.left()), request)
            return _Items(rpc, call, _first(call, remaining()))

        rpc = self._guard.call(client_call_details)
        return self._under(rpc, client_call_details, opened)

    def intercept_stream_unary(
        self, continuation: Any, client_call_details: Any, request_iterator: Any
    ) -> Any:
        return continuation(self._carrying(client_call_details), request_iterator)

    def intercept_stream_stream(
        self, continuation: Any, client_call_details: Any, request_iterator: Any
    ) -> Any:
        return continuation(self._carrying(client_call_details), request_iterator)

    def _under(self, rpc: GuardedRpc, details: Any, send: Callable[[Any], Any]) -> Any:
        """What the policy makes of the attempts of one call."""
        authorization = self._guard.authorization

        def attempt() -> Any:
            self._check_open()
            proof = () if authorization is None else step(_headers(authorization))
            with rpc:
                try:
                    return send(_changed(details, rpc.details(details, proof)))
                except grpc.RpcError as error:
                    if authorization is not None and is_unauthenticated(error):
                        step(_rejected(authorization, proof))
                    raise

        try:
            return rpc.policy.call(attempt)
        except HardpointError as error:
            rpc.end(error)
            failure = KIND.theirs(error)
            raise failure from failure.__cause__
        except BaseException as error:
            rpc.end(error)
            raise

    def _carrying(self, details: Any) -> Any:
        """The details of a call that is made once, since its requests are a stream."""
        self._check_open()
        authorization = self._guard.authorization
        rpc = self._guard.call(details, watched=False)
        proof = () if authorization is None else step(_headers(authorization))
        return _changed(details, rpc.details_once(details, proof))

    def _check_open(self) -> None:
        """Grpcio 1.85 ends the process with a segmentation fault where a closed channel is used."""
        if self.closed:
            raise MisuseError("The channel was closed with its hub; ask for it anew")


@final
class _Items:
    """A stream whose first item is there; all else of its call is the library's own."""

    def __init__(self, rpc: GuardedRpc, call: Any, first: list[Any]) -> None:
        self._rpc = rpc
        self._call = call
        self._first = first
        self._empty = not first

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self._first:
            return self._first.pop()
        try:
            item = _NOTHING if self._empty else next(self._call, _NOTHING)
        except grpc.RpcError as error:
            self._rpc.end(error)
            raise
        if item is _NOTHING:
            self._empty = True
            self._rpc.end(None)
            raise StopIteration
        return item

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)


class _Details(NamedTuple):
    method: Any
    timeout: Any
    metadata: Any
    credentials: Any
    wait_for_ready: Any
    compression: Any


class _ChangedDetails(_Details, grpc.ClientCallDetails):
    pass


def _changed(details: Any, changes: dict[str, Any]) -> _ChangedDetails:
    facts = {name: getattr(details, name, None) for name in _Details._fields}
    return _ChangedDetails(**{**facts, **changes})


def _first(call: Any, limit: float | None) -> list[Any]:
    """The first item, if there is one; the limit is for it alone, and not for those behind it.

    Raises:
        GrpcLateness: it did not come.
    """
    if limit is None:
        return [*islice(call, 1)]
    ended = threading.Lock()  # whoever takes it says how it has ended

    def give_up() -> None:
        if ended.acquire(blocking=False):
            call.cancel()

    timer = threading.Timer(limit, give_up)
    timer.daemon = True
    timer.start()
    try:
        found = [*islice(call, 1)]
    except grpc.RpcError as error:
        if ended.acquire(blocking=False):
            raise
        raise GrpcLateness(f"nothing came within {limit:g} s") from error
    finally:
        timer.cancel()
    if ended.acquire(blocking=False):
        return found
    raise GrpcLateness(f"nothing came within {limit:g} s")


async def _headers(authorization: Any) -> Any:
    return await authorization.headers()


async def _rejected(authorization: Any, proof: Any) -> None:
    await authorization.rejected(proof)
