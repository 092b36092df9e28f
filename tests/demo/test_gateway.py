import asyncio
import os
import signal

import pytest

from hardpoint.demo.gateway import Gateway, GatewayError

SECRETS = {"STRIPE_WEBHOOK_SECRET": "whsec_demo", "GITHUB_WEBHOOK_SECRET": "demo"}


def test_a_gateway_that_cannot_start_says_why(tmp_path):
    gateway = Gateway(tmp_path, SECRETS)
    gateway.configuration.write_text("[store]\nurl = 'nowhere'\n")

    with pytest.raises(GatewayError, match=r"store\.url"):
        asyncio.run(gateway.start())


def test_a_gateway_that_takes_too_long_is_given_up_and_killed(tmp_path):
    gateway = Gateway(tmp_path, SECRETS, patience=0.05)

    with pytest.raises(GatewayError, match="did not start"):
        asyncio.run(gateway.start())

    assert gateway._running().returncode == -signal.SIGKILL


def test_what_was_never_started_can_be_stopped_but_not_killed(tmp_path):
    gateway = Gateway(tmp_path, SECRETS)

    gateway.stop()

    with pytest.raises(GatewayError, match="not started"):
        gateway.kill()


def test_a_child_that_does_not_heed_sigterm_is_killed(tmp_path):
    gateway = Gateway(tmp_path, SECRETS)
    asyncio.run(gateway.start())
    os.kill(gateway.pid, signal.SIGSTOP)
    gateway._patience = 0.1

    gateway.stop()

    assert gateway._running().returncode == -signal.SIGKILL
