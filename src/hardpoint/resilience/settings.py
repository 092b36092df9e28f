"""The options of a policy as a whole, checked together."""

import warnings
from collections.abc import Callable, Hashable
from dataclasses import dataclass, fields
from typing import Any, Literal, TypedDict, final, get_args

from hardpoint.core.effects import Ids, Random
from hardpoint.core.errors import ConfigurationError
from hardpoint.core.events import Listeners
from hardpoint.resilience.breaker import Breaker
from hardpoint.resilience.budget import Budget
from hardpoint.resilience.bulkhead import Bulkhead
from hardpoint.resilience.hedge import Hedge
from hardpoint.resilience.judgement import Classify
from hardpoint.resilience.options import name_of, seconds
from hardpoint.resilience.ratelimit import RateLimit
from hardpoint.resilience.repetition import REPEAT_CLASSES, RepeatClass
from hardpoint.resilience.retry import Retry, exponential
from hardpoint.resilience.state import Keyed
from hardpoint.runtime.clocks import Timekeeper

Preset = Literal["no_retry", "two_retries", "four_retries", "five_retries"]
"""Up to so many retries: two while a user waits (3 attempts), four by default (5 attempts), five in
the background (6 attempts, all five waits)."""

WAITS = exponential(1.0, factor=2.0, cap=16.0, jitter="added")


def preset_options(preset: object) -> dict[str, Any]:
    """The options of a preset.

    Raises:
        ConfigurationError: there is none of that name.
    """
    if preset not in _ATTEMPTS:
        known = ", ".join(get_args(Preset))
        raise ConfigurationError("preset", f"{preset!r} is not known", fix=f"Known: {known}")
    attempts = _ATTEMPTS[preset]
    return {
        "timeout": 10.0,
        "breaker": Breaker(failures=5, recovery=60.0),
        "retry": None if attempts == 1 else _retry(attempts),
    }


def _retry(attempts: int) -> Retry:
    return Retry(attempts, backoff=WAITS, throttled=WAITS, budget=Budget())


_ATTEMPTS: dict[object, int] = {
    "no_retry": 1,
    "two_retries": 3,
    "four_retries": 5,
    "five_retries": 6,
}


class PolicyOptions(TypedDict, total=False):
    """The options that `Policy` takes by name; `PolicySettings` says what they mean."""

    preset: Preset | None
    deadline: float | None
    timeout: float | None
    retry: Retry | None
    breaker: Breaker | None
    rate: RateLimit | None
    bulkhead: Bulkhead | None
    hedge: Hedge | None
    repeat: RepeatClass | None
    idempotent: bool
    classify: Classify | None
    idempotency_key: str | None
    key: Callable[..., Hashable] | Keyed | None
    listeners: Listeners | None
    tells_calls: bool
    clock: Timekeeper | None
    random: Random | None
    ids: Ids | None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySettings:
    """What a policy was told.

    Attributes:
        name: a label, for errors, events and statistics.
        deadline: seconds for the whole call, with all its attempts, waits and queues.
        timeout: seconds for one attempt.
        retry: when to try again.
        breaker: when not to call at all.
        rate: how many calls per time.
        bulkhead: how many calls at once.
        hedge: when to start a second attempt beside a slow first.
        fallback: in place of an error: a value, or a function of `(error, *args, **kwargs)`. It
            never takes the place of an `OutcomeUnknownError`.
        critical: False answers `Degraded` in place of an error, if there is no fallback.
        repeat: what repeating the operation does: "safe", "idempotent", "needs_key" or "never".
            Then facts decide about retries, and a call that changes something and whose outcome is
            not known raises `OutcomeUnknownError`.
        idempotent: repeating it does no harm; without a class, what was chosen decides.
        classify: says what a result or an error means, before anything else is asked.
        idempotency_key: the keyword parameter of the function that takes the key, which is made
            once per call where the caller gives none.
        key: state per key of the call's arguments.
        listeners: who is told what happens.
        tells_calls: whether they hear of attempts and calls too; False where whoever makes the
            calls tells of them.
        clock: time and waiting.
        random: chance.
        ids: where idempotency keys come from.
    """

    name: str
    deadline: float | None = None
    timeout: float | None = None
    retry: Retry | None = None
    breaker: Breaker | None = None
    rate: RateLimit | None = None
    bulkhead: Bulkhead | None = None
    hedge: Hedge | None = None
    fallback: Any = None
    critical: bool = True
    repeat: RepeatClass | None = None
    idempotent: bool = False
    classify: Classify | None = None
    idempotency_key: str | None = None
    key: Callable[..., Hashable] | Keyed | None = None
    listeners: Listeners | None = None
    tells_calls: bool = True
    clock: Timekeeper | None = None
    random: Random | None = None
    ids: Ids | None = None

    def __post_init__(self) -> None:
        for option, kind in _KINDS.items():
            value = getattr(self, option)
            if value is not None and not isinstance(value, kind):
                raise self._wrong(option, f"is a {kind.__name__}, not {value!r}")
        if not self.name:
            raise ConfigurationError("Policy.name", "is empty")
        self._check_times()
        self._check_facts()
        if self.key is not None and not isinstance(self.key, Keyed):
            Keyed(self.key)

    def _check_times(self) -> None:
        if self.deadline is not None:
            seconds(f"{self.name}.deadline", self.deadline)
        if self.timeout is not None:
            seconds(f"{self.name}.timeout", self.timeout)
        if self.deadline is not None and self.timeout is not None and self.timeout > self.deadline:
            raise self._wrong(
                "timeout",
                f"is above the deadline ({self.timeout:g} > {self.deadline:g})",
                fix="An attempt cannot take longer than the whole call",
            )

    def _check_facts(self) -> None:
        if self.repeat is not None and self.repeat not in REPEAT_CLASSES:
            known = ", ".join(REPEAT_CLASSES)
            raise self._wrong("repeat", f"{self.repeat!r} is not known", fix=f"Known: {known}")
        if self.repeat is not None and self.idempotent:
            raise self._wrong("idempotent", "is said by `repeat` already; give one of the two")
        if self.classify is not None and not callable(self.classify):
            raise self._wrong("classify", "is no function")
        if self.idempotency_key is not None and not self.idempotency_key.isidentifier():
            raise self._wrong("idempotency_key", "is the name of a parameter")
        if self.hedge is not None:
            harmless = self.idempotent or self.repeat in ("safe", "idempotent")
            if not harmless and (self.idempotency_key is None or self.repeat == "never"):
                raise self._wrong(
                    "hedge",
                    "may send a call twice",
                    fix="Say that this does no harm: repeat=, idempotent= or idempotency_key=",
                )
            if self.timeout is None:
                raise self._wrong("hedge", "needs a timeout: what hangs would hang twice")

    @property
    def keyed(self) -> Keyed | None:
        """How to find the key."""
        return self.key if self.key is None or isinstance(self.key, Keyed) else Keyed(self.key)

    @property
    def budget(self) -> Budget | None:
        """One for retries and hedges."""
        if self.retry is not None and self.retry.budget is not None:
            return self.retry.budget
        return None if self.hedge is None else self.hedge.budget

    def changed(self, changes: dict[str, Any]) -> "PolicySettings":
        """These settings with others in part; a preset gives way to what is said beside it."""
        preset = changes.get("preset")
        named = {name: value for name, value in changes.items() if name != "preset"}
        changes = named if preset is None else preset_options(preset) | named
        known = {one.name for one in fields(self)}
        for option in changes:
            if option not in known or option == "name":
                raise self._wrong(option, "is not an option of a policy")
        return PolicySettings(**{name: getattr(self, name) for name in known} | changes)

    def _wrong(self, option: str, problem: str, fix: str | None = None) -> ConfigurationError:
        return ConfigurationError(f"{self.name}.{option}", problem, fix=fix)


_KINDS: dict[str, type] = {
    "name": str,
    "retry": Retry,
    "breaker": Breaker,
    "rate": RateLimit,
    "bulkhead": Bulkhead,
    "hedge": Hedge,
    "idempotent": bool,
    "tells_calls": bool,
    "critical": bool,
    "idempotency_key": str,
    "listeners": Listeners,
}


MARK = "__hardpoint_settings__"
"""Where a guarded function keeps its policy's settings."""


class PolicyWarning(UserWarning):
    """The composition works, but not as one would think."""


def warn_about_itself(settings: PolicySettings) -> None:
    """Warn about parts that do not go well together."""
    if _retries(settings) and settings.timeout is None and settings.deadline is None:
        _warn(
            f"{settings.name}: retries without a time limit: an attempt that hangs is never "
            "retried. Set `timeout`, or `deadline`"
        )


def warn_about_nesting(outer: PolicySettings, function: Callable[..., Any]) -> None:
    """Warn when the function is under a policy already, and the two do not go well together."""
    inner = getattr(function, MARK, None)
    if not isinstance(inner, PolicySettings):
        return
    where = f"{outer.name} around {inner.name}, at {name_of(function)}"
    if outer.retry is not None and inner.retry is not None and _retries(outer) and _retries(inner):
        most = outer.retry.attempts * inner.retry.attempts
        _warn(f"{where}: retries within retries make up to {most} attempts. Retry in one place")
    if outer.breaker is not None and _retries(inner):
        _warn(
            f"{where}: a breaker outside of retries sees one failure where several were. "
            "Give both to one policy"
        )
    bounded = inner.timeout is not None or inner.deadline is not None
    replaced = inner.fallback is not None or not inner.critical
    if outer.timeout is not None and replaced and not bounded:
        _warn(
            f"{where}: a timeout outside of a fallback only: what hangs is never replaced. "
            "Set `timeout` on the inner policy"
        )


def _retries(settings: PolicySettings) -> bool:
    """Whether there is a second attempt; `attempts` counts the first."""
    return settings.retry is not None and settings.retry.attempts > 1


def _warn(text: str) -> None:
    warnings.warn(text, PolicyWarning, stacklevel=4)
