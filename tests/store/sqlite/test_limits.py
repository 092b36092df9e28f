from hardpoint.store.sqlite import Retention, StatementLimits


def test_a_group_is_smaller_than_what_may_wait():
    limits = StatementLimits()
    assert limits.batch_rows < limits.pending_rows
    assert limits.batch_bytes < limits.pending_bytes


def test_keys_outlive_bodies_by_default():
    retention = Retention()
    days = 86_400
    assert (retention.done, retention.dead, retention.keys) == (30 * days, 90 * days, 400 * days)
