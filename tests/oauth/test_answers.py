"""Every odd answer: tokens, or one typed error, and never a secret in it."""

import json
import traceback

import pytest

from hardpoint.core.errors import TokenEndpointError
from hardpoint.core.secrets import Secret
from hardpoint.http.forms import FORM
from hardpoint.http.messages import Response
from hardpoint.oauth.answers import document_of, tokens_from
from hardpoint.oauth.catalogue import Expiry

SENT = 1_700_000_000.0


def answer(body, status=200, content_type="application/json", **headers):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status=status, headers={"content-type": content_type, **headers}, body=raw)


@pytest.fixture
def read(entry):
    def read(body, status=200, content_type="application/json", private=(), headers=None, **facts):
        return tokens_from(
            answer(body, status, content_type, **(headers or {})),
            entry(**facts),
            sent_at=SENT,
            private=[Secret.value(one) for one in private],
        )

    return read


@pytest.fixture
def refused(read):
    def refused(body, status=200, content_type="application/json", **facts):
        with pytest.raises(TokenEndpointError) as caught:
            read(body, status, content_type, **facts)
        return caught.value

    return refused


@pytest.mark.parametrize(
    ("value", "life"),
    [
        (3600, 3600.0),
        (3600.5, 3600.5),
        ("3600", 3600.0),
        ("3600.0", 3600.0),
        ("soon", None),
        ("\uff11\uff12", None),
        ("", None),
        (None, None),
        (-1, None),
        (0, None),
        (True, None),
        (1e18, None),
        (10**30, None),
        ([], None),
    ],
)
def test_an_odd_life_is_no_life(read, value, life) -> None:
    tokens = read({"access_token": "a", "expires_in": value})
    assert tokens.expires_at == (None if life is None else SENT + life)


def test_a_life_that_is_no_number_for_json_loses_no_tokens(read) -> None:
    body = b'{"access_token": "a", "refresh_token": "r2", "expires_in": NaN}'
    assert read(body).refresh.reveal() == "r2"
    assert read(body, access_seconds=60.0).expires_at == SENT + 60


@pytest.mark.parametrize(
    ("facts", "body", "expires_at"),
    [
        ({"expiry": Expiry.MILLISECONDS}, {"expires_in": 3_600_000}, SENT + 3600),
        ({"expiry": Expiry.DATE}, {"expires_at": "2023-11-14T23:13:20Z"}, SENT + 3600),
        ({"expiry": Expiry.DATE}, {"expires_at": "2023-11-14T23:13:20"}, SENT + 3600),
        ({"expiry": Expiry.DATE, "access_seconds": 60.0}, {"expires_at": "soon"}, SENT + 60),
        ({"expiry": Expiry.DATE}, {"expires_at": 7}, None),
        ({"expiry": Expiry.DATE}, {"expires_at": "9999-01-01T00:00:00Z"}, None),
    ],
)
def test_a_life_as_other_providers_write_it(read, facts, body, expires_at) -> None:
    assert read({"access_token": "a", **body}, **facts).expires_at == expires_at


@pytest.mark.parametrize("missing", [{}, {"refresh_token": None}, {"refresh_token": ""}])
def test_no_refresh_token_is_none(read, missing) -> None:
    tokens = read({"access_token": "a", **missing}, refresh_seconds=9.0)
    assert (tokens.refresh, tokens.refresh_expires_at) == (None, None)


def test_the_refresh_tokens_life_is_the_answers_or_the_entrys(read) -> None:
    body = {"access_token": "a", "refresh_token": "r"}
    assert read(body, refresh_seconds=9.0).refresh_expires_at == SENT + 9
    said = read({**body, "refresh_token_expires_in": 5}, refresh_seconds=9.0)
    assert said.refresh_expires_at == SENT + 5


@pytest.mark.parametrize(
    ("scope", "facts", "expected"),
    [
        ("a b", {}, ("a", "b")),
        ("repo,user", {"granted_separator": ","}, ("repo", "user")),
        (["a", 1], {}, ("a",)),
        ("", {}, ()),
        (None, {}, None),
    ],
)
def test_scopes_as_they_come(read, scope, facts, expected) -> None:
    assert read({"access_token": "a", "scope": scope}, **facts).scope == expected


def test_a_form_is_read_too(read) -> None:
    tokens = read(b"access_token=a&scope=repo%2Cuser&token_type=bearer", content_type=FORM)
    assert (tokens.access.reveal(), tokens.token_type) == ("a", "bearer")


def test_one_answer_may_hold_several_credentials(read) -> None:
    tokens = read(
        {
            "access_token": "bot",
            "team": {"id": "T1"},
            "authed_user": {"access_token": "person", "token_type": "user"},
            "other": {"id": 1},
        },
        slots=("authed_user", "other", "absent"),
    )
    assert tokens.slots["authed_user"].access.reveal() == "person"
    assert dict(tokens.details) == {"team": {"id": "T1"}, "other": {"id": 1}}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"<html>signed out</html>", 200),
        (b"[1]", 200),
        (b"\xff", 200),
        (b"[" * 100_000, 200),
        (b" " * 300_000, 200),
        ({"access_token": None}, 200),
        ({"access_token": "a b"}, 200),
        ({"access_token": "a\nb"}, 200),
        ({"access_token": {}}, 201),
        ({}, 200),
    ],
)
def test_a_success_without_tokens_leaves_the_outcome_unknown(refused, body, status) -> None:
    error = refused(body, status)
    assert (error.verdict, error.outcome_known, error.retryable) == ("transient", False, True)


@pytest.mark.parametrize(
    ("status", "outcome_known"),
    [(500, False), (502, False), (504, False), (408, False), (503, True), (429, True)],
)
def test_a_failing_server_takes_no_grant_whatever_its_body_says(
    refused, status, outcome_known
) -> None:
    error = refused({"error": "invalid_grant"}, status)
    assert (error.verdict, error.outcome_known) == ("transient", outcome_known)
    assert error.status == status


def test_the_wait_that_is_asked_for_is_kept(refused) -> None:
    assert refused(b"", 429, headers={"retry-after": "7"}).retry_after == 7.0


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        ("invalid_grant", "grant"),
        ("invalid_client", "client"),
        ("interaction_required", "interaction"),
        ("temporarily_unavailable", "transient"),
        ("never_heard_of", "transient"),
        ("not a code", "transient"),
        (7, "transient"),
    ],
)
@pytest.mark.parametrize("status", [200, 400])
def test_an_error_is_an_error_with_status_200_too(refused, code, verdict, status) -> None:
    error = refused({"error": code, "access_token": "canary"}, status)
    assert (error.verdict, error.outcome_known) == (verdict, True)
    assert "canary" not in str(error)


def test_a_provider_that_says_ok_false(refused) -> None:
    error = refused(
        {"ok": False, "error": "invalid_refresh_token"},
        ok_field="ok",
        errors={"invalid_refresh_token": "grant"},
    )
    assert (error.verdict, error.vendor_code) == ("grant", "invalid_refresh_token")
    assert refused({"ok": False}, ok_field="ok").verdict == "transient"


def test_a_page_of_something_in_between_takes_no_grant(refused) -> None:
    error = refused(b"<html>blocked</html>", 403)
    assert (error.verdict, error.outcome_known) == ("transient", True)


def test_words_are_told_without_what_is_secret(refused) -> None:
    error = refused(
        {
            "error": "unsupported_grant_type",
            "error_description": "no ca+na/ry nor ca%2Bna%2Fry nor abcdefghij0123456789ABCDEF, sir",
        },
        400,
        private=["ca+na/ry"],
    )
    assert str(error) == (
        "acme answered 400 unsupported_grant_type: no **** nor **** nor ****, sir"
    )


def test_a_secret_is_not_told_as_a_code_either(refused) -> None:
    error = refused({"error": "canary-refresh"}, 400, private=["canary-refresh"])
    assert "canary" not in f"{error} {error.vendor_code}"


def test_not_even_a_traceback_with_its_variables_shows_the_answer(refused) -> None:
    for body in ({"access_token": "can ary"}, {"error": "x", "refresh_token": "canary"}):
        error = refused(body, private=["canary"])
        lines = traceback.TracebackException.from_exception(error, capture_locals=True).stack
        ours = [frame for frame in lines if "oauth/answers" in frame.filename]
        assert ours
        assert not any("ary'" in str(frame.locals) for frame in ours)


def test_a_document_is_an_object() -> None:
    assert document_of(answer([])) is None
    assert document_of(answer({"a": 1})) == {"a": 1}


def test_a_refusal_is_known_by_its_status_where_its_code_says_nothing(refused):
    statuses = {403: "grant", 401: "client"}
    assert refused({"message": "no"}, 403, statuses=statuses).verdict == "grant"
    assert refused({"error": "strange"}, 401, statuses=statuses).verdict == "client"
    assert refused({"error": "invalid_grant"}, 401, statuses=statuses).verdict == "grant"
    assert refused({"error": "strange"}, 400, statuses=statuses).verdict == "transient"


def test_a_code_may_lie_deeper_or_where_everybody_has_it(refused):
    deep = {"error_field": "fault.code"}
    assert refused({"fault": {"code": "invalid_grant"}}, 200, **deep).verdict == "grant"
    assert refused({"error": "invalid_grant"}, 400, **deep).verdict == "grant"
    assert refused({"fault": "none"}, 400, **deep).verdict == "transient"


def test_tokens_may_have_other_names_and_lie_deeper(read):
    fields = {
        "access_token": "data.token",
        "refresh_token": "data.again",
        "expires_in": "data.life",
        "scope": "data.nothing",
    }
    body = {"data": {"token": "a", "again": "r", "life": 60}, "scope": "read", "team": 1}
    tokens = read(body, answer_fields=fields)
    assert (tokens.access.reveal(), tokens.refresh.reveal()) == ("a", "r")
    assert (tokens.expires_at, tokens.scope) == (SENT + 60, None)
    assert tokens.details == {"data": {}, "team": 1}
    flat = read({"token": "a", "data": 5}, answer_fields={**fields, "access_token": "token"})
    assert (flat.access.reveal(), flat.details) == ("a", {"data": 5})
