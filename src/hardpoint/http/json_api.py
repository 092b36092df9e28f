"""A provider's API that answers in JSON: what every adapter for one would write again.

    self._api = JsonApi(client, ERRORS, refusal=wire.Refusal, success={200, 201})
    message = await self._api.post("/messages", wire.Message, form=encode(form))

A refusal becomes the error that the table has for it. A success that cannot be read is an
`UnexpectedResponseError` whose outcome is unknown, since the provider has acted.
"""

from collections.abc import Collection, Sequence
from typing import Protocol, TypeVar, final

import msgspec

from hardpoint.core.decoding import UNREADABLE
from hardpoint.core.errors import InvalidRequestError, ProviderError
from hardpoint.http.client import ApiClient
from hardpoint.http.errors import ErrorTable, Problem
from hardpoint.http.forms import FORM
from hardpoint.http.messages import Response
from hardpoint.runtime.decoding_types import prepared

JSON = "application/json"
_Wire = TypeVar("_Wire")


class RefusalBody(Protocol):
    """A wire type for the body of a refusal; one without fields says nothing."""

    def __init__(self) -> None: ...

    def problem(self, reply: Response) -> Problem:
        """What it says, and what is special in the answer's headers; as it stands."""
        ...


class RequestPace(Protocol):
    """Holds requests back that the provider would refuse, by what its answers have said."""

    def check(self, method: str, target: str) -> None:
        """Let one pass.

        Raises:
            RateLimitedError: not now; nothing was sent.
        """
        ...

    def heed(self, method: str, target: str, reply: Response) -> None:
        """Take what an answer says."""
        ...


@final
class JsonApi:
    """One account's API.

    Args:
        client: sends requests to the provider's host.
        errors: the provider's table.
        refusal: how the body of a refusal is read; one that does not parse goes by its status.
        success: the statuses that are one. Any other is a refusal.

    Attributes:
        pace: holds requests back; None where nobody does.
    """

    def __init__(
        self,
        client: ApiClient,
        errors: ErrorTable,
        *,
        refusal: type[RefusalBody],
        success: Collection[int] = frozenset({200}),
    ) -> None:
        self._client = client
        self._errors = errors
        self._refusal = refusal
        self._success = success
        self.pace: RequestPace | None = None

    async def get(self, target: str, kind: type[_Wire]) -> _Wire:
        """Read something.

        Raises:
            ProviderError: as the table has it, or the answer is not of that kind.
        """
        return self.read(await self.send("GET", target), kind)

    async def post(
        self,
        target: str,
        kind: type[_Wire],
        *,
        form: bytes | None = None,
        document: object = None,
        headers: Sequence[tuple[str, str]] = (),
    ) -> _Wire:
        """Change something; see `send`.

        Raises:
            ProviderError: as the table has it, or the answer is not of that kind.
        """
        reply = await self.send("POST", target, form=form, document=document, headers=headers)
        return self.read(reply, kind)

    async def send(
        self,
        method: str,
        target: str,
        *,
        form: bytes | None = None,
        document: object = None,
        body: bytes = b"",
        headers: Sequence[tuple[str, str]] = (),
    ) -> Response:
        """Send one request; its answer, if that is a success.

        Args:
            method: `PUT`.
            target: path and query.
            form: the body as a form, encoded; see `http.forms`.
            document: or what it is to be in JSON.
            body: or as it is, with its `content-type` among the headers.
            headers: beside the client's own.

        Raises:
            InvalidRequestError: the document cannot be written; nothing was sent.
            ProviderError: as the table has it.
        """
        if form is not None:
            headers, body = (("content-type", FORM), *headers), form
        elif document is not None:
            headers, body = (("content-type", JSON), *headers), self._encoded(document)
        if self.pace is not None:
            self.pace.check(method, target)
        reply = await self._client.send(method, target, headers=headers, body=body, again=True)
        if self.pace is not None:
            self.pace.heed(method, target, reply)
        if reply.status in self._success:
            return reply
        raise self._refused(reply)

    def read(self, reply: Response, kind: type[_Wire]) -> _Wire:
        """The body of a success.

        Raises:
            UnexpectedResponseError: it is not of that kind.
        """
        try:
            return msgspec.json.decode(reply.body, type=prepared(kind))
        except UNREADABLE as error:
            raise self._errors.unreadable(reply) from error

    def _encoded(self, document: object) -> bytes:
        try:
            return msgspec.json.encode(document)
        except (TypeError, *UNREADABLE):
            # A port checks its own arguments.
            field = f"extra.{self._errors.provider}"
            raise InvalidRequestError("cannot be written as JSON", field=field) from None

    def _refused(self, reply: Response) -> ProviderError:
        try:
            said = msgspec.json.decode(reply.body, type=prepared(self._refusal))
        except UNREADABLE:
            said = self._refusal()
        return self._errors.refusal(reply, said.problem(reply), self._client.secrets())
