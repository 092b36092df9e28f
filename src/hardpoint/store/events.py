"""What the store tells its listeners. Always in the loop it was opened in, after the fact."""

from typing import ClassVar

import msgspec


class BatchCommitted(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A group of accepts or of job changes became durable in one transaction.

    Attributes:
        kind: `accept` or `job`.
        rows: how many callers it answered.
        seconds: from its begin to its commit.
    """

    severity: ClassVar[str] = "debug"
    kind: str
    rows: int
    seconds: float


class BatchFailed(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A group could not be committed now; its callers were told, and nothing of it was written.

    The first of its kind is a warning, as is another reason; then one a minute, so that a full disk
    does not fill a log.

    Attributes:
        kind: `accept`, `job` or `upkeep`.
        rows: how many callers it answered.
        reason: as the database says it.
        failures: how many there were since the last warning, with this one; 0 where it is none.
    """

    kind: str
    rows: int
    reason: str
    failures: int = 1

    @property
    def severity(self) -> str:
        """What was told within the last minute is no news."""
        return "warning" if self.failures else "debug"


class BatchStalled(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A group waits for the database (PostgreSQL), whose answer does not come; so do its callers.

    Told every few seconds while it lasts. It may be committed yet, or fail, which is told then.
    Warnings come as those of `BatchFailed` do.

    Attributes:
        kind: `accept` or `job`.
        rows: how many callers wait.
        seconds: for how long by now.
        reason: what the database waits for, as far as it says so.
        stalls: how many there were since the last warning, with this one; 0 where it is none.
    """

    kind: str
    rows: int
    seconds: float
    reason: str
    stalls: int = 1

    @property
    def severity(self) -> str:
        """What was told within the last minute is no news."""
        return "warning" if self.stalls else "debug"


class StoreBroken(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The store cannot be used until it is opened anew, as a hub that receives does by itself."""

    severity: ClassVar[str] = "error"
    reason: str


class HandlersDiffer(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """This process receives for handlers that others do not know, or not for all that they know.

    It is told when it begins, and when something of it changes. In a rolling deploy it passes.
    """

    severity: ClassVar[str] = "warning"
    reason: str


class OwnershipTaken(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """This process has the store from now on; others hand over to it what they accept.

    Attributes:
        boot: the number of this opening.
    """

    boot: int


class OwnerFound(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Another process has the store, and stores what this one accepts.

    Attributes:
        pid: that process.
    """

    pid: int


class OwnerMissing(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """This process can neither have the store nor reach whoever has it. It goes on trying."""

    severity: ClassVar[str] = "warning"
    reason: str


class VaultUnavailable(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The vault's file cannot be written or read; told once until it can be written again."""

    severity: ClassVar[str] = "error"
    reason: str


class VaultAvailable(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The vault's file was written again."""


class VaultExposed(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Others on this machine may read the vault's file, or its spool."""

    severity: ClassVar[str] = "warning"
    path: str
    fix: str


class WriteWasSlow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The write functions of one completion held the writer up."""

    severity: ClassVar[str] = "warning"
    event: str
    handler: str
    seconds: float


class GateHeldLong(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A `complete_in` block kept the writer waiting."""

    severity: ClassVar[str] = "warning"
    event: str
    handler: str
    seconds: float


class TurnHeldLong(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A block of `hub.turn()` kept everybody else from writing.

    Attributes:
        seconds: for how long.
        taken_back: its time was up, and others write since.
    """

    severity: ClassVar[str] = "warning"
    seconds: float
    taken_back: bool = False


class ResultNotRecorded(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A call was done, and its result is not kept.

    Where the store could not be written to, the key stays in doubt; where it is the result that
    cannot be kept (`error` says why), a repeat raises `AlreadyExistsError`.
    """

    severity: ClassVar[str] = "warning"
    scope: str
    key: str
    error: str


class Checkpointed(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The log was copied into the database.

    Attributes:
        pages: in the log.
        left: pages a reader still kept from being reused.
        seconds: how long the writer was busy with it.
    """

    severity: ClassVar[str] = "debug"
    pages: int
    left: int
    seconds: float


class Retained(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One pass of retention ended.

    Attributes:
        bodies: events whose body, headers and attempts were removed.
        keys: events of which nothing is left.
        calls: results and keys of calls that were removed.
    """

    bodies: int
    keys: int
    calls: int = 0
