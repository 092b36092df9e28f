import asyncio
import os
import signal

import pytest

from hardpoint.demo import shop as demo_shop
from hardpoint.demo.shop import Shop, ShopError, example
from hardpoint.demo.vendors import Vendors


@pytest.fixture
def make(tmp_path):
    with Vendors() as vendors:
        yield lambda **options: Shop(tmp_path, vendors.facts, vendors.secrets, **options)


def test_a_shop_that_cannot_start_says_why(make):
    shop = make()
    shop.configuration.write_text("[store]\nurl = 'nowhere'\n")

    with pytest.raises(ShopError, match=r"store\.url"):
        asyncio.run(shop.start())


def test_a_shop_that_takes_too_long_is_given_up_and_killed(make):
    shop = make(patience=0.05)

    with pytest.raises(ShopError, match="did not start"):
        asyncio.run(shop.start())

    assert shop._running().returncode == -signal.SIGKILL


def test_what_was_never_started_can_be_stopped_but_not_killed(make):
    shop = make()

    shop.stop()

    with pytest.raises(ShopError, match="not started"):
        shop.kill()


def test_a_child_that_does_not_heed_sigterm_is_killed(make):
    shop = make()
    asyncio.run(shop.start())
    os.kill(shop.pid, signal.SIGSTOP)
    shop._patience = 0.1

    shop.stop()

    assert shop._running().returncode == -signal.SIGKILL


def test_the_shop_is_found_in_the_package_or_beside_its_source(tmp_path, monkeypatch):
    assert (example() / "app.py").is_file()
    monkeypatch.setattr(demo_shop, "__file__", str(tmp_path / "shop.py"))
    (tmp_path / "fastapi_shop").mkdir()
    assert example() == tmp_path / "fastapi_shop"
