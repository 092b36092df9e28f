"""What we sign is what the vendor's own library signs, byte for byte."""

import json
import re
from base64 import b64decode
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import boto3
import pytest
from botocore import auth, signers
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from hypothesis import assume, given
from hypothesis import strategies as st

from hardpoint.core.secrets import Secret
from hardpoint.http.sigv4 import SigV4Signer
from hardpoint.providers.aws import S3
from hardpoint.providers.aws.storage import S3Storage
from hardpoint.providers.aws.wire import encoded
from hardpoint.runtime.blocking import run
from hardpoint.storage.types import PostPolicy, SignedUse

NOW = 1_800_000_000.25
ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
REGION = "eu-central-1"
TOKENS = [None, "token/with+signs=="]

texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1)
keys = st.lists(texts, min_size=1, max_size=3).map("/".join)
visible = st.from_regex(re.compile(r"[!-~]([ -~]{0,20}[!-~])?", re.ASCII), fullmatch=True)


def ours(token=None, **options):
    facts = {"service": "s3", "path_as_sent": True, **options}
    return SigV4Signer(
        access_key_id=ACCESS_KEY,
        secret_access_key=Secret.value(SECRET),
        session_token=None if token is None else Secret.value(token),
        region=REGION,
        **facts,
    )


def theirs(token=None):
    return Credentials(ACCESS_KEY, SECRET, token)


@pytest.fixture(autouse=True)
def _their_clock(monkeypatch):
    moment = datetime.fromtimestamp(int(NOW), UTC)
    for module in (auth, signers):
        monkeypatch.setattr(module, "get_current_datetime", lambda: moment)


def their_headers(method, url, headers, body, token):
    request = AWSRequest(method=method, url=url, data=body, headers=dict(headers))
    request.context["payload_signing_enabled"] = True
    auth.S3SigV4Auth(theirs(token), "s3", REGION).add_auth(request)
    return {name.lower(): value for name, value in request.headers.items()}


@pytest.mark.parametrize("token", TOKENS)
@given(
    key=keys,
    method=st.sampled_from(["GET", "PUT", "HEAD", "DELETE", "POST"]),
    query=st.lists(
        st.tuples(st.sampled_from(["uploads", "prefix", "uploadId", "list-type"]), texts),
        unique_by=lambda pair: pair[0],
    ),
    metadata=visible,
    body=st.binary(max_size=64),
)
def test_a_request_is_signed_as_the_official_library_signs_it(token, **drawn):
    key, method, query = drawn["key"], drawn["method"], drawn["query"]
    metadata, body = drawn["metadata"], drawn["body"]
    url = f"https://bucket.s3.{REGION}.amazonaws.com/{encoded(key)}"
    if query:
        url += f"?{urlencode(query, quote_via=quote, safe='')}"
    headers = [("content-type", "text/plain"), ("x-amz-meta-note", metadata)]
    signed = dict(ours(token).headers(method, url, headers, body, now=NOW))
    expected = their_headers(method, url, headers, body, token)
    assert signed["authorization"].replace(",", ", ") == expected["authorization"]
    assert signed["x-amz-date"] == expected["x-amz-date"]
    assert signed["x-amz-content-sha256"] == expected["x-amz-content-sha256"]
    assert signed.get("x-amz-security-token") == expected.get("x-amz-security-token")


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("service", ["sqs", "sns", "lambda"])
@given(key=keys, body=st.binary(max_size=64))
def test_other_services_requests_are_signed_as_the_official_library_signs_them(
    token, service, key, body
):
    url = f"https://{service}.{REGION}.amazonaws.com/2015-03-31/{encoded(key.strip('./') or 'a')}"
    headers = [("content-type", "application/json")]
    assume("//" not in urlsplit(url).path)  # the library rewrites such paths, and sends them as is
    assume(not {".", ".."} & set(urlsplit(url).path.split("/")))
    signed = dict(
        ours(token, service=service, path_as_sent=False).headers(
            "POST", url, headers, body, now=NOW
        )
    )
    request = AWSRequest(method="POST", url=url, data=body, headers=dict(headers))
    auth.SigV4Auth(theirs(token), service, REGION).add_auth(request)
    expected = {name.lower(): value for name, value in request.headers.items()}
    assert signed["authorization"].replace(",", ", ") == expected["authorization"]
    assert "x-amz-content-sha256" not in signed


def official(token, style="virtual"):
    return boto3.client(
        "s3",
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET,
        aws_session_token=token,
        config=Config(signature_version="s3v4", s3={"addressing_style": style}),
    )


def storage(token, *, path_style=False):
    return S3Storage(
        None,
        S3(
            bucket="shop-files",
            region=REGION,
            access_key_id=ACCESS_KEY,
            secret_access_key=Secret.value(SECRET),
            session_token=None if token is None else Secret.value(token),
            path_style=path_style,
        ),
    )


def parts(url):
    split = urlsplit(url)
    return (
        split.scheme,
        split.netloc,
        split.path,
        dict(parse_qsl(split.query, keep_blank_values=True)),
    )


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("key", ["a", "a b/ü+%~&=?#.txt", "x" * 1000])
@pytest.mark.parametrize(
    ("method", "verb", "content_type"),
    [
        ("GET", "get_object", None),
        ("HEAD", "head_object", None),
        ("DELETE", "delete_object", None),
        ("PUT", "put_object", None),
        ("PUT", "put_object", "text/plain; charset=utf-8"),
    ],
)
def test_a_url_is_signed_as_the_official_library_signs_it(token, key, method, verb, content_type):
    params = {"Bucket": "shop-files", "Key": key}
    if content_type is not None:
        params["ContentType"] = content_type
    client = official(token)
    expected = client.generate_presigned_url(verb, Params=params, ExpiresIn=900)
    client.close()
    use = SignedUse(key=key, method=method, expires=900, content_type=content_type)
    url = run(storage(token).sign_url(use, now=NOW))
    assert parts(url) == parts(expected)


def test_a_url_that_says_how_the_answer_is_described_is_signed_alike():
    params = {"Bucket": "shop-files", "Key": "a"}
    params |= {"ResponseContentDisposition": 'attachment; filename="a.pdf"'}
    params |= {"ResponseCacheControl": "no-store"}
    client = official(None)
    expected = client.generate_presigned_url("get_object", Params=params, ExpiresIn=900)
    client.close()
    said = {"disposition": params["ResponseContentDisposition"], "cache_control": "no-store"}
    url = run(storage(None).sign_url(SignedUse(key="a", expires=900, **said), now=NOW))
    assert parts(url) == parts(expected)


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("content_type", [None, "image/png"])
@pytest.mark.parametrize("key", ["a", 'b "c"/ü.png'])
def test_a_form_is_signed_as_the_official_library_signs_it(token, content_type, key):
    fields = {} if content_type is None else {"Content-Type": content_type}
    client = official(token)
    expected = client.generate_presigned_post(
        "shop-files",
        key,
        Fields=dict(fields),
        Conditions=[["content-length-range", 1, 1000], *([fields] if fields else [])],
        ExpiresIn=900,
    )
    client.close()
    policy = PostPolicy(key=key, size_min=1, size_max=1000, content_type=content_type)
    post = run(storage(token).sign_post(policy, now=NOW, expires=900))
    assert post.url == expected["url"]
    assert dict(post.fields) == expected["fields"]
    document = json.loads(b64decode(post.fields["policy"]))
    assert ["content-length-range", 1, 1000] in document["conditions"]


def test_a_secret_rotates_without_a_new_signer(monkeypatch):
    monkeypatch.setenv("HP_S3", SECRET)
    signer = SigV4Signer(
        access_key_id=ACCESS_KEY,
        secret_access_key=Secret.env("HP_S3"),
        session_token=None,
        region=REGION,
        service="s3",
    )
    before = signer.headers("GET", "https://bucket.example/", (), b"", now=NOW)
    monkeypatch.setenv("HP_S3", "another")
    after = signer.headers("GET", "https://bucket.example/", (), b"", now=NOW)
    assert dict(before)["authorization"] != dict(after)["authorization"]
    assert "another" not in repr(after)


def test_the_secrets_that_must_not_be_shown_are_told():
    assert ours().secrets() == (SECRET,)
    assert ours("token").secrets() == (SECRET, "token")
