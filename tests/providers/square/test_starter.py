"""What `hardpoint init --provider square` writes, run by the test kit as its users would."""

import shutil
from pathlib import Path

from hardpoint.providers import square

pytest_plugins = ["pytester"]
STARTER = Path(square.__file__).parent / "starter"
INI = """[pytest]
filterwarnings = error
pythonpath = .
hardpoint_hub = shop:hub
hardpoint_network = loopback
"""
SUITE = """
def test_an_order_is_paid_once(hardpoint_hub):
    paid = {"data.object.payment.id": "p1"}
    for _ in range(2):
        hardpoint_hub.deliver("billing", "payment.updated", paid)
    hardpoint_hub.deliver("billing", "payment.created")
    hardpoint_hub.drained()
"""


def test_the_shop_hears_of_payments(pytester):
    shutil.copytree(STARTER, pytester.path, dirs_exist_ok=True)
    pytester.makeini(INI)
    pytester.makepyfile(test_shop=SUITE)
    result = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=1)
