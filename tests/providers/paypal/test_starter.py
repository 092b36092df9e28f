"""What `hardpoint init --provider paypal` writes, run by the test kit as its users would."""

import shutil
from pathlib import Path

from hardpoint.providers import paypal

pytest_plugins = ["pytester"]
STARTER = Path(paypal.__file__).parent / "starter"
INI = """[pytest]
filterwarnings = error
pythonpath = .
hardpoint_hub = shop:hub
hardpoint_network = loopback
"""
SUITE = """
def test_an_order_is_paid_once(hardpoint_hub):
    for _ in range(2):
        hardpoint_hub.deliver("billing", "PAYMENT.CAPTURE.COMPLETED", {"resource.id": "c1"})
    hardpoint_hub.deliver("billing", "PAYMENT.CAPTURE.REFUNDED")
    hardpoint_hub.drained()
"""


def test_the_shop_hears_of_payments(pytester):
    shutil.copytree(STARTER, pytester.path, dirs_exist_ok=True)
    pytester.makeini(INI)
    pytester.makepyfile(test_shop=SUITE)
    result = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=1)
