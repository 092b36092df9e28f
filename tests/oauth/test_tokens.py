from hardpoint.core.secrets import Secret
from hardpoint.oauth.tokens import Tokens


def tokens(**facts) -> Tokens:
    return Tokens(**{"access": Secret.value("canary-access"), "issued_at": 100.0, **facts})


def test_tokens_never_show_themselves() -> None:
    shown = repr(
        tokens(
            refresh=Secret.value("canary-refresh"),
            details={"webhook": "canary-url"},
            slots={"user": tokens()},
        )
    )
    assert "canary" not in shown


def test_what_a_refresh_leaves_out_stays() -> None:
    old = tokens(
        refresh=Secret.value("r1"),
        id_token=Secret.value("i1"),
        scope=("a", "b"),
        refresh_expires_at=900.0,
        details={"team": "T1"},
    )
    after = old.succeeded_by(tokens(issued_at=200.0, details={"region": "eu"}))
    assert after.refresh is old.refresh
    assert after.id_token is old.id_token
    assert (after.scope, after.refresh_expires_at, after.issued_at) == (("a", "b"), 900.0, 200.0)
    assert after.details == {"team": "T1", "region": "eu"}


def test_what_a_refresh_brings_takes_the_place() -> None:
    old = tokens(refresh=Secret.value("r1"), scope=("a", "b"), refresh_expires_at=900.0)
    after = old.succeeded_by(tokens(refresh=Secret.value("r2"), scope=("a",)))
    assert after.refresh is not None
    assert after.refresh.reveal() == "r2"
    assert (after.scope, after.refresh_expires_at) == (("a",), None)


def test_a_token_is_fresh_until_its_margin_and_without_an_end_for_ever() -> None:
    assert tokens(expires_at=110.0).fresh_at(99.0, margin=10)
    assert not tokens(expires_at=110.0).fresh_at(100.0, margin=10)
    assert tokens().fresh_at(1e12)
