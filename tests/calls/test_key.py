import threading

from hardpoint.calls.key import Occasion

HELLO, BYE = b"h" * 32, b"b" * 32


def test_the_same_calls_get_the_same_keys_each_time():
    first, second = Occasion("hp:e:h"), Occasion("hp:e:h")
    keys = [first.key("texts:send", one) for one in (HELLO, BYE, HELLO)]
    assert [second.key("texts:send", one) for one in (HELLO, BYE, HELLO)] == keys
    assert len(set(keys)) == 3


def test_in_another_order_they_get_the_same_keys_still():
    first, second = Occasion("hp:e:h"), Occasion("hp:e:h")
    keys = {first.key("texts:send", one) for one in (HELLO, BYE)}
    assert {second.key("texts:send", one) for one in (BYE, HELLO)} == keys


def test_another_occasion_or_operation_makes_other_keys():
    keys = {
        Occasion(name).key(scope, HELLO)
        for name in ("hp:e:h", "hp:e:other")
        for scope in ("texts:send", "mail:send")
    }
    assert len(keys) == 4


def test_threads_of_one_occasion_never_share_a_key():
    at, keys = Occasion("hp:e:h"), []
    threads = [
        threading.Thread(
            target=lambda: keys.extend(at.key("texts:send", HELLO) for _ in range(200))
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(keys)) == 800
