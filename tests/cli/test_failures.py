import pytest

from hardpoint.cli.failures import Exit, failure_of, refused, unreachable, usage
from hardpoint.core.errors import (
    CircuitOpenError,
    ClientRefusedError,
    ConfigurationError,
    DeadlineExceededError,
    DeclinedError,
    HardpointError,
    ReauthorizationRequiredError,
    SignatureMismatchError,
    StoreCorruptError,
    StoreUnavailableError,
    TokenRefreshError,
    UnsupportedError,
)


@pytest.mark.parametrize(
    ("error", "code", "exit_code"),
    [
        (usage("no"), "usage", 2),
        (refused("no", hint="--live"), "refused", 5),
        (unreachable("no", hint="serve"), "unreachable", 4),
        (ConfigurationError("store.url", "is missing"), "configuration", 3),
        (UnsupportedError(), "unsupported", 2),
        (SignatureMismatchError(), "signature_mismatch", 1),
        (StoreUnavailableError(), "store", 4),
        (StoreCorruptError(), "store_corrupt", 4),
        (CircuitOpenError(), "rejected", 5),
        (DeclinedError(reason="expired"), "declined", 4),
        (DeadlineExceededError(), "timed_out", 4),
        (ReauthorizationRequiredError(), "reauthorization_required", 1),
        (ClientRefusedError(), "client_refused", 3),
        (TokenRefreshError(), "oauth", 4),
        (HardpointError(), "error", 1),
    ],
)
def test_every_error_has_its_word_and_exit_code(
    error: Exception, code: str, exit_code: int
) -> None:
    failure = failure_of(error)
    assert (failure.code, failure.exit_code) == (code, exit_code)
    assert failure.message


def test_a_configuration_error_says_its_fix_as_the_next_step() -> None:
    failure = failure_of(ConfigurationError("store.url", "is missing", fix="Add it"))
    assert (failure.message, failure.hint) == ("store.url: is missing", "Add it")


def test_an_unforeseen_error_keeps_its_message_to_itself() -> None:
    failure = failure_of(ValueError("whsec_very_secret"))
    assert "whsec" not in failure.message
    assert failure.exit_code == Exit.NO
    assert "HARDPOINT_DEBUG=1" in (failure.hint or "")
