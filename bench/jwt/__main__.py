"""Measure what checking an ID token costs, beside bare joserfc and the signature alone.

    python -m bench.jwt [--rounds 15] [--check]

Rows of one algorithm do the same work, interleaved round by round on CPU time; the best batch
counts. `--check` exits with 1 when ours costs more than 1.2 times bare joserfc, which checks the
signature and five claims; ours also checks types, sizes, repeated names, the party and the nonce.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from hardpoint.oauth.identity import Asked
from hardpoint.oauth.jwks import key_set
from hardpoint.oauth.jwt import Expected, id_token, unverified

RATIO_MAX = 1.2
ISSUER, CLIENT, NONCE = "https://id.acme.example", "client-1", "n-0S6_WzA2Mj"
KEYS = {
    "RS256": RSAKey.generate_key(2048, {"kid": "rsa"}),
    "ES256": ECKey.generate_key("P-256", {"kid": "ec"}),
    "Ed25519": OKPKey.generate_key("Ed25519", {"kid": "ed"}),
}
Call = Callable[[], object]


def rows(algorithm: str) -> dict[str, Call]:
    key, now = KEYS[algorithm], time.time()
    claims = {
        "iss": ISSUER,
        "sub": "110169484474386276334",
        "aud": CLIENT,
        "azp": CLIENT,
        "exp": int(now) + 3600,
        "iat": int(now),
        "nonce": NONCE,
        "email_verified": True,
        "email": "ada@acme.example",
        "name": "Ada Lovelace",
        "locale": "en",
    }
    token = jwt.encode({"alg": algorithm, "kid": key.kid}, claims, key, [algorithm])
    public = {"keys": [one.as_dict(private=False) for one in KEYS.values()]}
    theirs = KeySet.import_key_set(public)
    ours = key_set(json.dumps(public).encode())
    expected = Expected(issuer=ISSUER, audience=CLIENT, algorithms=frozenset({algorithm}))
    asked = Asked(nonce=NONCE)
    checks = jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": ISSUER},
        aud={"essential": True, "value": CLIENT},
        nonce={"essential": True, "value": NONCE},
        exp={"essential": True},
    )
    model = JWSRegistry.algorithms[algorithm]
    whole = unverified(token)

    def signature() -> object:
        return model.verify(whole.signed, whole.signature, key)

    def bare() -> object:
        found = jwt.decode(token, theirs, [algorithm])
        checks.validate(found.claims)
        return found

    def checked() -> object:
        taken = unverified(token)
        found = ours.find(taken.kid, taken.algorithm)
        return id_token(taken, found, expected, asked, now=time.time())

    return {"signature alone": signature, "joserfc": bare, "hardpoint": checked}


def batch(call: Call, times: int) -> float:
    start = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - start) / times * 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--times", type=int, default=200, help="calls in a batch")
    parser.add_argument("--check", action="store_true", help="exit with 1 when it is missed")
    arguments = parser.parse_args()
    missed = False
    print(f"{'us of CPU per token, best batch':34}{'us':>8}{'ratio':>9}")
    for algorithm in KEYS:
        calls = rows(algorithm)
        best = dict.fromkeys(calls, float("inf"))
        for _ in range(arguments.rounds):
            for name, call in calls.items():
                best[name] = min(best[name], batch(call, arguments.times))
        for name, micros in best.items():
            ratio = micros / best["joserfc"]
            print(f"{algorithm:8} {name:25}{micros:8.1f}{ratio:8.2f}x")
        missed |= best["hardpoint"] > RATIO_MAX * best["joserfc"]
    return 1 if arguments.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())
