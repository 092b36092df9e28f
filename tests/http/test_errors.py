import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.core.errors import (
    AuthenticationError,
    ConflictError,
    DeclinedError,
    InvalidRequestError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    PreconditionFailedError,
    RateLimitedError,
    UnavailableError,
    UnexpectedResponseError,
)
from hardpoint.http.errors import ErrorTable, Known, Problem, by_status, retry_after, table_rows
from hardpoint.http.messages import Response

TABLE = ErrorTable(
    "vendor",
    {
        (409, "busy"): Known(UnavailableError, "busy", "wait"),
        "gone": Known(NotFoundError, "gone", "forget"),
        (None, "busy"): Known(ConflictError, "busy elsewhere", "wait"),
        402: Known(
            lambda problem: DeclinedError(reason=problem.details["why"], **problem.facts("vendor")),
            "declined",
            "ask",
        ),
    },
)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (409, "busy", UnavailableError),
        (400, "busy", ConflictError),
        (400, "gone", NotFoundError),
        (400, "other", InvalidRequestError),
        (400, None, InvalidRequestError),
    ],
)
def test_the_closest_entry_counts(status, code, expected):
    problem = Problem(status=status, code=code, message="why", request_id="r", retry_after=2.0)
    error = TABLE.error(problem)
    assert type(error) is expected
    assert (error.provider, error.status, error.vendor_code) == ("vendor", status, code)
    assert (error.request_id, error.retry_after) == ("r", 2.0)
    assert str(error) == f"vendor answered {status}" + (f" {code}" if code else "") + ": why"


def test_an_entry_may_look_closer():
    error = TABLE.error(Problem(status=402, code="no", details={"why": "stolen"}))
    assert isinstance(error, DeclinedError)
    assert (error.reason, error.vendor_code) == ("stolen", "no")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, InvalidRequestError),
        (401, AuthenticationError),
        (403, PermissionDeniedError),
        (404, NotFoundError),
        (408, OutcomeUnknownError),
        (409, ConflictError),
        (410, NotFoundError),
        (412, PreconditionFailedError),
        (422, InvalidRequestError),
        (429, RateLimitedError),
        (500, OutcomeUnknownError),
        (503, OutcomeUnknownError),
        (599, OutcomeUnknownError),
        (418, UnexpectedResponseError),
        (302, UnexpectedResponseError),
        (204, UnexpectedResponseError),
        (101, UnexpectedResponseError),
    ],
)
def test_a_status_alone_has_a_meaning(status, expected):
    assert by_status(status) is expected


@given(st.integers(100, 599), st.none() | st.text(max_size=5))
def test_nothing_unknown_is_retried_or_taken_for_done(status, code):
    error = ErrorTable("vendor", {}).error(Problem(status=status, code=code))
    assert not error.retryable or status == 429
    assert error.outcome_known == (400 <= status < 500 and status != 408)


@pytest.mark.parametrize(
    ("known", "problem", "field"),
    [
        (Known(InvalidRequestError, "", "", "to"), Problem(status=400, code="x", field="y"), "to"),
        (Known(InvalidRequestError, "", ""), Problem(status=400, code="x", field="y"), "Y"),
        (Known(InvalidRequestError, "", ""), Problem(status=400, code="x"), "X"),
        (Known(NotFoundError, "", ""), Problem(status=404, code="x", field="y"), None),
    ],
)
def test_an_error_names_our_argument(known, problem, field):
    table = ErrorTable(
        "vendor", {"x": known}, argument=lambda one: (one.field or one.code or "").upper()
    )
    assert getattr(table.error(problem), "field", None) == field


@pytest.mark.parametrize(
    ("status", "word", "retryable"),
    [(429, None, True), (429, False, False), (400, True, True), (402, True, False)],
)
def test_the_providers_word_on_retrying_goes_before_ours(status, word, retryable):
    problem = Problem(status=status, retryable=word, details={"why": "stolen"})
    assert TABLE.error(problem).retryable is retryable


def test_an_answer_adds_its_request_and_its_wait_and_what_it_quotes_is_masked():
    table = ErrorTable("vendor", {}, request_id="request-id", reset="reset")
    headers = {"request-id": "r7", "reset": "1795428007", "date": DATE}
    reply = Response(status=400, headers=headers, body=b"")
    problem = Problem(status=400, message="no hush for a@b.example", field="hush[0]")
    error = table.refusal(reply, problem, ["hush"])
    assert (error.request_id, error.retry_after, error.field) == ("r7", 7.0, "****[0]")
    assert str(error) == "****[0]: vendor answered 400: no **** for ****"
    unread = table.unreadable(reply)
    assert (unread.provider, unread.status, unread.request_id) == ("vendor", 400, "r7")
    assert not unread.outcome_known


def test_what_is_known_of_a_code_is_explained():
    assert [one.action for one in TABLE.explain("busy")] == ["wait", "wait"]
    assert TABLE.explain("nothing") == ()


CODES = """# Codes

| status | code | error | field | why | meaning | action |
|---|---|---|---|---|---|---|
| 409 | busy | UnavailableError | | | It is busy. | Wait. |
| | wrong | InvalidRequestError | to | bad | It is wrong. | Correct it. |
| 402 | | declined | | | It is declined. | Ask. |

Words of events:

| said | meaning |
|---|---|
| late | It was late. |
"""


def test_a_table_is_read_from_a_file(tmp_path):
    path = tmp_path / "codes.md"
    path.write_text(CODES)
    table = ErrorTable.read("vendor", path, raises={"declined": PermissionDeniedError})
    assert list(table.known) == [(409, "busy"), (None, "wrong"), (402, None)]
    assert table.known[409, "busy"] == Known(UnavailableError, "It is busy.", "Wait.")
    assert table.explain("wrong")[0].more == {"why": "bad"}
    assert table.error(Problem(status=400, code="wrong")).field == "to"
    assert type(table.error(Problem(status=402))) is PermissionDeniedError
    assert list(table_rows(path))[-1] == {"said": "late", "meaning": "It was late."}


@pytest.mark.parametrize("broken", ["| 409 | busy |", CODES.replace("UnavailableError", "Nothing")])
def test_a_table_that_is_none_is_told_at_once(tmp_path, broken):
    path = tmp_path / "codes.md"
    path.write_text(CODES.replace("Words of events:\n", f"\n{broken}\n") + broken)
    with pytest.raises((ValueError, AttributeError)):
        ErrorTable.read("vendor", path)


DATE = "Mon, 23 Nov 2026 10:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "5"}, 5.0),
        ({"retry-after": " 0.5 "}, 0.5),
        ({"retry-after": "999999"}, 86400.0),
        ({"retry-after": "Mon, 23 Nov 2026 10:00:07 GMT", "date": DATE}, 7.0),
        ({"retry-after": "Mon, 23 Nov 2026 09:59:00 GMT", "date": DATE}, 0.0),
        ({"retry-after": "Wed, 23 Dec 2026 10:00:00 GMT", "date": DATE}, 86400.0),
        ({"retry-after": DATE}, None),
        ({"retry-after": "soon", "date": DATE}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "\u0665"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_both_forms(headers, seconds):
    assert retry_after(headers) == seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"reset": "1795428007", "date": DATE}, 7.0),
        ({"reset": "1795427000", "date": DATE}, 0.0),
        ({"reset": "9" * 400, "date": DATE}, 86400.0),
        ({"reset": "1795428007", "date": DATE, "retry-after": "3"}, 3.0),
        ({"reset": "1795428007", "date": DATE, "retry-after": "soon"}, None),
        ({"reset": "1795428007", "date": DATE.replace("GMT", "-0000")}, 7.0),
        ({"reset": "1795428007"}, None),
        ({"reset": "soon", "date": DATE}, None),
        ({"reset": "\u0661", "date": DATE}, None),
        ({"other": "1795428007", "date": DATE}, None),
    ],
)
def test_the_end_of_a_limit_is_measured_from_the_answers_own_date(headers, seconds):
    assert retry_after(headers, reset="reset") == seconds


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_retry_after_is_read_or_left(text, date):
    seconds = retry_after({"retry-after": text, "date": date})
    assert seconds is None or 0 <= seconds <= 86400
