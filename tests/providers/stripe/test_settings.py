import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.secrets import Secret
from hardpoint.providers.stripe import Stripe


@pytest.mark.parametrize("key", ["sk_test_a", "rk_test_a"])
def test_a_secret_or_restricted_key_of_test_mode_is_taken(key):
    assert Stripe(secret_key=Secret.value(key)).base_url == "https://api.stripe.com"


def test_a_live_key_is_taken_when_live_is_meant():
    assert Stripe(secret_key=Secret.value("sk_live_a"), live=True).live


@pytest.mark.parametrize("key", ["pk_test_a", "whsec_a", "sk_a", "nonsense", "sk_prod_a"])
def test_what_is_no_secret_key_is_refused_without_showing_it(key):
    with pytest.raises(ConfigurationError, match="is not a secret key") as caught:
        Stripe(secret_key=Secret.value(key))
    assert caught.value.key == "secret_key"
    assert key not in str(caught.value)


@pytest.mark.parametrize(("key", "live"), [("sk_test_a", True), ("sk_live_a", False)])
def test_a_key_of_the_other_mode_is_refused(key, live):
    with pytest.raises(ConfigurationError, match="key, but live is"):
        Stripe(secret_key=Secret.value(key), live=live)


def test_a_missing_key_is_refused():
    with pytest.raises(ConfigurationError, match="not set"):
        Stripe(secret_key=Secret.env("NO_SUCH_STRIPE_KEY"))


def test_an_account_is_a_connected_account():
    key = Secret.value("sk_test_a")
    assert Stripe(secret_key=key, account="acct_1").account == "acct_1"
    with pytest.raises(ConfigurationError, match="not a connected account"):
        Stripe(secret_key=key, account="1")
