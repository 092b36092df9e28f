"""The policy: described as parts, run as one function."""

from collections.abc import Callable, Coroutine, Hashable
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, Generic, Literal, Never, ParamSpec, Unpack, final, overload

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.events import Listener
from hardpoint.resilience.assembly import Assembly
from hardpoint.resilience.blocks import Attempts, Guard
from hardpoint.resilience.circuit import Circuit
from hardpoint.resilience.options import Degraded, is_asynchronous
from hardpoint.resilience.recognition import Quota
from hardpoint.resilience.settings import (
    MARK,
    PolicyOptions,
    PolicySettings,
    warn_about_itself,
    warn_about_nesting,
)
from hardpoint.resilience.state import Stats
from hardpoint.resilience.streams import STABLE_SECONDS, OpenStream

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    F = TypeVar("F", default=Never)
else:
    from typing import TypeVar

    F = TypeVar("F")

R = TypeVar("R")
P = ParamSpec("P")


@final
class Policy(Generic[F]):
    """What makes the calls to a third party safe. It is immutable; what it remembers is its own.

    One object guards plain and coroutine functions alike, as a decorator or by `call`.
    `PolicySettings` describes the options. `F` is what its fallback gives: `Degraded` with
    `critical=False`.
    """

    __slots__ = ("__weakref__", "_assembly", "_call_async", "_call_plain")

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: "Policy[Never]",
            name: str,
            *,
            fallback: None = None,
            critical: Literal[True] = True,
            **options: Unpack[PolicyOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: "Policy[Degraded]",
            name: str,
            *,
            fallback: None = None,
            critical: bool,
            **options: Unpack[PolicyOptions],
        ) -> None: ...
        @overload
        def __init__(
            self,
            name: str,
            *,
            fallback: Callable[..., Coroutine[Any, Any, F]],
            critical: bool = True,
            **options: Unpack[PolicyOptions],
        ) -> None: ...
        @overload
        def __init__(
            self,
            name: str,
            *,
            fallback: Callable[..., F],
            critical: bool = True,
            **options: Unpack[PolicyOptions],
        ) -> None: ...
        @overload
        def __init__(
            self, name: str, *, fallback: F, critical: bool = True, **options: Unpack[PolicyOptions]
        ) -> None: ...

    def __init__(self, name: str, **options: Any) -> None:
        settings = PolicySettings(name=name).changed(options)
        self._take(Assembly(settings))
        warn_about_itself(settings)

    @overload
    def __call__(
        self, function: Callable[P, Coroutine[Any, Any, R]]
    ) -> Callable[P, Coroutine[Any, Any, R | F]]: ...
    @overload
    def __call__(self, function: Callable[P, R]) -> Callable[P, R | F]: ...
    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Guard a function: the decorator.

        Raises:
            ConfigurationError: it is a generator function, or cannot be called.
        """
        asynchronous = is_asynchronous(function, self.name)
        warn_about_nesting(self.settings, function)
        guarded = self._assembly.guarded(function, asynchronous=asynchronous)
        update_wrapper(guarded, function)
        setattr(guarded, MARK, self.settings)
        return guarded

    @overload
    def call(
        self,
        function: Callable[P, Coroutine[Any, Any, R]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Coroutine[Any, Any, R | F]: ...
    @overload
    def call(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R | F: ...
    def call(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Call a function under this policy; of a coroutine function, await the outcome.

        Raises:
            ConfigurationError: it is a generator function, or cannot be called.
        """
        if is_asynchronous(function, self._assembly.settings.name):
            run = self._call_async
            if run is None:
                run = self._call_async = self._assembly.call(asynchronous=True)
        else:
            run = self._call_plain
            if run is None:
                run = self._call_plain = self._assembly.call(asynchronous=False)
        return run(function, *args, **kwargs)

    def attempts(self) -> Attempts:
        """The attempts at a block: `async for attempt in policy.attempts():`, or a plain `for`.

        Do the work in `with attempt:`. Results are not seen and a fallback is not used here.
        """
        return Attempts(self._assembly.block(once=False), self.settings.idempotency_key)

    def guard(self) -> Guard:
        """A block under the policy: `async with policy.guard():`, or a plain `with`.

        A block cannot be repeated, so there is one attempt.
        """
        return Guard(self._assembly.block(once=True), self.settings.idempotency_key)

    def open_stream(
        self,
        function: Callable[..., Any],
        /,
        *args: Any,
        stable: float = STABLE_SECONDS,
        **kwargs: Any,
    ) -> OpenStream[Any]:
        """A stream under this policy: `async with policy.open_stream(connect, url) as stream:`.

        The opening is a call: retried, timed and refused like one. While the block lasts it holds
        its place in the bulkhead; nothing of what is read from it is retried or timed.

        Args:
            function: gives the stream, an awaitable of it, or an asynchronous context manager.
            *args: for it, as are `kwargs`.
            **kwargs: see above.
            stable: seconds after which the opening counts as a success for the breaker; a stream
                that breaks before counts as a failure.

        Raises:
            ConfigurationError: the policy hedges, or `stable` is senseless.
        """
        return OpenStream(self._assembly, function, args, kwargs, stable=stable)

    def observe_quota(self, quota: Quota, *, key: Hashable = None) -> None:
        """Slow down ahead of the other side's limit, as its answer tells of it.

        Args:
            quota: what it says is left. It never speeds anything up.
            key: of the state it concerns, where the policy keeps several.

        Raises:
            ConfigurationError: the policy has no rate limit to slow, or needs a key.
        """
        if self.settings.rate is None:
            raise ConfigurationError(
                f"{self.name}.rate", "is not set: nothing can be slowed", fix="Give a RateLimit"
            )
        self._assembly.observe(quota, key)

    def with_(self, **changes: Unpack[PolicyOptions]) -> "Policy[F]":
        """The same policy with other options. Parts that stay the same share their state."""
        return self._derived(self._assembly.changed(self.settings.changed(dict(changes))))

    def keyed(self, key: Hashable) -> "Policy[F]":
        """This policy for one key, whatever the arguments of its calls.

        Raises:
            ConfigurationError: it keeps no state by key.
        """
        return self._derived(self._assembly.fixed(key))

    @property
    def name(self) -> str:
        """Its label."""
        return self._assembly.settings.name

    @property
    def settings(self) -> PolicySettings:
        """Its options."""
        return self._assembly.settings

    @property
    def breaker(self) -> Circuit:
        """The breaker's state, to look at and to steer.

        Raises:
            ConfigurationError: it has no breaker, or one for each key (see `keyed`).
        """
        if self.settings.breaker is None:
            raise ConfigurationError(f"{self.name}.breaker", "is not set")
        return self._assembly.state().circuit

    def stats(self) -> Stats:
        """Counts and states now, over all its keys."""
        return self._assembly.stats()

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Hear of every decision from now on; the function returned ends it."""
        return self._assembly.listeners.add(listener)

    def __repr__(self) -> str:
        return f"Policy({self.name!r})"

    def _take(self, assembly: Assembly) -> None:
        self._assembly = assembly
        self._call_async: Callable[..., Any] | None = None
        self._call_plain: Callable[..., Any] | None = None

    def _derived(self, assembly: Assembly) -> "Policy[F]":
        policy: Any = Policy.__new__(Policy)
        policy._take(assembly)
        return policy
