"""Keys that a vendor publishes: fetched when a request names one that is not known, then kept.

    class AcmeWebhooks(SignatureScheme):
        keys = KeySource(lambda kid: "https://keys.acme.example/jwks", read)  # of each instance

        def authenticate(self, request, *, now):
            key = self.keys.find(kid, now=now)  # or `KeyNeededError`
            if not self.keys.check(lambda: key.made(signature, message), now=now): ...

A scheme stays sync and pure. Whoever calls it fetches what `KeyNeededError` names and verifies once
more; the inbox does. Anybody may send a request that names a key, so all of it is bounded: fetches
and checks of asymmetric signatures by a bucket for each source, what is kept, and who waits.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar, final

from hardpoint.core.errors import (
    HardpointError,
    MalformedRequestError,
    UnexpectedResponseError,
    WebhookError,
)
from hardpoint.http.messages import Response

KEPT_SECONDS = 3600.0
"""How long keys serve before they are fetched anew, while they go on serving."""
STALE_SECONDS = 86_400.0
"""For how much longer they serve while the vendor's server does not answer."""
UNKNOWN_SECONDS = 60.0
"""How long a name that the vendor did not know is refused without another look."""
FAILED_SECONDS = 10.0
"""How soon after a failure an address is asked again."""
DOCUMENTS_MAX = 32
KEYS_MAX = 100
NAMES_MAX = 1024
NAME_CHARS_MAX = 1024
FETCHES_BURST, FETCHES_PER_SECOND = 5.0, 0.2
CHECKS_BURST, CHECKS_PER_SECOND = 1000.0, 500.0
"""Of signatures that did not hold: a twentieth of a core, at 100 us each."""

_Key = TypeVar("_Key")
KeyReader = Callable[[bytes, str, float], Mapping[str, _Key]]
"""Reads a document of keys: a certificate does not say by which address it is known."""


class KeyNeededError(WebhookError):
    """The request names a key that has to be fetched: `await error.keys.fetch(...)`, try again."""

    reason = "key_needed"

    def __init__(self, keys: "KeySource[Any]", name: str) -> None:
        super().__init__("the key it names has to be fetched")
        self.keys = keys
        self.name = name


class UnknownKeyError(WebhookError):
    """The vendor has no key of that name: the request is forged, or of another vendor."""

    reason = "unknown_key"


class KeyUnavailableError(WebhookError):
    """Nobody can tell now: the vendor's keys cannot be had, or too much is asked. Come again."""

    reason = "key_unavailable"


class KeyFetch(Protocol):
    """Gets a document from an address that a request may have named: `http.untrusted`."""

    async def get(self, url: str, /) -> Response:
        """Fetch it once, following nowhere; see `Untrusted.get` for what it raises."""
        ...


@final
class Allowance:
    """So many at once, and so many a second after that.

    Args:
        burst: at once.
        per_second: after that.
    """

    __slots__ = ("_at", "_burst", "_left", "_per_second")

    def __init__(self, burst: float, per_second: float) -> None:
        self._burst = self._left = burst
        self._per_second = per_second
        self._at = float("-inf")

    def take(self, now: float) -> bool:
        """Take one, if there is one. A clock that was set back costs nothing."""
        if now > self._at:
            grown = self._left + (now - self._at) * self._per_second
            self._left = min(self._burst, grown)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def give_back(self) -> None:
        """Return one that was not needed after all."""
        self._left = min(self._burst, self._left + 1)


@final
class _Document(Generic[_Key]):
    """The keys of one address, and how it last went."""

    __slots__ = ("failed_at", "fetched_at", "keys")

    def __init__(self) -> None:
        self.keys: Mapping[str, _Key] = {}
        self.fetched_at = self.failed_at = float("-inf")


@final
class KeySource(Generic[_Key]):
    """The published keys of one source. All calls are made in one loop, or under one lock.

    Args:
        address: where the key of that name is: the same for all, or made of the name. It raises
            `MalformedRequestError` for a name that leads anywhere but to the vendor.
        read: the keys of a document, by name, from its bytes, the name that was looked for and the
            time in Unix seconds; raises what it likes where there are none.
    """

    def __init__(self, address: Callable[[str], str], read: "KeyReader[_Key]") -> None:
        self._address = address
        self._read = read
        self._documents: OrderedDict[str, _Document[_Key]] = OrderedDict()
        self._unknown: OrderedDict[str, float] = OrderedDict()
        self._fetches = Allowance(FETCHES_BURST, FETCHES_PER_SECOND)
        self._checks = Allowance(CHECKS_BURST, CHECKS_PER_SECOND)
        self._old: str | None = None

    def address(self, name: str) -> str:
        """Where the key of that name is.

        Raises:
            MalformedRequestError: nowhere that is the vendor's.
        """
        if not 0 < len(name) <= NAME_CHARS_MAX or not name.isprintable():
            raise MalformedRequestError("the name of the key is empty, too long or not printable")
        return self._address(name)

    def find(self, name: str, *, now: float) -> _Key:
        """The key of that name. One that is old is given all the same, see `old`.

        Args:
            name: as the request has it.
            now: Unix seconds.

        Raises:
            KeyNeededError: fetch it, then ask again.
            UnknownKeyError: the vendor has none, as of a moment ago.
            KeyUnavailableError: the vendor did not answer a moment ago.
            MalformedRequestError: the name is no vendor's.
        """
        address = self.address(name)
        document = self._documents.get(address)
        if document is not None:
            failing = 0 <= now - document.failed_at < FAILED_SECONDS
            age = now - document.fetched_at
            if name in document.keys and age < KEPT_SECONDS + STALE_SECONDS:
                self._documents.move_to_end(address)
                if age >= KEPT_SECONDS and not failing:
                    self._old = name
                return document.keys[name]
            if failing:
                raise KeyUnavailableError
        if 0 <= now - self._unknown.get(name, float("-inf")) < UNKNOWN_SECONDS:
            raise UnknownKeyError
        raise KeyNeededError(self, name)

    def check(self, made: Callable[[], bool], *, now: float) -> bool:
        """Check a signature, if the source has not been sent too many that did not hold.

        Raises:
            KeyUnavailableError: it has; nothing was checked.
        """
        if not self._checks.take(now):
            raise KeyUnavailableError("too many signatures of this source did not hold")
        holds = made()
        if holds:
            self._checks.give_back()
        return holds

    def old(self) -> str | None:
        """The name of a key that was given and should be fetched anew, once."""
        name, self._old = self._old, None
        return name

    def missing(self, name: str, *, now: float) -> None:
        """Remember that the vendor has no key of that name."""
        self._unknown.pop(name, None)
        self._unknown[name] = now
        if len(self._unknown) > NAMES_MAX:
            self._unknown.popitem(last=False)

    async def fetch(self, name: str, fetch: KeyFetch, now: Callable[[], float]) -> None:
        """Fetch the document that should have that key; `find` says how it went.

        Args:
            name: of the key.
            fetch: an `Untrusted`.
            now: Unix seconds.
        """
        if not self._fetches.take(now()):
            return
        address = self.address(name)
        document = self._documents.pop(address, None) or _Document[_Key]()
        self._documents[address] = document
        if len(self._documents) > DOCUMENTS_MAX:
            # Addresses that hold nothing, which anybody may name, never drive out one that does.
            empty = (one for one, kept in self._documents.items() if not kept.keys)
            del self._documents[next(empty, next(iter(self._documents)))]
        try:
            answer = await fetch.get(address)
            keys = self._keys(answer, name, now())
        except HardpointError:
            document.failed_at = now()
            return
        except BaseException:
            document.failed_at = now()
            raise
        document.fetched_at, document.failed_at = now(), float("-inf")
        document.keys = keys
        if name not in document.keys:
            self.missing(name, now=now())

    def _keys(self, answer: Response, name: str, now: float) -> Mapping[str, _Key]:
        if answer.status in {404, 410}:
            return {}
        if answer.status != 200:
            raise UnexpectedResponseError(f"the keys: status {answer.status}")
        try:
            keys = self._read(answer.body, name, now)
        except Exception as error:  # whatever the document makes of its reader
            raise UnexpectedResponseError("the document of keys cannot be read") from error
        if len(keys) > KEYS_MAX:
            raise UnexpectedResponseError(f"the document has more than {KEYS_MAX} keys")
        return keys
