"""What a caller has to know of the fakes that stand in the place of any API."""

from typing import Final

from hardpoint.fakes.vendors import VendorFacts

DESCRIBED: Final = VendorFacts(
    settings={"auth": "bearer", "key": "fake-key"},
    instead=(
        "authorities",
        "certificate",
        "certificate_key",
        "header",
        "prefix",
        "session_token",
        "signing",
        "token_secret",
        "user",
    ),
)
"""They are called with a bearer's key, however the API itself is proved, and below no path."""
