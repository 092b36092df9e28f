"""The pytest plugin: fakes, a clock, a seed, and a network that ends at this machine.

    def test_a_lost_answer_charges_once(fake_stripe):
        fake_stripe.faults.next(commit_then_drop(), on="POST /v1/payment_intents")
        shop(base_url=fake_stripe.url).pay()
        assert_exactly_once(fake_stripe, "charge")

It is loaded wherever hardpoint is installed, so it imports nothing until a fixture is asked for.
"""

import random
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from hardpoint.fakes.server import FakeServer
    from hardpoint.testing.application import HubUnderTest
    from hardpoint.testing.clock import ManualClock
    from hardpoint.testing.conformance.modes import Mode
    from hardpoint.testing.conformance.served import ScriptedVendor, ServedAccount
    from hardpoint.testing.fakes import Fakes
    from hardpoint.testing.network import Network
    from hardpoint.testing.sandbox import Sandbox

_PROVIDERS = Path(__file__).parents[1] / "providers"
_MARKER = "hardpoint"
_SAY = "hardpoint_hub = shop:hub"
_MARKS = frozenset({"network", "seed"})

_SEED = pytest.StashKey[int]()
_FAKES = pytest.StashKey["Fakes"]()
_NETWORK = pytest.StashKey["Network"]()
_SANDBOX = pytest.StashKey["Sandbox"]()
_HUB = pytest.StashKey["HubUnderTest"]()


@pytest.fixture
def hardpoint_clock() -> "Generator[ManualClock]":
    """A clock that stands still until told otherwise: the clock of every policy."""
    from hardpoint.testing.time import manual_time

    with manual_time() as clock:
        yield clock


@pytest.fixture
def hardpoint_seed(request: pytest.FixtureRequest) -> int:
    """A seed for what happens by chance; a test that fails tells it.

    The marker's, else that of --hardpoint-seed, else another each time.
    """
    seed = _marked(request.node, "seed")
    if seed is None:
        seed = request.config.getoption("hardpoint_seed")
    if seed is None:
        seed = random.SystemRandom().getrandbits(32)
    request.node.stash[_SEED] = seed
    return seed


@pytest.fixture
def hardpoint_fakes(request: pytest.FixtureRequest, hardpoint_seed: int) -> "Generator[Fakes]":
    """Starts fakes by name: `hardpoint_fakes("stripe")`, each with an account and a URL of its own.

    A test that fails tells what each saw and did.
    """
    from hardpoint.testing.fakes import Fakes

    with Fakes(hardpoint_seed) as fakes:
        request.node.stash[_FAKES] = fakes
        yield fakes


@pytest.fixture
def hardpoint_hub(request: pytest.FixtureRequest, hardpoint_seed: int) -> "Generator[HubUnderTest]":
    """The application's hub, started on an empty store, with a fake for each of its vendors.

    Which hub it is, the configuration of pytest says: `hardpoint_hub = shop:hub`.
    """
    from hardpoint.testing.application import HubUnderTest, application

    reference = request.config.getini("hardpoint_hub")
    if not reference:
        raise pytest.UsageError(
            "hardpoint_hub needs a line in the configuration of pytest: " + _SAY
        )
    sandbox = request.config.stash[_SANDBOX]
    under_test = HubUnderTest(sandbox, application(reference, sandbox))
    request.node.stash[_HUB] = under_test
    under_test.start(hardpoint_seed)
    try:
        yield under_test
    finally:
        under_test.stop()


@pytest.fixture
def hardpoint_network(request: pytest.FixtureRequest) -> "Generator[Network]":
    """No connection leaves this machine.

    To guard every test, set `hardpoint_network = loopback` in the configuration of pytest.
    """
    if _NETWORK in request.node.stash:
        yield request.node.stash[_NETWORK]
        return
    with _guarded(request.node, "loopback") as network:
        yield network


@pytest.fixture(params=("async", "blocking"))
def mode(request: pytest.FixtureRequest) -> "Generator[Mode]":
    """The two ways in which a port is used, in turn: what the conformance suites run in."""
    from hardpoint.testing.conformance.modes import MODES

    mode = MODES[request.param]()
    yield mode
    mode.close()


@pytest.fixture
def served() -> "Generator[Callable[[Any, Any], ServedAccount]]":
    """Serves a vendor: `served(vendor, make)`; `make` makes a driver from transport and URL."""
    from hardpoint.testing.conformance.served import serving

    with serving() as serve:
        yield serve


@pytest.fixture
def script() -> "ScriptedVendor":
    """A vendor with one reply, `script.reply`, that keeps what it received."""
    from hardpoint.testing.conformance.served import ScriptedVendor

    return ScriptedVendor()


def _vendor(name: str) -> Any:
    def vendor(request: pytest.FixtureRequest) -> "FakeServer":
        if "hardpoint_hub" in request.fixturenames:
            return request.getfixturevalue("hardpoint_hub").fake(name)
        return request.getfixturevalue("hardpoint_fakes")(name)

    vendor.__doc__ = (
        f"The fake of {name}, running: the one that hardpoint_hub calls, if it is there."
    )
    return pytest.fixture(name=f"fake_{name}")(vendor)


# One for each provider that has a fake, found without importing any: this runs at every start of
# pytest. That the manifests say the same is tested.
globals().update(
    {f"fake_{path.parent.name}": _vendor(path.parent.name) for path in _PROVIDERS.glob("*/fake.py")}
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The seed, and what tests may reach."""
    parser.getgroup("hardpoint").addoption(
        "--hardpoint-seed",
        type=int,
        metavar="SEED",
        help="the seed of hardpoint_seed, as a failed test told it",
    )
    parser.addini(
        "hardpoint_network",
        "what tests may reach: open; or loopback, with the hosts to be allowed beside it",
        default="open",
    )
    parser.addini("hardpoint_hub", "the application's hub, for the fixture of that name: " + _SAY)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Have the application's configuration changed as it is loaded, whoever imports it first."""
    if early_config.getini("hardpoint_hub"):
        from hardpoint.testing import sandbox

        made: Sandbox = sandbox.Sandbox()
        early_config.stash[_SANDBOX] = made
        early_config.add_cleanup(made.close)


def pytest_collection_finish(session: pytest.Session) -> None:
    """From here on configurations are loaded by tests, and are theirs."""
    if _SANDBOX in session.config.stash:
        session.config.stash[_SANDBOX].end_importing()


def pytest_configure(config: pytest.Config) -> None:
    """The marker."""
    config.addinivalue_line(
        "markers", "hardpoint(seed=7, network='loopback'): the seed, and what the test may reach"
    )
    _check_network(config.getini("hardpoint_network"), "hardpoint_network")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a marker that means nothing, before anything runs."""
    for item in items:
        for marker in item.iter_markers(_MARKER):
            unknown = [*map(str, marker.args), *(marker.kwargs.keys() - _MARKS)]
            if unknown:
                raise pytest.UsageError(f"{item.nodeid}: hardpoint() takes no {', '.join(unknown)}")
            _check_network(marker.kwargs.get("network", "open"), item.nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Guard the network around the test and its fixtures."""
    policy = _marked(item, "network") or item.config.getini("hardpoint_network")
    if policy == "open":
        return (yield)
    with _guarded(item, policy):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell, where a test has failed, what only we know."""
    report = yield
    if report.failed:
        report.sections += _told(item)
    return report


def _marked(item: pytest.Item, name: str) -> Any:
    """What the closest marker says; None where none does."""
    said = (marker.kwargs.get(name) for marker in item.iter_markers(_MARKER))
    return next((one for one in said if one is not None), None)


def _check_network(policy: str, where: str) -> None:
    first, *hosts = policy.split() or [""]
    if first != "loopback" and (first != "open" or hosts):
        raise pytest.UsageError(f"{where}: network is open, or loopback and the hosts to allow")


@contextmanager
def _guarded(item: pytest.Item, policy: str) -> "Generator[Network]":
    from hardpoint.testing.network import loopback_only

    with loopback_only(item.nodeid, allow=policy.split()[1:]) as network:
        item.stash[_NETWORK] = network
        yield network
        del item.stash[_NETWORK]


def _told(item: pytest.Item) -> list[tuple[str, str]]:
    told: list[tuple[str, str]] = []
    if _SEED in item.stash:
        seed = item.stash[_SEED]
        told.append(("hardpoint seed", f"{seed}; again with --hardpoint-seed={seed}"))
    if _FAKES in item.stash:
        told += item.stash[_FAKES].told()
    if _HUB in item.stash:
        told += item.stash[_HUB].told()
    if _NETWORK in item.stash and item.stash[_NETWORK].refused:
        told.append(("hardpoint network, refused", "\n".join(item.stash[_NETWORK].refused)))
    return told
