"""The root of all errors; and those of the set-up, of how hardpoint is used, and of its store."""


class HardpointError(Exception):
    """An error of hardpoint, or of a service it called."""

    retryable: bool = False
    """True when the same call, unchanged, may succeed later."""
    outcome_known: bool = True
    """False when the other side may have acted, although we have no answer that says so."""
    retry_after: float | None = None
    """Seconds the other side asked us to wait."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or first_line(type(self)))

    def __reduce__(self) -> tuple[object, ...]:
        """Travel between processes as it is: `__init__` takes other arguments than `args`."""
        slots = [slot for cls in type(self).__mro__ for slot in getattr(cls, "__slots__", ())]
        facts = vars(self) | {slot: getattr(self, slot) for slot in slots}
        return _rebuilt, (type(self), self.args, facts)


def _rebuilt(
    cls: type[HardpointError], args: tuple[object, ...], facts: dict[str, object]
) -> HardpointError:
    error = cls.__new__(cls)
    error.args = args
    for name, fact in facts.items():
        setattr(error, name, fact)
    return error


def first_line(cls: type) -> str:
    """What an error of this class says where it was not told more."""
    return (cls.__doc__ or cls.__name__).partition("\n")[0]


# Set-up and use


class ConfigurationError(HardpointError):
    """The set-up is wrong.

    Attributes:
        key: the path of the offending setting, `webhooks.billing.secrets[0]`.
        problem: what is wrong with it.
        fix: what to write instead, or the next command.
    """

    def __init__(self, key: str, problem: str, *, fix: str | None = None) -> None:
        self.key = key
        self.problem = problem
        self.fix = fix
        super().__init__(f"{key}: {problem}" + (f". {fix}" if fix else ""))


class UnsupportedError(HardpointError):
    """This provider cannot do that; nothing was sent."""


class MisuseError(HardpointError, RuntimeError):
    """hardpoint was used in a way that cannot work; the message says what to do instead."""


# The store


class StoreError(HardpointError):
    """The store failed."""


class StoreUnavailableError(StoreError):
    """The store cannot be used now; nothing was acknowledged, try again soon."""

    retryable = True

    def __init__(self, message: str | None = None, *, retry_after: float = 5.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class StoreCorruptError(StoreError):
    """The store's file is damaged, or is not hardpoint's; restore a backup or name another file."""


class LeaseLostError(StoreError):
    """Another attempt has taken over this job; everything in the block was rolled back."""


class StoreMisuseError(StoreError, MisuseError):
    """The store was used in a way that cannot work; the message says what to do instead."""


class TransactionLostError(StoreError):
    """A write function ended its transaction: use neither OR ROLLBACK nor RAISE(ROLLBACK)."""
