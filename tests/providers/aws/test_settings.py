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


@pytest.mark.parametrize(
    ("changes", "url"),
    [
        ({}, "https://shop-files.s3.eu-central-1.amazonaws.com"),
        ({"path_style": True}, "https://s3.eu-central-1.amazonaws.com/shop-files"),
        ({"bucket": "shop.files"}, "https://s3.eu-central-1.amazonaws.com/shop.files"),
        ({"region": "cn-north-1"}, "https://shop-files.s3.cn-north-1.amazonaws.com.cn"),
        ({"endpoint_url": "http://127.0.0.1:9000"}, "http://127.0.0.1:9000/shop-files"),
        (
            {
                "endpoint_url": "https://s3-fips.us-east-1.amazonaws.com/",
                "path_style": False,
            },
            "https://shop-files.s3-fips.us-east-1.amazonaws.com",
        ),
        (
            {"endpoint_url": "https://fsn1.example.com", "compatible_host": "fsn1.example.com"},
            "https://fsn1.example.com/shop-files",
        ),
    ],
)
def test_the_bucket_has_an_address(changes, url):
    assert S3(**(GOOD | changes)).base_url == url


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"bucket": "Shop"}, "bucket"),
        ({"bucket": "ab"}, "bucket"),
        ({"bucket": "shop/files"}, "bucket"),
        ({"bucket": "shop..files"}, "bucket"),
        ({"bucket": "xn--shop"}, "bucket"),
        ({"bucket": "shop-files\n"}, "bucket"),
        ({"region": ""}, "region"),
        ({"region": "evil.example/"}, "region"),
        ({"access_key_id": ""}, "access_key_id"),
        ({"access_key_id": "AKIA/us-east-1"}, "access_key_id"),
        ({"access_key_id": "ASIAEXAMPLE"}, "session_token"),
        ({"secret_access_key": Secret.value("with blank")}, "secret_access_key"),
        ({"session_token": Secret.value("line\nbreak")}, "session_token"),
        ({"endpoint_url": "http://s3.amazonaws.com"}, "endpoint_url"),
        ({"endpoint_url": "https://evil.example"}, "endpoint_url"),
        ({"endpoint_url": "https://evilamazonaws.com"}, "endpoint_url"),
        ({"endpoint_url": "https://s3.amazonaws.com.evil.example"}, "endpoint_url"),
        ({"endpoint_url": "https://s3.amazonaws.com@evil.example"}, "endpoint_url"),
        ({"endpoint_url": "https://s3.amazonaws.com/bucket"}, "endpoint_url"),
        ({"endpoint_url": "https://s3.amazonaws.com?x"}, "endpoint_url"),
        (
            {"endpoint_url": "https://evil.example", "compatible_host": "good.example"},
            "endpoint_url",
        ),
        (
            {"endpoint_url": "http://good.example", "compatible_host": "good.example"},
            "endpoint_url",
        ),
        ({"compatible_host": "good.example"}, "compatible_host"),
    ],
)
def test_what_the_keys_must_not_be_used_with_is_refused(changes, key):
    with pytest.raises(ConfigurationError) as caught:
        S3(**(GOOD | changes))
    assert caught.value.key == key


def test_temporary_credentials_have_a_token():
    settings = S3(**(GOOD | {"access_key_id": "ASIA1", "session_token": Secret.value("t")}))
    assert "secret/key" not in repr(settings)
