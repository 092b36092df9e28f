"""`hub.once`: a call made at most once to a known end, whatever crashes in between.

The truth is the row of its key in the store. A bounded memory of recent results stands in front of
it, to save the way there; it never decides that something was not done.
"""

import functools
import inspect
import typing
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar, final, overload

import msgspec

from hardpoint.calls.call import Driver
from hardpoint.calls.connection import Connection
from hardpoint.calls.journalled import CallSpec, Journalled, recorded, replayed
from hardpoint.calls.key import Occasion, fingerprint, occasion
from hardpoint.core.capabilities import Idempotency
from hardpoint.core.effects import Clock
from hardpoint.core.errors import HardpointError, MisuseError
from hardpoint.core.outcome import checked_key
from hardpoint.core.secrets import Secret
from hardpoint.runtime.blocking import run
from hardpoint.store.journal import Intent, Journal, JournalEntry, UnrecordableError

_Result = TypeVar("_Result")

RECENT_MAX = 1024
"""How many results are kept in memory."""
RECENT_BYTES_MAX = 16 * 1024
"""How large a result may be to be kept there."""
_HAND_OVER = (
    "is called in a function that was given to once: after a crash nobody could tell what became "
    "of the function, where the verb alone is simply made again. Hand over the verb itself, "
    "hub.once(key, gateway.create_payment, ...); a function of several steps calls once for each, "
    "under a key of its own"
)


class _Unsaid:
    """Stands for a type that was not given."""


UNSAID: Final[Any] = _Unsaid


@final
class Once:
    """Makes a call once for a key; a repeat gets the recorded result, after a crash too.

    `await hub.once("order-7", gateway.create_payment, Money("10", "EUR"), reference="7")`

    A known refusal (a decline, an open circuit) frees the key: nothing has happened, and the call
    may be made again. Any other error leaves its outcome unknown. A port's verb is then made again
    by the next call, under its own key, and so tells what became of it; of any other function
    nobody can know. So that a function around a verb does not lose what the verb alone has, a
    verb that acts is handed over itself (or a `functools.partial` of it), each under a key of its
    own; a function in which one is called is refused when it does so, and nothing is sent.

    Args:
        journal: where keys are written down.
        clock: says how old they are.
    """

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._recent: OrderedDict[tuple[str, str], tuple[bytes, bytes]] = OrderedDict()

    @overload
    async def __call__(
        self,
        key: str,
        call: Callable[..., Awaitable[_Result]],
        /,
        *arguments: Any,
        scope: str = "",
        returns: Any = UNSAID,
        **options: Any,
    ) -> _Result: ...

    @overload
    async def __call__(
        self,
        key: str,
        call: Callable[..., _Result],
        /,
        *arguments: Any,
        scope: str = "",
        returns: Any = UNSAID,
        **options: Any,
    ) -> _Result: ...

    async def __call__(
        self,
        key: str,
        call: Callable[..., Any],
        /,
        *arguments: Any,
        scope: str = "",
        returns: Any = UNSAID,
        **options: Any,
    ) -> Any:
        """The call's result, or that of the one that was made under the key before.

        Args:
            key: yours, an order number.
            call: a port's verb, or any function that calls none that acts.
            *arguments: for the call, as `**options` are; values that msgspec can encode.
            scope: keeps the keys of different things apart.
            returns: the type of the result, where the function does not declare it: what msgspec
                can encode. Secrets in it are not recorded. A result that cannot be kept after all
                (not of this type, text that is no Unicode, a cycle, more than
                `RESULT_BYTES_MAX`) is given once; `ResultNotRecorded` is told.
            **options: for the call.

        Raises:
            IdempotencyConflictError: the key was used with other arguments.
            OutcomeUnknownError: it was begun before, and nobody knows how it ended.
            UnavailableError: a call under the key is under way.
            AlreadyExistsError: it was done, and its result is not kept.
            InvalidRequestError, MisuseError: the key, an argument or the result's type will not do,
                or the function calls a port's verb; nothing has acted.
            StoreUnavailableError: the store cannot be written to; nothing was called.
        """
        call, arguments, options = _unrolled(call, arguments, options)
        _refuse_misfit(call, arguments, options)
        kind = _kind_of(call, returns)
        at = occasion.get()
        intent = Intent(
            scope=f"once:{_checked_scope(scope)}",
            key=checked_key(key),
            fingerprint=fingerprint((arguments, options)),
            job=None if at is None else at.job,
        )
        name = (intent.scope, intent.key)
        known, result = self._recent.get(name, (None, b""))
        if known == intent.fingerprint:
            return replayed(result, kind)
        harmless = functools.partial(_may_run_again, self._clock, call)
        found = await Journalled(
            self._journal,
            intent,
            CallSpec(arguments=(), returns=kind),
            _Run(call, arguments, options, intent),
            operation="once",
            harmless=harmless,
        ).finish()
        self._remember(name, intent.fingerprint, found, kind)
        return found

    def forget(self) -> None:
        """Ask the store again; for tests, which put another in its place."""
        self._recent.clear()

    def _remember(
        self, name: tuple[str, str], arguments: bytes, result: object, kind: object
    ) -> None:
        try:
            record = recorded(result, kind)
        except UnrecordableError:  # told by the journal
            return
        if len(record) > RECENT_BYTES_MAX:
            return
        self._recent[name] = (arguments, record)
        if len(self._recent) > RECENT_MAX:
            self._recent.popitem(last=False)


@final
class BlockingOnce:
    """The same for plain functions, in a thread without an event loop; see `Once`."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._once = Once(journal, clock)
        self.forget = self._once.forget

    def __call__(
        self,
        key: str,
        call: Callable[..., _Result],
        /,
        *arguments: Any,
        scope: str = "",
        returns: Any = UNSAID,
        **options: Any,
    ) -> _Result:
        """The call's result, or that of the one that was made under the key before."""
        once: Any = self._once  # whose overloads cannot tell a plain function here
        return run(once(key, call, *arguments, scope=scope, returns=returns, **options))


@final
class _Run:
    """One run of the function; what its calls are given for keys is the same in the next one."""

    def __init__(
        self,
        function: Callable[..., Any],
        arguments: tuple[Any, ...],
        options: dict[str, Any],
        intent: Intent,
    ) -> None:
        self._function = function
        self._arguments = arguments
        self._options = options
        self._intent = intent
        self.in_doubt = self.acted = False

    async def finish(self) -> Any:
        """Run it. An error of ours says whether it has acted; any other leaves that open."""
        intent = self._intent
        name = f"{intent.scope}:{intent.key}"
        verb = _connection_of(self._function) is not None
        token = occasion.set(Occasion(name, intent.job, closed=None if verb else _HAND_OVER))
        self.in_doubt = True
        try:
            result: Awaitable[Any] | Any = self._function(*self._arguments, **self._options)
            given = await result if inspect.isawaitable(result) else result
        except HardpointError as error:
            self.in_doubt = not error.outcome_known
            raise
        finally:
            occasion.reset(token)
        self.acted = True
        return given


def _may_run_again(clock: Clock, function: Callable[..., Any], entry: JournalEntry) -> bool:
    """Whether an interrupted run may be made anew: a port's verb whose own keys still guard it."""
    connection = _connection_of(function)
    if connection is None:
        return False
    driver: Driver = _port_of(function).driver
    capabilities = driver.capabilities
    if capabilities.idempotency is not Idempotency.NATIVE and connection.journal is not None:
        return True
    if capabilities.idempotency is Idempotency.NONE:
        return False
    kept = capabilities.key_seconds
    return kept is None or clock.now() - entry.started_at < kept


def _port_of(function: Callable[..., Any]) -> Any:
    """What the function is a method of, without its facade."""
    owner = getattr(function, "__self__", None)
    return getattr(owner, "asynchronous", owner)


def _connection_of(function: Callable[..., Any]) -> Connection | None:
    """The connection whose verb it is, if it is one."""
    connection = getattr(_port_of(function), "connection", None)
    return connection if isinstance(connection, Connection) else None


def _unrolled(
    function: Callable[..., Any], arguments: tuple[Any, ...], options: dict[str, Any]
) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
    """The function itself, with all that a `functools.partial` of it holds."""
    while isinstance(function, functools.partial):
        arguments = (*function.args, *arguments)
        options = {**function.keywords, **options}
        function = function.func
    return function, arguments, options


def _checked_scope(scope: str) -> str:
    return checked_key(scope) if scope else scope


def _refuse_misfit(
    function: Callable[..., Any], arguments: tuple[Any, ...], options: dict[str, Any]
) -> None:
    """Refuse now what would fail before it has done anything.

    Raises:
        TypeError: the function does not take these arguments.
    """
    if not callable(function):  # pyright: ignore[reportUnnecessaryComparison] - callers may err
        raise MisuseError(
            f"once calls a function, and this is {type(function).__name__}: hand over the verb and"
            " its arguments, hub.once(key, gateway.create_payment, ...)"
        )
    try:
        signature = inspect.signature(function)
    except ValueError:  # a function of C may not tell what it takes
        return
    signature.bind(*arguments, **options)


def _kind_of(function: Callable[..., Any], returns: Any) -> Any:
    """The type of the result, as declared.

    Raises:
        MisuseError: it is declared nowhere, or holds what cannot be recorded.
    """
    kind = returns
    if kind is UNSAID:
        try:
            kind = typing.get_type_hints(function).get("return", UNSAID)
        except (NameError, TypeError):
            kind = UNSAID
    if kind is UNSAID:
        raise MisuseError(
            "The function's result is recorded, but its type is not declared: give returns=, or "
            "annotate the function"
        )
    try:
        info = msgspec.inspect.type_info(kind)
    except TypeError as error:
        raise MisuseError(f"A result of this type cannot be recorded: {error}") from error
    odd = _unkept(info)
    if odd is not None:
        again = "; declare it as Secret | None" if odd is Secret else ""
        raise MisuseError(f"A result that holds {odd.__name__} cannot be recorded{again}")
    return kind


def _unkept(info: msgspec.inspect.Type) -> type | None:
    """The first class in a type that cannot be given again as it was.

    That is one msgspec does not know. Secrets are left out of records, so None must do for them.
    """
    left: list[Any] = [info]
    seen: set[int] = set()
    while left:
        one = left.pop()
        if isinstance(one, msgspec.inspect.UnionType) and one.includes_none:
            left.extend(two for two in one.types if getattr(two, "cls", None) is not Secret)
        elif isinstance(one, msgspec.inspect.CustomType):
            return one.cls
        elif isinstance(one, tuple | list):
            left.extend(typing.cast("tuple[Any, ...]", one))
        elif isinstance(one, msgspec.inspect.Type | msgspec.inspect.Field) and id(one) not in seen:
            seen.add(id(one))
            left.extend(getattr(one, name) for name in one.__struct_fields__)
    return None
