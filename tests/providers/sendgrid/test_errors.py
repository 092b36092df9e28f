import pytest

from hardpoint.http.errors import Problem
from hardpoint.providers.sendgrid.errors import ERRORS, FAILURES, argument, failure


@pytest.mark.parametrize("field", [None, "", "elsewhere", "mail_settings.0.x", "." * 9])
def test_a_field_that_is_no_argument_of_ours_is_left_out(field):
    assert argument(Problem(status=400, field=field)) is None


def test_a_field_is_known_by_the_code_alone():
    assert ERRORS.error(Problem(status=400, code="from.email")).field == "from_"
    assert ERRORS.error(Problem(status=400, code="personalizations.to.email")).field == "to"


@pytest.mark.rows
def test_what_an_event_says_is_a_reason(said, reason):
    assert failure(*said) is reason


def test_every_reason_is_explained():
    for said, (_, meaning, action) in FAILURES.items():
        assert said == said.lower()
        assert meaning.endswith(".")
        assert action.endswith(".")
