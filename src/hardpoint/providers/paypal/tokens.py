"""The token for PayPal's API; https://developer.paypal.com/api/rest/authentication/.

By client credentials; how long one is good for, its answer says.
"""

from datetime import date

from hardpoint.http.messages import Transport
from hardpoint.oauth.catalogue import Client, ProviderEntry
from hardpoint.oauth.client_tokens import ClientTokens
from hardpoint.oauth.endpoint import TokenEndpoint
from hardpoint.providers.paypal import HOSTS, PayPal
from hardpoint.runtime.clocks import SystemClock


def authorization(transport: Transport, settings: PayPal) -> ClientTokens:
    """What carries it, for the driver of one app."""
    entry = ProviderEntry(
        name="paypal",
        authorize_url="",
        token_url=f"{settings.base_url.rstrip('/')}/v1/oauth2/token",
        api_hosts=HOSTS,
        verified_on=date(2026, 12, 1),
        sources=("https://developer.paypal.com/api/rest/authentication/",),
    )
    us = Client(
        entry=entry,
        client_id=settings.client_id,
        client_secret=settings.client_secret,
        for_itself=True,
    )
    clock = SystemClock()
    return ClientTokens(TokenEndpoint(transport, us, clock), clock)
