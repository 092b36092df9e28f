"""The values of the function port."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import msgspec

from hardpoint.core.decoding import UNREADABLE
from hardpoint.core.errors import UnexpectedResponseError
from hardpoint.http.redaction import Discreet

_MASKS: Mapping[str, Callable[[Any], str]] = {
    "payload": lambda payload: f"<{len(payload)} bytes>",
    "log": lambda log: f"<{len(log)} characters>",
}


class FunctionResult(Discreet, frozen=True, kw_only=True):
    """What a function returned; shown without it.

    Attributes:
        payload: its bytes.
        version: which version of it ran, where the provider says so.
        log: the end of its log, where that was asked for.
        request_id: names this run in the provider's logs.
    """

    masks: ClassVar[Mapping[str, Callable[[Any], str]]] = _MASKS

    payload: bytes
    version: str | None = None
    log: str | None = None
    request_id: str | None = None

    def json(self) -> Any:
        """What it returned, as JSON.

        Raises:
            UnexpectedResponseError: it is none.
        """
        try:
            return msgspec.json.decode(self.payload)
        except UNREADABLE as error:
            raise UnexpectedResponseError("the function returned no JSON") from error
