import base64
import json
import traceback
from urllib.parse import parse_qsl

import pytest

from hardpoint.core.errors import (
    OutcomeUnknownError,
    TokenEndpointError,
    UnavailableError,
    UnexpectedResponseError,
)
from hardpoint.core.secrets import Secret
from hardpoint.oauth.catalogue import BodyEncoding, ClientAuth, Revocation
from hardpoint.oauth.tokens import Tokens
from hardpoint.runtime.blocking import run

GRANTED = (200, "application/json", b'{"access_token": "a1", "expires_in": 60}')
EMPTY = (200, "text/html", b"")


def form(request):
    return dict(parse_qsl(request.body.decode()))


def test_a_code_is_exchanged_with_its_verifier(endpoint, transport, clock) -> None:
    transport.replies = [GRANTED]
    tokens = run(endpoint().exchange(Secret.value("the code"), verifier=Secret.value("v" * 43)))
    (request,) = transport.sent
    assert form(request) == {
        "grant_type": "authorization_code",
        "code": "the code",
        "redirect_uri": "https://us.example/back",
        "code_verifier": "v" * 43,
    }
    pair = base64.b64encode(b"us:canary-client-secret").decode()
    assert ("authorization", f"Basic {pair}") in request.headers
    assert ("accept", "application/json") in request.headers
    assert tokens.expires_at == clock.now() + 60


def test_a_life_is_counted_from_before_the_request(endpoint, transport, clock) -> None:
    started = clock.now()
    transport.replies = [GRANTED]
    sent = transport.send

    async def slowly(request):
        clock.advance(15)
        return await sent(request)

    transport.send = slowly
    assert run(endpoint().refresh(Secret.value("r1"))).expires_at == started + 60


def test_a_refresh_asks_for_no_scope(endpoint, transport) -> None:
    transport.replies = [GRANTED]
    run(endpoint(client_auth=ClientAuth.POST).refresh(Secret.value("r1")))
    assert form(transport.sent[0]) == {
        "grant_type": "refresh_token",
        "refresh_token": "r1",
        "client_id": "us",
        "client_secret": "canary-client-secret",
    }


def test_a_public_client_sends_its_id_alone(endpoint, transport) -> None:
    transport.replies = [GRANTED]
    public = endpoint(client_auth=ClientAuth.NONE, secret=None, redirect_uri=None)
    run(public.exchange(Secret.value("c")))
    assert form(transport.sent[0]) == {
        "grant_type": "authorization_code",
        "code": "c",
        "client_id": "us",
    }


def test_a_json_endpoint_gets_json(endpoint, transport) -> None:
    transport.replies = [GRANTED]
    run(
        endpoint(
            encoding=BodyEncoding.JSON, token_params={"expiring": "1"}, token_headers={"x-v": "2"}
        ).refresh(Secret.value("r1"))
    )
    (request,) = transport.sent
    assert json.loads(request.body) == {
        "expiring": "1",
        "grant_type": "refresh_token",
        "refresh_token": "r1",
    }
    assert {("x-v", "2"), ("content-type", "application/json")} <= set(request.headers)


@pytest.mark.parametrize(("scopes", "expected"), [((), None), (("a", "b"), "a,b")])
def test_a_client_gets_tokens_of_its_own(endpoint, transport, scopes, expected) -> None:
    transport.replies = [GRANTED]
    run(endpoint(scope_separator=",").client_credentials(scopes))
    assert form(transport.sent[0]).get("scope") == expected


@pytest.mark.parametrize(
    ("error", "outcome_known"),
    [
        (UnavailableError("no connection", retry_after=3.0), True),
        (OutcomeUnknownError("no answer"), False),
        (UnexpectedResponseError("too large"), False),
    ],
)
def test_no_answer_is_transient_and_may_leave_the_outcome_unknown(
    endpoint, transport, error, outcome_known
) -> None:
    transport.replies = [error]
    with pytest.raises(TokenEndpointError) as caught:
        run(endpoint().refresh(Secret.value("canary-refresh")))
    assert caught.value.verdict == "transient"
    assert caught.value.outcome_known is outcome_known
    assert caught.value.retry_after == error.retry_after
    assert caught.value.__context__ is None


def test_not_even_a_traceback_with_its_variables_shows_the_request(endpoint, transport) -> None:
    transport.replies = [
        OutcomeUnknownError("no answer"),
        (400, "application/json", b'{"error": "x", "error_description": "canary-refresh"}'),
    ]
    for _ in range(2):
        with pytest.raises(TokenEndpointError) as caught:
            run(endpoint().refresh(Secret.value("canary-refresh")))
        trace = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
        frames = [frame for frame in trace.stack if "hardpoint/oauth" in frame.filename]
        assert frames
        assert "canary" not in "".join(str(frame.locals) for frame in frames)


def test_a_grant_is_given_back(endpoint, transport) -> None:
    transport.replies = [EMPTY]
    at = "https://acme.example/revoke"
    assert run(endpoint(revocation_url=at).revoke(Secret.value("r1"))) is True
    assert form(transport.sent[0]) == {"token": "r1", "token_type_hint": "refresh_token"}
    assert transport.sent[0].url == at


@pytest.mark.parametrize("body", [b"", b"OK", b"<html>bye</html>", b'{"error": "odd"}', b"null"])
def test_a_revocation_that_is_answered_with_200_is_done_whatever_else_is_said(
    endpoint, transport, body
) -> None:
    transport.replies = [(200, "text/html", body)]
    one = endpoint(revocation_url="https://acme.example/revoke")
    assert run(one.revoke(Secret.value("r1"))) is True


def test_who_refuses_with_200_is_read(endpoint, transport) -> None:
    at = {"revocation_url": "https://acme.example/revoke", "ok_field": "ok"}
    transport.replies = [
        (200, "application/json", b'{"ok": false, "error": "invalid_client"}'),
        (200, "application/json", b'{"ok": true}'),
        EMPTY,
    ]
    with pytest.raises(TokenEndpointError):
        run(endpoint(**at).revoke(Secret.value("r1")))
    assert run(endpoint(**at).revoke(Secret.value("r1"))) is True
    assert run(endpoint(**at).revoke(Secret.value("r1"))) is True


def test_a_grant_is_given_back_under_the_token_itself(endpoint, transport) -> None:
    transport.replies = [(200, "application/json", b'{"ok": true}')]
    one = endpoint(revocation_url="https://acme.example/x", revocation=Revocation.BEARER)
    assert run(one.revoke(Secret.value("a1"))) is True
    assert ("authorization", "Bearer a1") in transport.sent[0].headers


def test_a_grant_is_deleted_by_the_access_token_where_the_provider_wants_that(
    endpoint, transport, clock
) -> None:
    transport.replies = [(204, "", b"")] * 2
    facts = {
        "revocation_url": "https://acme.example/apps/CLIENT_ID/grant",
        "revocation": Revocation.DELETE,
    }
    tokens = Tokens(access=Secret.value("a1"), refresh=Secret.value("r1"), issued_at=clock.now())
    assert run(endpoint(**facts).give_back(tokens)) is True
    (request,) = transport.sent
    assert (request.method, request.url) == ("DELETE", "https://acme.example/apps/us/grant")
    assert json.loads(request.body) == {"access_token": "a1"}
    pair = base64.b64encode(b"us:canary-client-secret").decode()
    assert ("authorization", f"Basic {pair}") in request.headers
    public = endpoint(secret=None, client_auth=ClientAuth.NONE, **facts)
    assert run(public.give_back(tokens)) is True
    assert "authorization" not in dict(transport.sent[1].headers)


def test_what_cannot_be_given_back_is_said_so(endpoint, transport) -> None:
    assert run(endpoint().revoke(Secret.value("r1"))) is False
    transport.replies = [(503, "text/html", b"")]
    with pytest.raises(TokenEndpointError):
        run(endpoint(revocation_url="https://acme.example/x").revoke(Secret.value("r1")))


@pytest.mark.parametrize("active", [True, False])
def test_a_token_is_asked_about_without_using_it(endpoint, transport, active) -> None:
    transport.replies = [(200, "application/json", json.dumps({"active": active}).encode())]
    asking = endpoint(introspection_url="https://acme.example/introspect")
    assert run(asking.introspect(Secret.value("r1"))) is active


def test_a_provider_that_cannot_tell_is_not_believed(endpoint, transport) -> None:
    assert run(endpoint().introspect(Secret.value("r1"))) is None
    transport.replies = [(200, "application/json", b'{"active": "yes"}')]
    with pytest.raises(TokenEndpointError, match="does not say"):
        run(endpoint(introspection_url="https://acme.example/i").introspect(Secret.value("r1")))
