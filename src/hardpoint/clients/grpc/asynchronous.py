"""Channels for event loops, one for each: `grpc.aio` under a policy."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, final
from weakref import WeakKeyDictionary

from grpc import aio

from hardpoint.clients.grpc.channels import HEALTH, ChannelFacts, asked_health, health_said
from hardpoint.clients.grpc.guarding import KIND, CallGuard, GuardedRpc, is_unauthenticated
from hardpoint.clients.grpc.settings import GrpcSettings
from hardpoint.core.errors import HardpointError, MisuseError

_library: Any = aio
_END = _library.EOF


@final
class AsyncChannels:
    """The channels of one connection.

    Raises:
        ConfigurationError: see `ChannelFacts`.
    """

    def __init__(self, settings: GrpcSettings) -> None:
        self._facts = ChannelFacts(settings)
        self._channels: WeakKeyDictionary[asyncio.AbstractEventLoop, Any] = WeakKeyDictionary()

    def channel(self, guard: CallGuard) -> Any:
        """The running loop's own.

        Raises:
            MisuseError: no loop runs, or the process was forked.
        """
        self._facts.check()
        try:
            here = asyncio.get_running_loop()
        except RuntimeError:
            raise MisuseError(
                "ask for the channel where an event loop runs, or use hardpoint.sync.Hub"
            ) from None
        found = self._channels.get(here)
        if found is None:
            found = self._channels[here] = self._made(guard)
        return found

    async def health(self, guard: CallGuard, service: str) -> str:
        """What the service says of itself."""
        check = self.channel(guard).unary_unary(HEALTH)
        return health_said(await check(asked_health(service)))

    async def close(self) -> None:
        """End the calls under way."""
        here = asyncio.get_running_loop()
        channels, self._channels = self._channels, WeakKeyDictionary()
        if (channel := channels.get(here)) is not None:
            await channel.close()

    def _made(self, guard: CallGuard) -> Any:
        facts = self._facts
        kinds = (_Unary, _ServerStream, _ClientStream, _BothStreams)
        interceptors: Any = [kind(guard) for kind in kinds]
        target, options = facts.settings.target, facts.options
        if facts.credentials is None:
            return aio.insecure_channel(target, options, interceptors=interceptors)
        return aio.secure_channel(target, facts.credentials, options, interceptors=interceptors)


class _Guarded:
    def __init__(self, guard: CallGuard) -> None:
        self._guard = guard


class _Unary(_Guarded, aio.UnaryUnaryClientInterceptor):
    async def intercept_unary_unary(
        self, continuation: Any, client_call_details: Any, request: Any
    ) -> Any:
        async def finished(changed: Any) -> Any:
            call = await continuation(changed, request)
            await call
            return call

        rpc = self._guard.call(client_call_details)
        call = await _under(self._guard, rpc, client_call_details, finished)
        rpc.end(None)
        return call


class _ServerStream(_Guarded, aio.UnaryStreamClientInterceptor):
    async def intercept_unary_stream(
        self, continuation: Any, client_call_details: Any, request: Any
    ) -> Any:
        async def opened(changed: Any) -> Any:
            call = await continuation(changed._replace(timeout=rpc.left()), request)
            try:
                return call, await call.read()
            except BaseException:  # its time is over, perhaps: the call would go on
                call.cancel()
                raise

        rpc = self._guard.call(client_call_details)
        call, first = await _under(self._guard, rpc, client_call_details, opened)
        return _items(rpc, call, first)


class _ClientStream(_Guarded, aio.StreamUnaryClientInterceptor):
    async def intercept_stream_unary(
        self, continuation: Any, client_call_details: Any, request_iterator: Any
    ) -> Any:
        return await continuation(
            await _carrying(self._guard, client_call_details), request_iterator
        )


class _BothStreams(_Guarded, aio.StreamStreamClientInterceptor):
    async def intercept_stream_stream(
        self, continuation: Any, client_call_details: Any, request_iterator: Any
    ) -> Any:
        return await continuation(
            await _carrying(self._guard, client_call_details), request_iterator
        )


async def _under(
    guard: CallGuard, rpc: GuardedRpc, details: Any, send: Callable[[Any], Any]
) -> Any:
    """What the policy makes of the attempts of one call."""

    async def attempt() -> Any:
        proof = () if guard.authorization is None else await guard.authorization.headers()
        with rpc:
            try:
                return await send(details._replace(**rpc.details(details, proof)))
            except Exception as error:
                if guard.authorization is not None and is_unauthenticated(error):
                    await guard.authorization.rejected(proof)
                raise

    try:
        return await rpc.policy.call(attempt)
    except HardpointError as error:
        rpc.end(error)
        failure = KIND.theirs(error)
        raise failure from failure.__cause__
    except BaseException as error:
        rpc.end(error)
        raise


async def _items(rpc: GuardedRpc, call: Any, first: Any) -> AsyncIterator[Any]:
    """The items of a stream whose first is there; what breaks from now on is not repeated."""
    item = first
    try:
        while item is not _END:
            yield item
            item = await call.read()
    except BaseException as error:
        rpc.end(error)
        call.cancel()
        raise
    rpc.end(None)


async def _carrying(guard: CallGuard, details: Any) -> Any:
    """The details of a call that is made once, since its requests are a stream."""
    rpc = guard.call(details, watched=False)
    proof = () if guard.authorization is None else await guard.authorization.headers()
    return details._replace(**rpc.details_once(details, proof))
