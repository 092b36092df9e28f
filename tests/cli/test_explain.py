from collections.abc import Callable
from typing import Any

import pytest

from hardpoint.core.providers import every_name, load, provider

Cli = Callable[..., Any]
HAVING = [name for name in every_name() if provider(name).errors]


def test_a_code_is_explained(cli: Cli) -> None:
    run = cli("explain", "stripe", "insufficient_funds")
    assert run.code == 0
    assert run.out == (
        "stripe insufficient_funds  HTTP 402\n"
        "  meaning  There is not enough money on the account.\n"
        "  action   Ask for other means of payment.\n"
        "  raises   DeclinedError (reason=insufficient_funds, soft=True)\n"
        "  retry    no\n"
        "  outcome  known\n"
    )


def test_a_code_under_several_statuses_is_explained_for_each(cli: Cli) -> None:
    run = cli("explain", "stripe", "idempotency_key_in_use")
    assert "HTTP 400" in run.out
    assert "IdempotencyConflictError" in run.out
    assert "HTTP 409" in run.out
    assert "  retry    yes, the same call may succeed later\n" in run.out


def test_a_code_under_any_status(cli: Cli) -> None:
    run = cli("explain", "twilio", "21610")
    assert run.out.startswith("twilio 21610  HTTP any\n")
    assert "  raises   OptedOutError (field=to)\n" in run.out


def test_as_json(cli: Cli) -> None:
    run = cli("explain", "stripe", "rate_limit", "--json")
    assert run.data == {
        "provider": "stripe",
        "codes": [
            {
                "code": "rate_limit",
                "status": None,
                "meaning": "Too many requests.",
                "action": "It is retried more slowly.",
                "error": "RateLimitedError",
                "kind": "rate_limited",
                "retryable": True,
                "outcome_known": True,
                "facts": {},
            }
        ],
    }


@pytest.mark.parametrize("vendor", HAVING)
def test_without_a_code_all_are_listed(cli: Cli, vendor: str) -> None:
    run = cli("explain", vendor)
    assert run.code == 0
    for _, code in load(provider(vendor).errors or "").known:
        assert f"\n{code or 'any'} " in run.out


@pytest.mark.parametrize("vendor", HAVING)
def test_every_code_of_every_provider_can_be_explained(cli: Cli, vendor: str) -> None:
    entries = cli("explain", vendor, "--json").data["codes"]
    assert len(entries) == len(load(provider(vendor).errors or "").known)
    assert all(entry["meaning"].endswith(".") and entry["action"] for entry in entries)


def test_an_unknown_code_names_those_like_it(cli: Cli) -> None:
    run = cli("explain", "stripe", "card_declned")
    assert run.code == 1
    assert run.out == ""
    assert run.err.startswith(
        "error: stripe has no code 'card_declned' that we know; close to it: "
    )
    assert run.err.endswith("next:  hardpoint explain stripe card_declined\n")


def test_a_code_like_none_leads_to_the_list(cli: Cli) -> None:
    run = cli("explain", "stripe", "zzzzzz", "--json")
    assert run.code == 1
    assert run.error["code"] == "unknown_code"
    assert run.error["hint"] == "hardpoint explain stripe"


@pytest.mark.parametrize("vendor", ["github", "nobody"])
def test_a_provider_without_a_table_names_those_that_have_one(cli: Cli, vendor: str) -> None:
    run = cli("explain", vendor, "any")
    assert run.code == 2
    assert f"'{vendor}' has no table of errors" in run.err
    assert all(name in run.err for name in HAVING)
