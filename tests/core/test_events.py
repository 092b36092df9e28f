from hardpoint.core.events import Listeners


def test_it_is_known_whether_anybody_listens_so_that_nothing_is_built_for_nobody() -> None:
    listeners = Listeners()
    assert not listeners.active
    remove = listeners.add(print)
    assert listeners.active
    remove()
    assert not listeners.active


def test_an_event_reaches_every_listener_in_order() -> None:
    heard: list[tuple[str, object]] = []
    listeners = Listeners(lambda event: heard.append(("first", event)))
    listeners.add(lambda event: heard.append(("second", event)))
    listeners.emit("opened")
    assert heard == [("first", "opened"), ("second", "opened")]


def test_removing_ends_one_listening_and_no_other() -> None:
    heard: list[object] = []
    listeners = Listeners()
    remove = listeners.add(heard.append)
    listeners.add(heard.append)
    remove()
    remove()
    listeners.emit(1)
    assert heard == [1]


def test_a_listener_may_remove_itself_while_it_is_told() -> None:
    heard: list[object] = []
    listeners = Listeners()

    def once(event: object) -> None:
        heard.append(event)
        remove()

    remove = listeners.add(once)
    listeners.emit(1)
    listeners.emit(2)
    assert heard == [1]


def test_a_listener_that_raises_is_counted_and_keeps_nobody_from_hearing() -> None:
    heard: list[object] = []

    def broken(event: object) -> None:
        raise ValueError

    listeners = Listeners(broken, heard.append)
    listeners.emit("x")
    assert heard == ["x"]
    assert listeners.failures == 1
