"""The same for what is kept: a token, a file, a log."""

import asyncio
import logging
import time
from datetime import date
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from tests.acceptance.conftest import by_hand, ours

from hardpoint.calls.connection import Connection
from hardpoint.core.errors import (
    AlreadyExistsError,
    InvalidRequestError,
)
from hardpoint.core.secrets import Secret
from hardpoint.fakes.authorization import FakeAuthorization
from hardpoint.fakes.server import FakeServer
from hardpoint.http.asynchronous import AsyncTransport
from hardpoint.oauth.catalogue import Client, ProviderEntry, RefreshRotation
from hardpoint.oauth.keyring import Keyring
from hardpoint.oauth.tokens import Tokens
from hardpoint.oauth.vault import Vault
from hardpoint.providers.aws import S3
from hardpoint.providers.aws.fake import ACCESS_KEY_ID, BUCKET, REGION, SECRET_ACCESS_KEY, FakeS3
from hardpoint.providers.aws.storage import S3Storage
from hardpoint.providers.filesystem import Filesystem
from hardpoint.providers.filesystem.calls import ThreadedCalls
from hardpoint.providers.filesystem.storage import FilesystemStorage
from hardpoint.providers.stripe.fake import SECRET_KEY
from hardpoint.runtime.asynchronous import AsyncRuntime
from hardpoint.storage.api import ObjectStore


@pytest.fixture
def login():
    """A login at a provider that takes a refresh token's second use for a theft (RFC 9700)."""
    with FakeServer(FakeAuthorization(rotation="strict")) as server:
        yield Login(server)


class Login:
    def __init__(self, server):
        self.vendor = server.app
        self.url = f"{server.url}/token"
        self.granted = self.vendor.grant()

    def by_hand(self):
        """What a program has when it starts: the refresh token of its configuration."""
        return by_hand("A token").Tokens(self.post, self.granted["refresh_token"])

    async def post(self, **form):
        async with httpx2.AsyncClient() as client:
            reply = await client.post(self.url, data=form, auth=("client", "client-secret"))
        reply.raise_for_status()
        return reply.json()

    def vault(self, folder):
        entry = ProviderEntry(
            name="acme",
            authorize_url=self.url,
            token_url=self.url,
            api_hosts=frozenset({"api.acme.example"}),
            rotation=RefreshRotation.STRICT,
            verified_on=date(2026, 11, 28),
            sources=("https://www.rfc-editor.org/rfc/rfc9700",),
        )
        secret = Secret.value("client-secret")
        client = Client(entry=entry, client_id="client", client_secret=secret)
        keyring = Keyring(Secret.value("k1:" + "A" * 43 + "="))
        return Vault(folder / "vault.db", keyring, {"acme": client})

    async def keep(self, vault):
        """The tokens of a login whose access token has just ended."""
        now = time.time()
        tokens = Tokens(
            access=Secret.value(self.granted["access_token"]),
            refresh=Secret.value(self.granted["refresh_token"]),
            issued_at=now - 3601,
            expires_at=now - 1,
        )
        await vault.put("calendar", tokens, client="acme")


async def two(call):
    return await asyncio.gather(call(), call(), return_exceptions=True)


class TestAToken:
    def test_by_hand_two_refreshes_at_a_time_revoke_the_login(self, login):
        tokens = login.by_hand()
        outcomes = asyncio.run(two(tokens.get))
        assert any(isinstance(one, httpx2.HTTPError) for one in outcomes)
        assert not login.vendor.alive()

    def test_by_hand_a_restart_presents_the_old_refresh_token(self, login):
        asyncio.run(login.by_hand().get())
        with pytest.raises(httpx2.HTTPError):
            asyncio.run(login.by_hand().get())
        assert not login.vendor.alive()

    def test_our_refresh_is_one_whoever_asks_and_whatever_restarts(self, login, tmp_path):
        token = ours("A token").token

        async def first():
            async with login.vault(tmp_path) as vault:
                await login.keep(vault)
                return await two(lambda: token(vault))

        async def restarted():
            async with login.vault(tmp_path) as vault:
                await vault.refresh("calendar")
                return await token(vault)

        one, other = asyncio.run(first())
        assert one == other
        assert asyncio.run(restarted()) != one
        assert login.vendor.alive()
        assert login.vendor.ledger.count("refresh") == 2


class Bucket:
    def __init__(self):
        self.objects = {}

    async def exists(self, key):
        found = key in self.objects
        await asyncio.sleep(0)
        return found

    async def put(self, key, data):
        self.objects.setdefault(key, []).append(data)


class TestAFile:
    def test_by_hand_a_name_leads_out_of_the_folder(self, tmp_path):
        folder = tmp_path / "uploads"
        folder.mkdir()
        by_hand("A file").save(folder, "../passwords", b"mine")
        assert (tmp_path / "passwords").read_bytes() == b"mine"

    def test_by_hand_of_two_uploads_one_is_lost(self):
        bucket = Bucket()
        publish = by_hand("A file").publish

        async def both():
            await asyncio.gather(*(publish(bucket, "invoice", data) for data in (b"a", b"b")))

        asyncio.run(both())
        assert bucket.objects["invoice"] == [b"a", b"b"]

    def test_our_keys_stay_in_the_folder(self, tmp_path):
        folder = tmp_path / "uploads"
        folder.mkdir()
        settings = Filesystem(path=folder)
        driver = FilesystemStorage(ThreadedCalls(settings), settings)
        files = ObjectStore(driver, Connection("files", AsyncRuntime()))
        with pytest.raises(InvalidRequestError):
            asyncio.run(ours("A file").publish(files, "../passwords", b"mine"))
        assert list(tmp_path.iterdir()) == [folder]

    def test_our_second_upload_is_told_that_there_is_one(self, bucket):
        publish = ours("A file").publish

        async def both(files):
            calls = (publish(files, "invoice", data) for data in (b"a", b"b"))
            outcomes = await asyncio.gather(*calls, return_exceptions=True)
            return [type(one) for one in outcomes]

        assert sorted(bucket(both), key=str) == [type(None), AlreadyExistsError]

    def test_by_hand_a_link_in_the_database_is_a_credential_and_dead_after_a_week(self):
        import boto3
        from botocore.config import Config

        s3 = boto3.client(
            "s3",
            region_name=REGION,
            aws_access_key_id=ACCESS_KEY_ID,
            aws_secret_access_key=SECRET_ACCESS_KEY,
            config=Config(signature_version="s3v4"),
        )
        user = {}
        by_hand("A file", BUCKET=BUCKET).avatar(s3, user, "jenny.png")
        assert life(user["avatar"]) == 7 * 24 * 3600

    def test_our_link_is_made_when_it_is_asked_for(self, bucket):
        user = {"avatar": "jenny.png"}
        link = bucket(lambda files: ours("A file").avatar(files, user))
        assert life(link) == 300
        assert user == {"avatar": "jenny.png"}


def life(link):
    """Seconds for which a link opens the file, by what is signed in it."""
    query = parse_qs(urlsplit(link).query)
    assert query["X-Amz-Signature"]
    return int(query["X-Amz-Expires"][0])


@pytest.fixture
def bucket():
    """Gives what is made of our store over a bucket."""
    with FakeServer(FakeS3()) as server:
        settings = S3(
            bucket=BUCKET,
            region=REGION,
            access_key_id=ACCESS_KEY_ID,
            secret_access_key=Secret.value(SECRET_ACCESS_KEY),
            endpoint_url=server.url,
        )

        async def run(use):
            async with AsyncTransport() as transport:
                connection = Connection("files", AsyncRuntime())
                return await use(ObjectStore(S3Storage(transport, settings), connection))

        yield lambda use: asyncio.run(run(use))


class TestALog:
    def test_by_hand_the_secret_key_is_in_the_log(self, caplog):
        code = by_hand("A log")
        with caplog.at_level(logging.WARNING):
            code.start(code.Settings(secret_key=SECRET_KEY))
        assert SECRET_KEY in caplog.text

    def test_our_secret_is_masked(self, caplog):
        with caplog.at_level(logging.WARNING):
            ours("A log").start(SECRET_KEY)
        assert "starting with" in caplog.text
        assert SECRET_KEY not in caplog.text
