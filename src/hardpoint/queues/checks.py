"""What a message may be: checked before anything is sent."""

import re
from collections.abc import Mapping, Sequence
from math import isfinite

from hardpoint.core.arguments import KINDS_OF_BYTES, NUMBER, PAIRS, TEXT, expect, is_sendable
from hardpoint.core.capabilities import Capabilities
from hardpoint.core.errors import InvalidRequestError
from hardpoint.core.outcome import checked_key
from hardpoint.queues.driver import QueueCapability, QueueDriver
from hardpoint.queues.types import NewQueueMessage, QueueMessage

GROUP_CHARACTERS_MAX = 128
MESSAGES_MAX = 10_000
"""What one call sends at most."""

_NAME = re.compile(r"[A-Za-z0-9_-](?:[A-Za-z0-9_.-]{0,126}[A-Za-z0-9_-])?", re.ASCII)
_GROUP = re.compile(r"[!-~]{1,128}", re.ASCII)


def checked_message(new: NewQueueMessage, driver: QueueDriver, place: str = "") -> NewQueueMessage:
    """A message that the provider may take.

    Args:
        new: as it was given.
        driver: the provider's.
        place: where its fields are, `messages[3].`.

    Raises:
        InvalidRequestError, UnsupportedError: it cannot be sent; nothing was.
    """
    expect(new.body, KINDS_OF_BYTES, f"{place}body", "bytes: text.encode()")
    if not new.body:
        raise InvalidRequestError("is empty", field=f"{place}body")
    capabilities, provider = driver.capabilities, driver.provider
    if new.attributes:
        capabilities.require(QueueCapability.ATTRIBUTES, provider)
    _check_attributes(new.attributes, capabilities, f"{place}attributes")
    if new.delay != 0:
        capabilities.require(QueueCapability.DELAY, provider)
    check_seconds(new.delay, capabilities.limits["delay_seconds"], f"{place}delay")
    if new.group is not None:
        capabilities.require(QueueCapability.GROUPS, provider)
        expect(new.group, str, f"{place}group", TEXT)
        if not _GROUP.fullmatch(new.group):
            problem = f"is not 1 to {GROUP_CHARACTERS_MAX} visible ASCII characters"
            raise InvalidRequestError(problem, field=f"{place}group")
    if new.idempotency_key is not None:
        checked_key(new.idempotency_key)
    size, most = driver.size(new), capabilities.limits["body_bytes"]
    if size > most:
        raise InvalidRequestError(
            f"{size} bytes with its attributes are more than {most}; put the content into a "
            "storage and send its key",
            field=f"{place}body",
        )
    if new.group is None and driver.needs_group:
        raise InvalidRequestError("is missing; this queue keeps orders", field=f"{place}group")
    return new


def checked_messages(
    news: Sequence[NewQueueMessage], driver: QueueDriver
) -> Sequence[NewQueueMessage]:
    """Several of them, each by its place.

    Raises:
        InvalidRequestError, UnsupportedError: one cannot be sent; none was.
    """
    expect(news, (list, tuple), "messages", "a list of NewQueueMessage")
    if not 1 <= len(news) <= MESSAGES_MAX:
        raise InvalidRequestError(f"are not 1 to {MESSAGES_MAX}", field="messages")
    keyed: dict[str, NewQueueMessage] = {}
    for place, new in enumerate(news):
        expect(new, NewQueueMessage, f"messages[{place}]", "NewQueueMessage(body=...)")
        checked_message(new, driver, f"messages[{place}].")
        if new.idempotency_key is not None and keyed.setdefault(new.idempotency_key, new) != new:
            # The provider would keep the first, and say that it has both.
            problem = "is that of another message before"
            raise InvalidRequestError(problem, field=f"messages[{place}].idempotency_key")
    return news


def check_received(message: QueueMessage) -> None:
    """See that it is a message as `receive` gives it.

    Raises:
        InvalidRequestError: it is none.
    """
    expect(message, QueueMessage, "message", "what receive gave")


def check_seconds(seconds: int, most: int, field: str, *, least: int = 0) -> None:
    """See that it is a whole number of seconds within a limit.

    Raises:
        InvalidRequestError: it is not.
    """
    expect(seconds, int, field, NUMBER)
    if type(seconds) is not int or not least <= seconds <= most:
        raise InvalidRequestError(f"is not {least} to {most} whole seconds", field=field)


def check_duration(seconds: float, field: str, *, zero: bool = False) -> None:
    """See that it is a finite number of seconds above zero, or from zero on.

    Raises:
        InvalidRequestError: it is not.
    """
    expect(seconds, (int, float), field, NUMBER)
    if isinstance(seconds, bool) or not (
        isfinite(seconds) and (seconds > 0 or (zero and not seconds))
    ):
        least = "from 0 on" if zero else "above 0"
        raise InvalidRequestError(f"is not a number of seconds {least}", field=field)


def _check_attributes(
    attributes: Mapping[str, str], capabilities: Capabilities, field: str
) -> None:
    expect(attributes, Mapping, field, PAIRS)
    most = capabilities.limits["attributes"]
    if len(attributes) > most:
        raise InvalidRequestError(f"are more than {most}", field=field)
    for name, value in attributes.items():
        expect(name, str, field, PAIRS)
        one = f"{field}[{name!r:.80}]"
        expect(value, str, one, TEXT)
        if not _NAME.fullmatch(name) or ".." in name:
            problem = "is not a name of letters, digits, _, - and ."
            raise InvalidRequestError(problem, field=one)
        if not value or not is_sendable(value) or "\x0c" in value:
            raise InvalidRequestError("is empty, or holds what is no text", field=one)
