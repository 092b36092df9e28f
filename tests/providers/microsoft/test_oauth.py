import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.oauth.catalogue import RefreshRotation
from hardpoint.providers.microsoft.oauth import CONNECT, LOGIN

TENANT = "9188040d-6c67-4c5b-b112-36a304b66dad"


@pytest.mark.parametrize("tenant", ["common", "organizations", TENANT, "acme.onmicrosoft.com"])
def test_a_tenant_fills_every_address(tenant):
    filled = LOGIN.filled({"tenant": tenant})
    at = f"https://login.microsoftonline.com/{tenant}/"
    assert filled.authorize_url == f"{at}oauth2/v2.0/authorize"
    assert filled.jwks_url == f"{at}discovery/v2.0/keys"
    assert filled.issuer == "https://login.microsoftonline.com/{tid}/v2.0"


@pytest.mark.parametrize("tenant", ["", "../evil", "evil.example", "COMMON", f"{TENANT}/x", "a b"])
def test_what_is_no_tenant_fills_none(tenant):
    with pytest.raises(ConfigurationError):
        LOGIN.filled({"tenant": tenant})


def test_connecting_asks_for_a_refresh_token_whose_predecessor_keeps_working():
    assert "offline_access" in CONNECT.scopes
    assert "offline_access" not in LOGIN.scopes
    assert CONNECT.rotation is RefreshRotation.STATIC
    assert CONNECT.revocation_url is None
