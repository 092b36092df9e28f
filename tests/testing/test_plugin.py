"""The plugin, in suites of its users."""

import subprocess
import sys

import pytest
from _pytest.pytester import SysModulesSnapshot

from hardpoint.fakes.vendors import fake_names
from hardpoint.testing import plugin

pytest_plugins = ["pytester"]


@pytest.fixture
def kept_modules(monkeypatch):
    """A run in this process forgets what it was the first to import; it would come twice."""

    def kept(preserve):
        return SysModulesSnapshot(preserve=lambda name: not name.startswith("test_"))

    monkeypatch.setattr("_pytest.pytester.SysModulesSnapshot", kept)


@pytest.fixture
def suite(kept_modules, pytester, monkeypatch):
    """Runs a suite of one file in this process; gives its result."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)

    def run(source, *arguments, ini="", **outcomes):
        pytester.makeini(f"[pytest]\nfilterwarnings = error\n{ini}\n")
        pytester.makepyfile(source)
        result = pytester.runpytest_inprocess(
            "-p", "no:xdist", "-p", "no:cacheprovider", *arguments
        )
        if outcomes:
            result.assert_outcomes(**outcomes)
        return result

    return run


def test_a_fake_is_at_hand_under_its_vendors_name(suite):
    suite(
        """
        import httpx2

        def test_stripe(fake_stripe, hardpoint_fakes):
            assert fake_stripe.app.name == "stripe"
            assert httpx2.get(fake_stripe.url, trust_env=False).status_code == 401
            assert hardpoint_fakes.servers == [fake_stripe]

        def test_each_test_has_its_own(fake_stripe):
            assert fake_stripe.requests == 0
        """,
        passed=2,
    )


def test_there_is_a_fixture_for_every_vendor_with_a_fake() -> None:
    fixtures = {name for name in vars(plugin) if name.startswith("fake_")}
    assert fixtures == {f"fake_{name}" for name in fake_names() if "." not in name}


def test_more_than_one_account_of_a_vendor(suite):
    suite(
        """
        def test_two(hardpoint_fakes):
            first, second = hardpoint_fakes("stripe"), hardpoint_fakes("stripe")
            assert first.url != second.url
            assert first.app is not second.app
        """,
        passed=1,
    )


def test_a_failed_test_tells_its_seed_and_what_each_fake_saw(suite):
    result = suite(
        """
        import httpx2, pytest

        def test_fails(fake_stripe):
            httpx2.get(f"{fake_stripe.url}/v1/refunds", trust_env=False)
            fake_stripe.ledger.record("charge", amount=5)
            assert False

        @pytest.mark.hardpoint(seed=11)
        def test_fails_before_anything(fake_twilio):
            assert fake_twilio.faults.seed == 11
            assert False
        """,
        failed=2,
    )
    result.stdout.re_match_lines_random(
        [
            r"-+ hardpoint seed -+",
            r"\d+; again with --hardpoint-seed=\d+",
            r"-+ fake stripe at http://127\.0\.0\.1:\d+ -+",
            r"GET /v1/refunds -> 401",
            r"charge\(amount=5\)",
            r"11; again with --hardpoint-seed=11",
            r"nothing reached it",
        ]
    )


def test_a_long_story_is_cut(suite):
    result = suite(
        """
        def test_fails(fake_stripe):
            for number in range(40):
                fake_stripe.ledger.record("charge", number=number)
            assert False
        """,
        failed=1,
    )
    result.stdout.fnmatch_lines(["(of 40 lines the last)", "charge(number=10)"])
    result.stdout.no_fnmatch_line("charge(number=9)")


def test_a_seed_is_given_by_the_closest_marker_the_option_or_chance(suite):
    source = """
        import pytest

        seeds = []

        def test_free(hardpoint_seed):
            seeds.append(hardpoint_seed)
            assert SEED in {None, hardpoint_seed}

        @pytest.mark.hardpoint(seed=8)
        class TestMarked:
            def test_outer(self, hardpoint_seed):
                assert hardpoint_seed == 8

            @pytest.mark.hardpoint(seed=0)
            def test_inner(self, hardpoint_seed):
                assert hardpoint_seed == 0

        def test_free_again(hardpoint_seed):
            assert (hardpoint_seed == seeds[0]) is (SEED is not None)
        """
    suite(source.replace("SEED", "None"), passed=4)
    suite(source.replace("SEED", "5"), "--hardpoint-seed=5", passed=4)


def test_the_clock_of_every_policy_stands_still(suite):
    suite(
        """
        from hardpoint import Policy, Retry

        calls = []

        def flaky():
            calls.append(1)
            if len(calls) < 3:
                raise ConnectionRefusedError

        def test_waits_take_no_time(hardpoint_clock):
            Policy("p", timeout=9, retry=Retry(attempts=3, backoff=60)).call(flaky)
            assert hardpoint_clock.waits == [60, 60]
        """,
        passed=1,
    )


REACHING = """
    import socket, pytest
    from hardpoint.testing import NetworkRefusedError

    def reaches(host="192.0.2.1"):
        try:
            socket.getaddrinfo(host, 80, flags=socket.AI_NUMERICHOST)
        except NetworkRefusedError:
            return False
        return True
"""


def test_by_default_nothing_is_guarded(suite):
    suite(
        REACHING
        + """
    def test_open():
        assert reaches()

    @pytest.mark.hardpoint(network="loopback 192.0.2.2")
    def test_marked():
        assert not reaches()
        assert reaches("192.0.2.2")

    def test_asked_for(hardpoint_network):
        assert not reaches()
        assert hardpoint_network.refused == ["192.0.2.1"]

    def test_open_again():
        assert reaches()
        """,
        passed=4,
    )


def test_one_line_guards_every_test_and_its_fixtures(suite):
    result = suite(
        REACHING
        + """
    @pytest.fixture
    def reaching():
        return reaches()

    def test_guarded(reaching):
        assert not reaching

    def test_the_guard_is_the_one_that_is_there(hardpoint_network):
        assert hardpoint_network.allowed == {"192.0.2.2"}

    @pytest.mark.hardpoint(network="open")
    def test_open(reaching):
        assert reaching

    def test_what_hides_the_error_is_told():
        reaches()
        assert False
        """,
        ini="hardpoint_network = loopback 192.0.2.2",
        passed=3,
        failed=1,
    )
    result.stdout.re_match_lines([r"-+ hardpoint network, refused -+", r"192\.0\.2\.1"])


@pytest.mark.parametrize("network", ["closed", "open 10.0.0.1", ""])
def test_a_network_that_means_nothing_is_refused(suite, network):
    result = suite("def test_x(): pass", ini=f"hardpoint_network = {network}")
    said = "*hardpoint_network: network is open, or loopback and the hosts to allow"
    result.stderr.fnmatch_lines([said])


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        ("seeds=7", "hardpoint() takes no seeds"),
        ("'loopback'", "hardpoint() takes no loopback"),
        ("network='away'", "network is open, or loopback and the hosts to allow"),
    ],
)
def test_a_marker_that_means_nothing_is_refused(suite, mark, said):
    result = suite(f"import pytest\n@pytest.mark.hardpoint({mark})\ndef test_x(): pass")
    result.stderr.fnmatch_lines([f"*test_*::test_x: {said}"])


def test_it_works_under_xdist(pytester):
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.parametrize("number", range(4))
        @pytest.mark.hardpoint(network="loopback")
        def test_x(fake_stripe, number):
            assert fake_stripe.faults.seed == 7
        """
    )
    pytester.runpytest_subprocess("-n", "2", "--hardpoint-seed", "7").assert_outcomes(passed=4)


LOADED = {
    "hardpoint",
    "hardpoint.core",
    "hardpoint.core.public",
    "hardpoint.testing",
    "hardpoint.testing.plugin",
}


def test_loading_it_imports_nothing_but_pytest() -> None:
    code = (
        "import sys, pytest, random\nbefore = set(sys.modules)\n"
        "import hardpoint.testing.plugin\nprint(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert set(done.stdout.split()) == LOADED


def test_a_suite_that_does_not_use_it_imports_nothing_more(pytester) -> None:
    pytester.makepyfile(
        f"""
        import sys

        def test_x():
            ours = {{name for name in sys.modules if name.partition(".")[0] == "hardpoint"}}
            assert ours == {LOADED!r}
        """
    )
    pytester.runpytest_subprocess("-p", "no:xdist").assert_outcomes(passed=1)
