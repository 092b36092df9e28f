"""What every driver of functions must do.

Inherit from `FunctionConformance`. The function under test returns the payload it is given; for
`"fail"` it fails.

    class TestMine(FunctionConformance):
        @pytest.fixture
        def subject(self, mode):
            return FunctionSubject(mode, MyFunction(mode.transport(), settings), ...)
"""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from hardpoint.core.errors import FunctionFailedError, UnexpectedResponseError
from hardpoint.functions.api import FunctionInvoker
from hardpoint.functions.driver import FunctionCapability, FunctionDriver
from hardpoint.functions.types import FunctionResult
from hardpoint.sync.functions import FunctionInvoker as BlockingInvoker
from hardpoint.testing.conformance.modes import Mode, exercises
from hardpoint.testing.conformance.refusals import (
    PortRefusals,
    PortSubject,
    PortVerb,
    refused,
    unsupported,
)

FAIL = "fail"
"""The payload for which the function fails."""
_REFUSED: dict[FunctionCapability, PortVerb] = {
    FunctionCapability.BEGIN: lambda port: port.begin(1),
    FunctionCapability.LOG: lambda port: port.invoke(1, log=True),
}


class FunctionSubject(PortSubject):
    """A driver under test.

    Args:
        mode: how it is used; closed with the subject.
        driver: on a transport of that mode.
        requests: how many requests reached the provider.
        begun: the payloads of the runs that nobody waited for.
    """

    def __init__(
        self,
        mode: Mode,
        driver: FunctionDriver,
        *,
        requests: Callable[[], int],
        begun: Callable[[], Sequence[bytes]],
    ) -> None:
        super().__init__(
            mode, driver, FunctionInvoker, BlockingInvoker, name="pack", requests=requests
        )
        self.begun = begun

    def invoke(self, payload: Any, **options: Any) -> FunctionResult:
        """Run it."""
        return self.do(self.port.invoke(payload, **options))


class FunctionConformance(PortRefusals):
    """The suite. A subclass gives the fixture `subject`."""

    @pytest.mark.parametrize("payload", [None, 17, "Grüße", [1, {"a": None}]])
    def test_what_it_returns_comes_back(self, subject: FunctionSubject, payload: object) -> None:
        result = subject.invoke(payload)
        assert result.json() == payload
        assert subject.requests() == 1
        assert "Grüße" not in repr(result)

    def test_bytes_are_sent_as_they_are(self, subject: FunctionSubject) -> None:
        assert subject.invoke(b' {"a": 1}').payload == b' {"a": 1}'

    def test_what_fails_has_run_and_is_never_retried(self, subject: FunctionSubject) -> None:
        with pytest.raises(FunctionFailedError) as caught:
            subject.invoke(FAIL, repeatable=True)
        assert (subject.requests(), caught.value.retryable) == (1, False)
        assert caught.value.outcome_known is True

    def test_what_is_no_json_is_told(self, subject: FunctionSubject) -> None:
        with pytest.raises(UnexpectedResponseError):
            FunctionResult(payload=b"<").json()

    @exercises(FunctionCapability.LOG)
    def test_the_end_of_its_log_comes_along(self, subject: FunctionSubject) -> None:
        log = subject.invoke(1, log=True).log
        assert log is not None
        assert "END" in log

    @exercises(FunctionCapability.BEGIN)
    def test_it_may_run_without_anybody_waiting(self, subject: FunctionSubject) -> None:
        subject.do(subject.port.begin({"a": 1}))
        assert list(subject.begun()) == [b'{"a":1}']

    @pytest.mark.parametrize("capability", list(FunctionCapability))
    def test_what_is_not_declared_is_refused_before_any_request(
        self, subject: FunctionSubject, capability: FunctionCapability
    ) -> None:
        unsupported(subject, capability, _REFUSED[capability])

    @pytest.mark.parametrize("payload", [object(), "\ud800", bytes(64 * 1024 * 1024)])
    def test_a_bad_payload_is_refused_before_any_request(
        self, subject: FunctionSubject, payload: object
    ) -> None:
        refused(subject, "payload", lambda port: port.invoke(payload))
