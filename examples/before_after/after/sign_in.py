"""State, PKCE, nonce and every claim checked; sessions that can be revoked."""

from shop import hub
from starlette.applications import Starlette

from hardpoint.integrations.starlette import SignIn

signin = SignIn(hub.accounts, on_login=lambda identity: identity.subject)
app = Starlette(routes=signin.routes())
