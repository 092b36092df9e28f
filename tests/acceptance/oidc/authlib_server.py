"""An OpenID provider made of Authlib, on loopback, for tests; it knows nothing of hardpoint.

    python authlib_server.py '{"redirect_uris": ["https://shop.example/auth/callback/acme"]}'

Prints {"issuer": "http://127.0.0.1:PORT"} and serves until its stdin ends. Nobody has to click:
`login_hint` names the person, or "deny". Refresh tokens rotate; one that comes back ends its grant.
The clients are shop (client_secret_basic), shop-post, shop-public and shop-key, whose public JWK is
the `key` that it is told of. GET /-/counts says how often each path was asked for.
"""

import collections
import json
import os
import sys
import threading
import time
import uuid
import warnings
from dataclasses import dataclass, field

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
warnings.simplefilter("ignore")

from authlib.integrations.flask_oauth2 import (  # noqa: E402
    AuthorizationServer,
    ResourceProtector,
)
from authlib.oauth2.rfc6749 import grants  # noqa: E402
from authlib.oauth2.rfc6750 import BearerTokenValidator  # noqa: E402
from authlib.oauth2.rfc7009 import RevocationEndpoint  # noqa: E402
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion  # noqa: E402
from authlib.oauth2.rfc7636 import CodeChallenge  # noqa: E402
from authlib.oauth2.rfc9207 import IssuerParameter  # noqa: E402
from authlib.oidc.core.grants import OpenIDCode as BaseOpenIDCode  # noqa: E402
from flask import Flask, jsonify, request  # noqa: E402
from joserfc.jwk import RSAKey, import_key  # noqa: E402
from werkzeug.serving import make_server  # noqa: E402

OPTIONS = json.loads(sys.argv[1])
KEY = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256", "kid": uuid.uuid4().hex})
CODES, TOKENS, JTIS = {}, [], set()


class Client:
    """The shop."""

    redirect_uris = OPTIONS["redirect_uris"]

    def __init__(self, name, method):
        self.name = name
        self.method = method

    def get_client_id(self):
        return self.name

    def get_default_redirect_uri(self):
        return self.redirect_uris[0]

    def get_allowed_scope(self, scope):
        return " ".join(one for one in scope.split() if one in SCOPES)

    def check_redirect_uri(self, redirect_uri):
        return redirect_uri in self.redirect_uris

    def check_client_secret(self, client_secret):
        return client_secret == "shop-secret"

    def check_endpoint_auth_method(self, method, endpoint):
        return method == self.method

    def check_response_type(self, response_type):
        return response_type == "code"

    def check_grant_type(self, grant_type):
        return grant_type in {"authorization_code", "refresh_token"}


SCOPES = ["openid", "offline_access", "email", "profile", "calendar"]
METHODS = ["client_secret_basic", "client_secret_post", "none", "private_key_jwt"]
NAMES = ("shop", "shop-post", "shop-public", "shop-key")
CLIENTS = {name: Client(name, method) for name, method in zip(NAMES, METHODS, strict=True)}


@dataclass
class Code:
    person: str
    redirect_uri: str
    scope: str
    nonce: str | None
    code_challenge: str | None
    code_challenge_method: str | None
    auth_time: int = field(default_factory=lambda: int(time.time()))

    def get_redirect_uri(self):
        return self.redirect_uri

    def get_scope(self):
        return self.scope

    def get_nonce(self):
        return self.nonce

    def get_auth_time(self):
        return self.auth_time

    def get_acr(self):
        return None

    def get_amr(self):
        return None


@dataclass
class Token:
    client: str
    person: str
    access_token: str
    refresh_token: str
    scope: str
    expires_at: float
    family: str
    spent: bool = False
    revoked: bool = False

    def check_client(self, client):
        return client.name == self.client

    def get_scope(self):
        return self.scope

    def get_expires_in(self):
        return self.expires_at - time.time()

    def is_expired(self):
        return self.get_expires_in() < 0

    def is_revoked(self):
        return self.revoked


def end(family):
    for token in TOKENS:
        token.revoked = token.revoked or token.family == family


def save_token(token, asked):
    old = getattr(asked, "refresh_token", None)
    TOKENS.append(
        Token(
            client=asked.client.name,
            person=asked.user,
            access_token=token["access_token"],
            refresh_token=token["refresh_token"],
            scope=token["scope"],
            expires_at=time.time() + token["expires_in"],
            family=old.family if isinstance(old, Token) else uuid.uuid4().hex,
        )
    )


class AuthorizationCode(grants.AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS

    def save_authorization_code(self, code, asked):
        given = asked.payload.data
        CODES[code] = Code(
            person=asked.user,
            redirect_uri=asked.payload.redirect_uri,
            scope=asked.payload.scope,
            nonce=given.get("nonce"),
            code_challenge=given.get("code_challenge"),
            code_challenge_method=given.get("code_challenge_method"),
        )
        return CODES[code]

    def query_authorization_code(self, code, client):
        return CODES.get(code)

    def delete_authorization_code(self, authorization_code):
        for code in [one for one, known in CODES.items() if known is authorization_code]:
            del CODES[code]

    def authenticate_user(self, authorization_code):
        return authorization_code.person


class RefreshToken(grants.RefreshTokenGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token):
        token = next((one for one in TOKENS if one.refresh_token == refresh_token), None)
        if token is not None and token.spent:
            end(token.family)
        return None if token is None or token.revoked or token.spent else token

    def authenticate_user(self, refresh_token):
        return refresh_token.person

    def revoke_old_credential(self, refresh_token):
        refresh_token.spent = True


class OpenIDCode(BaseOpenIDCode):
    def exists_nonce(self, nonce, asked):
        return any(code.nonce == nonce for code in CODES.values())

    def resolve_client_private_key(self, client):
        return KEY

    def get_client_algorithm(self, client):
        return "RS256"

    def get_encode_header(self, client):
        return {"alg": "RS256", "kid": KEY.kid}

    def get_client_claims(self, client):
        now = int(time.time())
        return {"iss": ISSUER, "aud": [client.name], "iat": now, "exp": now + 300}

    def generate_user_info(self, user, scope):
        return {"sub": user, "email": f"{user}@people.example", "email_verified": True}


class Revocation(RevocationEndpoint):
    CLIENT_AUTH_METHODS = METHODS

    def query_token(self, token_string, token_type_hint):
        known = (t for t in TOKENS if token_string in {t.access_token, t.refresh_token})
        return next(known, None)

    def revoke_token(self, token, asked):
        end(token.family)


class Known(BearerTokenValidator):
    def authenticate_token(self, token_string):
        return next((one for one in TOKENS if one.access_token == token_string), None)


class Issuer(IssuerParameter):
    def get_issuer(self):
        return ISSUER


app = Flask(__name__)
app.config["OAUTH2_REFRESH_TOKEN_GENERATOR"] = True
app.config["OAUTH2_SCOPES_SUPPORTED"] = SCOPES
server = AuthorizationServer(app, CLIENTS.get, save_token)


class Assertion(JWTBearerClientAssertion):
    CLIENT_AUTH_METHOD = "private_key_jwt"

    def get_audiences(self):
        return [ISSUER, f"{ISSUER}/token"]

    def validate_jti(self, claims, jti):
        again = jti in JTIS
        JTIS.add(jti)
        return not again

    def resolve_client_public_key(self, client):
        return import_key(OPTIONS["key"])


server.register_client_auth_method(Assertion.CLIENT_AUTH_METHOD, Assertion())
server.register_grant(AuthorizationCode, [OpenIDCode(require_nonce=False), CodeChallenge()])
server.register_grant(RefreshToken)
server.register_endpoint(Revocation)
server.register_extension(Issuer())
protect = ResourceProtector()
protect.register_token_validator(Known())


COUNTS = collections.Counter()


@app.before_request
def count():
    COUNTS[request.path] += 1


@app.get("/-/counts")
def counts():
    return jsonify(COUNTS)


@app.get("/authorize")
def authorize():
    person = request.args.get("login_hint", "ada")
    person = None if person == "deny" else person
    grant = server.get_consent_grant(end_user=person)
    return server.create_authorization_response(grant=grant, grant_user=person)


@app.post("/token")
def token():
    return server.create_token_response()


@app.post("/revoke")
def revoke():
    return server.create_endpoint_response("revocation")


@app.get("/me")
@protect()
def me():
    return jsonify(sub="known")


@app.get("/jwks")
def jwks():
    return jsonify(keys=[KEY.as_dict(private=False)])


@app.get("/.well-known/openid-configuration")
def configuration():
    return jsonify(
        issuer=ISSUER,
        authorization_endpoint=f"{ISSUER}/authorize",
        token_endpoint=f"{ISSUER}/token",
        revocation_endpoint=f"{ISSUER}/revoke",
        userinfo_endpoint=f"{ISSUER}/me",
        jwks_uri=f"{ISSUER}/jwks",
        response_types_supported=["code"],
        subject_types_supported=["public"],
        id_token_signing_alg_values_supported=["RS256"],
        token_endpoint_auth_methods_supported=METHODS,
        code_challenge_methods_supported=["S256"],
        scopes_supported=SCOPES,
        authorization_response_iss_parameter_supported=True,
    )


listener = make_server("127.0.0.1", 0, app, threaded=True)
ISSUER = f"http://127.0.0.1:{listener.server_port}"
threading.Thread(target=listener.serve_forever, daemon=True).start()
sys.stdout.write(json.dumps({"issuer": ISSUER}) + "\n")
sys.stdout.flush()
sys.stdin.read()
