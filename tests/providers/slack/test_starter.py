"""What `hardpoint init --provider slack` writes, run by the test kit as its users would."""

import shutil
from pathlib import Path

from hardpoint.providers import slack

pytest_plugins = ["pytester"]
STARTER = Path(slack.__file__).parent / "starter"
INI = """[pytest]
filterwarnings = error
pythonpath = .
hardpoint_hub = bot:hub
hardpoint_network = loopback
"""
SUITE = """
def test_who_mentions_the_bot_is_answered_once(hardpoint_hub):
    for _ in range(2):
        hardpoint_hub.deliver("slack", "app_mention")
    hardpoint_hub.deliver("slack", "app_mention", {"event.bot_id": "B1"})
    hardpoint_hub.drained()
    workspace = hardpoint_hub.fake("ops").app.workspace
    assert [one.text for one in workspace.messages] == [
        "You said &lt;@U0LAN0Z89&gt; is it everything a river should be?."
    ] * 2


def test_a_challenge_and_a_command_hear_what_slack_wants(hardpoint_hub):
    vendor = hardpoint_hub.fake("ops").app
    vendor.say("hello")
    vendor.command("/deploy")
    hardpoint_hub.deliver("slack")
    hardpoint_hub.drained()
    assert vendor.ledger.count("message") == 1
"""


def test_the_bot_answers(pytester):
    shutil.copytree(STARTER, pytester.path, dirs_exist_ok=True)
    pytester.makeini(INI)
    pytester.makepyfile(test_bot=SUITE)
    result = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=2)
