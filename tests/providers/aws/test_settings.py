import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.secrets import Secret
from hardpoint.providers.aws import S3

GOOD = {
    "bucket": "shop-files",
    "region": "eu-central-1",
    "access_key_id": "AKIAIOSFODNN7EXAMPLE",
    "secret_access_key": Secret.value("secret/key+"),
}


@pytest.mark.rows
def test_the_bucket_has_an_address(changes, url):
    assert S3(**(GOOD | changes)).base_url == url


@pytest.mark.rows
def test_what_the_keys_must_not_be_used_with_is_refused(changes, key):
    with pytest.raises(ConfigurationError) as caught:
        S3(**(GOOD | changes))
    assert caught.value.key == key


def test_temporary_credentials_have_a_token():
    settings = S3(**(GOOD | {"access_key_id": "ASIA1", "session_token": Secret.value("t")}))
    assert "secret/key" not in repr(settings)
