import hmac
from urllib.parse import quote_plus

import pytest

from hardpoint.core.errors import MalformedRequestError, MissingSignatureError
from hardpoint.webhooks import Verified, WebhookRequest, scheme
from hardpoint.webhooks.verification import Replay

SECRET = "mysecret"
BODY = b'{"foo":"bar"}'
# octokit/webhooks-methods.js, test/verify.test.ts
SIGNATURE = "sha256=4864d2759938a15468b5df9ade20bf161da9b4f737ea61794142f3484236bda3"
DELIVERY = "72d3162e-cc78-11e3-81ab-4c9367dc0958"


def request(
    body: bytes = BODY,
    *,
    signature: str = SIGNATURE,
    delivery: str = DELIVERY,
    event: str = "push",
    more: tuple[tuple[str, str], ...] = (),
) -> WebhookRequest:
    headers = [
        ("X-GitHub-Event", event),
        ("X-GitHub-Delivery", delivery),
        ("X-Hub-Signature-256", signature),
        *more,
    ]
    return WebhookRequest(headers=headers, body=body)


def verified(given_request: WebhookRequest, *secrets: str) -> Verified:
    return scheme("github", secrets=secrets or [SECRET]).verify(given_request, now=0)


def signed(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, "sha256").hexdigest()


def test_the_vectors_verify() -> None:
    assert verified(request()).events
    # github/docs, validating-webhook-deliveries.md
    docs = request(
        b"Hello, World!",
        signature="sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
    )
    result = verified(docs, "It's a Secret to Everybody")
    assert result.malformed, "its signature holds, and it is no JSON"


def test_id_and_type_come_from_headers_and_are_only_asserted() -> None:
    result = verified(request())
    (event,) = result.events
    assert (event.id, event.type, event.account, event.asserted) == (DELIVERY, "push", None, True)
    assert (result.key, result.signed_at) == (0, None)
    (other,) = verified(request(delivery="another", event="ping")).events
    assert (other.id, other.type) == ("another", "ping"), "the signature says nothing of them"
    assert scheme("github", secrets=[SECRET]).replay is Replay.NONE


def test_signing_makes_the_vector_with_the_newest_secret() -> None:
    made = scheme("github", secrets=[SECRET, "old"]).sign(
        BODY, now=1, event_id=DELIVERY, event_type="push"
    )
    assert made == [
        ("X-GitHub-Event", "push"),
        ("X-GitHub-Delivery", DELIVERY),
        ("X-Hub-Signature-256", SIGNATURE),
    ]


def test_sha_1_alone_is_refused() -> None:
    sha1 = "sha1=" + hmac.new(SECRET.encode(), BODY, "sha1").hexdigest()
    only = WebhookRequest(
        headers=[
            ("X-GitHub-Event", "push"),
            ("X-GitHub-Delivery", DELIVERY),
            ("X-Hub-Signature", sha1),
        ],
        body=BODY,
    )
    with pytest.raises(MissingSignatureError, match="SHA-1 is not accepted"):
        verified(only)
    with pytest.raises(MalformedRequestError):
        verified(request(signature=sha1))
    assert verified(request(more=(("X-Hub-Signature", "sha1=anything"),))).events


def test_no_signature_is_refused() -> None:
    with pytest.raises(MissingSignatureError) as caught:
        verified(WebhookRequest(headers=[("X-GitHub-Event", "push")], body=BODY))
    assert "SHA-1" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "a b", "a\n", "x" * 257, "caf\u00e9", "<script>", "a/b"])
def test_an_asserted_name_outside_the_grammar_is_refused(name: str) -> None:
    with pytest.raises(MalformedRequestError, match="delivery"):
        verified(request(delivery=name))
    with pytest.raises(MalformedRequestError, match="event"):
        verified(request(event=name))


@pytest.mark.parametrize("missing", ["X-GitHub-Event", "X-GitHub-Delivery"])
def test_an_asserted_name_is_needed_once(missing: str) -> None:
    three = [
        ("X-GitHub-Event", "push"),
        ("X-GitHub-Delivery", DELIVERY),
        ("X-Hub-Signature-256", SIGNATURE),
    ]
    without = [pair for pair in three if pair[0] != missing]
    with pytest.raises(MalformedRequestError, match="missing"):
        verified(WebhookRequest(headers=without, body=BODY))
    with pytest.raises(MalformedRequestError, match="twice"):
        verified(WebhookRequest(headers=[*three, (missing, "push")], body=BODY))


def test_a_form_is_verified_over_its_bytes_and_read_by_its_payload() -> None:
    form = b"payload=" + quote_plus('{"zen": "caf\u00e9 & more"}').encode()
    assert verified(request(form, signature=signed(form))).events
    more = form + b"&other=1"
    assert verified(request(more, signature=signed(more))).events


def test_a_secret_of_raw_bytes_from_the_environment_is_taken_as_those_bytes() -> None:
    secret = b"\xfe\xff".decode(errors="surrogateescape")
    signature = "sha256=" + hmac.new(b"\xfe\xff", BODY, "sha256").hexdigest()
    assert verified(request(signature=signature), secret).events


def test_a_clue_names_the_hook() -> None:
    bound = scheme("github", secrets=[SECRET])
    assert "Hook 123 " in (bound.clue(request(more=(("X-GitHub-Hook-ID", "123"),))) or "")
    assert bound.clue(request()) is None
    assert bound.clue(request(more=(("X-GitHub-Hook-ID", "<b>"),))) is None
