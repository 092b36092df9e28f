"""Webhooks on their way to an application that is being written: verified, shown, passed on.

Nothing is stored. What the application answers is what the vendor hears, so what it does not take
the vendor repeats. A request that does not verify goes no further.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, final

import msgspec

from hardpoint.core.effects import Clock
from hardpoint.core.errors import HardpointError, OutcomeUnknownError
from hardpoint.http.messages import Request, Response, Transport
from hardpoint.hub.settings import Settings, SourceSettings
from hardpoint.hub.sources import options_of, prepare
from hardpoint.webhooks.answers import (
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    TOO_LARGE,
    UNAUTHORIZED,
    UNAVAILABLE,
    Answer,
)
from hardpoint.webhooks.diagnosis import Diagnosis, diagnose
from hardpoint.webhooks.fetched_keys import KeyNeededError, KeyUnavailableError
from hardpoint.webhooks.sources import Source, Sources
from hardpoint.webhooks.steps import VerificationStep, steps_of
from hardpoint.webhooks.verification import UNSAID, Arrival, WebhookRequest, settings_of

FORWARD_SECONDS: Final = 9.0
"""For the application's answer; a vendor is answered within ten in any case."""
ANSWER_BYTES_MAX: Final = 1024 * 1024
AT_ONCE: Final = 64
"""Requests under way; more are told to come again."""
_HOP_BY_HOP: Final = frozenset(
    {
        b"connection",
        b"content-length",
        b"expect",
        b"host",
        b"keep-alive",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
_BAD_GATEWAY: Final = Answer(status=502, body=b'{"error":"the application did not answer"}')


class Relayed(msgspec.Struct, frozen=True, kw_only=True):
    """One request, and what became of it.

    Attributes:
        at, answered_at: when it came and when it was answered, Unix seconds.
        source: as it is configured, or the word in the path where there is none of that name.
        body_bytes: how large it was.
        headers: as they came.
        verification: how that went; None where it was not tried.
        steps: the same, step by step.
        type, id: the event's, where it verified.
        target: where it went; None where it went nowhere.
        status: what the vendor heard.
        seconds: what the application took; None where it was not asked.
        answer: the beginning of what it said.
        error: why there is no answer of the application's.
    """

    at: float
    answered_at: float
    source: str
    body_bytes: int
    headers: Sequence[tuple[bytes, bytes]]
    status: int
    verification: Diagnosis | None = None
    steps: Sequence[VerificationStep] = ()
    type: str | None = None
    id: str | None = None
    target: str | None = None
    seconds: float | None = None
    answer: str = ""
    error: str | None = None


@final
class Relay:
    """A `Receiver` that passes on what verifies.

    Args:
        settings: of the sources that are listened for.
        targets: where each goes.
        transport: how.
        clock: for signatures' windows, and to measure.
        fetch: gets the keys that vendors publish; it blocks.
        told: called with every request once it is answered.
    """

    def __init__(
        self,
        settings: Settings,
        targets: Mapping[str, str],
        transport: Transport,
        *,
        clock: Clock,
        fetch: Callable[[KeyNeededError], None],
        told: Callable[[Relayed], object],
    ) -> None:
        self._settings = settings
        sources, _ = prepare(settings)
        self._sources: Mapping[str, Source] = sources
        self._targets = targets
        self._transport = transport
        self._clock = clock
        self._fetch = fetch
        self._told = told
        self._under_way: set[asyncio.Task[None]] = set()
        self.body_bytes_max = Sources(sources).body_bytes_max
        self.problems: dict[str, int] = {}
        """Requests that the front end refused, by reason."""

    def refused(self, source: str, reason: str) -> None:
        """See `Receiver`."""
        key = f"{source if source in self._sources else '(unknown)'}: {reason}"
        self.problems[key] = self.problems.get(key, 0) + 1

    def greeting(
        self, source: str, headers: Sequence[tuple[bytes, bytes]], arrival: Arrival
    ) -> Answer:
        """See `Receiver`."""
        known = self._sources.get(source)
        request = WebhookRequest.raw(arrival.method, "", headers, b"", arrival=arrival)
        reply = None if known is None else known.greeting(request)
        if reply is None:
            return METHOD_NOT_ALLOWED
        return Answer(status=reply.status, headers=reply.headers, body=reply.body)

    def submit(
        self,
        source: str,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes,
        done: Callable[[Answer], None],
        arrival: Arrival | None = None,
    ) -> None:
        """See `Receiver`."""
        if len(self._under_way) >= AT_ONCE:
            self.refused(source, "too_many")
            done(UNAVAILABLE)
            return
        request = WebhookRequest.raw("POST", "", headers, body, arrival=arrival)
        task = asyncio.create_task(self._pass_on(source, request, done))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def close(self) -> None:
        """End what is under way."""
        for task in (left := tuple(self._under_way)):
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _pass_on(
        self, source: str, request: WebhookRequest, done: Callable[[Answer], None]
    ) -> None:
        at, answer, facts = self._clock.now(), UNAVAILABLE, dict[str, Any]()
        try:
            answer, facts = await self._answer(source, request, at)
        finally:
            done(answer)
        self._told(
            Relayed(
                at=at,
                answered_at=self._clock.now(),
                source=source,
                body_bytes=len(request.body),
                headers=request.headers,
                status=answer.status,
                **facts,
            )
        )

    async def _answer(
        self, source: str, request: WebhookRequest, now: float
    ) -> tuple[Answer, dict[str, Any]]:
        known = self._settings.webhooks.get(source)
        if known is None:
            return NOT_FOUND, {"error": "no such source"}
        # On a thread: a vendor's keys may have to be fetched, and what fails is tried again in
        # other ways to say why.
        diagnosis = await asyncio.to_thread(self._diagnosed, known, request, now)
        facts: dict[str, Any] = {
            "verification": diagnosis,
            "steps": steps_of(diagnosis),
            "type": diagnosis.details.get("type"),
            "id": diagnosis.details.get("id"),
        }
        if not diagnosis.ok:
            later = diagnosis.reason == KeyUnavailableError.reason
            return UNAVAILABLE if later else UNAUTHORIZED, facts
        if len(request.body) > self._sources[source].body_bytes_max:
            return TOO_LARGE, {**facts, "error": "it is larger than this source takes"}
        answer, more = await self._forwarded(self._targets[source], request)
        return answer, facts | more

    def _diagnosed(self, known: SourceSettings, request: WebhookRequest, now: float) -> Diagnosis:
        options = options_of(known)
        url = self._settings.webhook_url(known.name)
        if url is not None and "url" in settings_of(known.provider):
            options["url"] = url
        return diagnose(
            known.provider, request, known.secrets, now=now, fetch=self._fetch, **options
        )

    async def _forwarded(
        self, target: str, request: WebhookRequest
    ) -> tuple[Answer, dict[str, Any]]:
        query = (request.arrival or UNSAID).query.decode("latin-1")
        if query:
            target += f"{'&' if '?' in target else '?'}{query}"
        headers = [
            (name.decode("latin-1"), value.decode("latin-1").strip(" \t"))
            for name, value in request.headers
            if name not in _HOP_BY_HOP
        ]
        outgoing = Request(method="POST", url=target, headers=headers, body=request.body)
        facts: dict[str, Any] = {"target": outgoing.shown}
        began = self._clock.monotonic()
        try:
            response = await self._transport.send(outgoing)
        except HardpointError as error:
            facts["error"] = _silence(error)
            return _BAD_GATEWAY, facts
        finally:
            facts["seconds"] = self._clock.monotonic() - began
        facts["answer"] = response.body[:512].decode("utf-8", "replace")
        return _passed_back(response), facts


def _silence(error: HardpointError) -> str:
    if isinstance(error, OutcomeUnknownError):
        return f"the application gave no whole answer within {FORWARD_SECONDS:g} s: {error}"
    return str(error)


def _passed_back(response: Response) -> Answer:
    """The application's answer as the vendor hears it."""
    headers = [
        (name.lower(), value)
        for name, value in response.headers.pairs
        if name.lower() not in _HOP_BY_HOP
    ]
    return Answer(status=response.status, headers=tuple(headers), body=response.body)
