import json

import app

COMMAND = b"command=%2Fdeploy&text=v7&team_id=T1&trigger_id=1.2"


def test_a_command_is_answered_and_carried_out(hardpoint_hub):
    hardpoint_hub.deliver("slack", "command.deploy", body=COMMAND)
    assert json.loads(hardpoint_hub.answers[-1].body)["text"] == "Deploying v7"
    hardpoint_hub.drained()
    assert app.deployed == ["v7"]


def test_a_repeat_hears_the_default_and_is_carried_out_once(hardpoint_hub):
    app.deployed.clear()
    for _ in range(2):
        hardpoint_hub.deliver("slack", "command.deploy", body=COMMAND)
    assert hardpoint_hub.answers[-1].body == b""
    hardpoint_hub.drained()
    assert app.deployed == ["v7"]


def test_an_interaction_is_greeted(hardpoint_hub):
    hardpoint_hub.deliver("discord", "command.deploy")
    heard = json.loads(hardpoint_hub.answers[-1].body)
    assert (heard["type"], heard["data"]["content"]) == (4, "Hello, mason")


def test_a_text_is_answered(hardpoint_hub):
    hardpoint_hub.deliver("texts", "message.received", {"Body": "STATUS"})
    assert hardpoint_hub.answers[-1].body == b"We have got your text: STATUS"
