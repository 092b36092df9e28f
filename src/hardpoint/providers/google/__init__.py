"""Google: signing in, connected accounts, and a bucket of Cloud Storage.

Unit cost: adapter, since it signs people in, gets tokens in three ways, and signs URLs in two;
fake, since it keeps objects, generations and uploads; tests, since the vendor's own library is
asked about each of these.
"""

from hardpoint.core.providers import Provider

PROVIDER = Provider(
    name="google",
    title="Google",
    verified="2026-12-01",
    tokens=("google", "x-goog-", "goog4"),
    docs="https://cloud.google.com/storage/docs/json_api",
    settings="hardpoint.providers.google.bucket:CloudStorage",
    ports={"storage": "hardpoint.providers.google.storage:GoogleStorage"},
    errors="hardpoint.providers.google.errors:ERRORS",
    fake="hardpoint.providers.google.fake:FakeStorage",
    login="hardpoint.providers.google.oauth:LOGIN",
    connect="hardpoint.providers.google.oauth:CONNECT",
)
