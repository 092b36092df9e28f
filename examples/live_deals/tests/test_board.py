import json
import threading

import board
import pytest


@pytest.fixture(autouse=True)
def own_board(tmp_path, monkeypatch):
    monkeypatch.setattr(board, "BOARD", tmp_path / "board.json")


def deals():
    return json.loads(board.BOARD.read_text())["deals"]


def test_the_board_is_kept_although_connections_break(hardpoint_hub):
    feed = hardpoint_hub.fake("crm").app.events("/deals/stream")
    feed.send('{"id": 1, "name": "Roof"}', event="opened", id="1")
    feed.send('{"id": 2, "name": "Walls"}', event="opened", id="2")
    following = threading.Thread(target=board.follow)
    following.start()
    feed.wait_for(1)
    feed.drop()
    feed.wait_for(2)
    feed.send('{"id": 1}', event="closed", id="3")
    feed.end()
    following.join(30)
    assert deals() == {"2": "Walls"}


def test_it_goes_on_where_it_stopped(hardpoint_hub):
    feed = hardpoint_hub.fake("crm").app.events("/deals/stream")
    board.BOARD.write_text(json.dumps({"last": "7", "deals": {"1": "Roof"}}))
    feed.end()
    board.follow()
    assert feed.asked == ["7"]
    assert deals() == {"1": "Roof"}


def test_after_a_gap_the_list_is_read(hardpoint_hub):
    api = hardpoint_hub.fake("crm").app
    feed = api.events("/deals/stream", resumes=False)
    api.on("GET /deals", [{"id": 5, "name": "Door"}])
    following = threading.Thread(target=board.follow)
    following.start()
    feed.wait_for(1)
    feed.drop()
    feed.wait_for(2)
    feed.end()
    following.join(30)
    assert deals() == {"5": "Door"}
