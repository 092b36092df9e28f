"""What the statements cost where there is much in the tables: no claim reads one of them whole."""

import pytest

from hardpoint.store.statements import statements

WAITING = 4_000
FILL = f"""
insert into hardpoint.event (
    id, dedupe, source, type, asserted, received_at, correlation_id, body_sha256, body_bytes,
    handlers
)
select gen_random_uuid(), sha256(n::text::bytea), 'billing', 't', false, 0, 'c', '', 2, 1
from generate_series(1, {WAITING}) n;
insert into hardpoint.content select id, '{{}}', '{{}}' from hardpoint.event;
insert into hardpoint.job (event, handler, lane, run_at, fence)
select id, 'paid', 'paid', 0, 0 from hardpoint.event;
analyze hardpoint.event, hardpoint.content, hardpoint.job
"""


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
def test_a_claim_asks_for_its_rows_alone_however_many_wait(database, mode):
    database.reset()
    ask = database.beside.execute
    ask(FILL.encode())
    ask(f"set plan_cache_mode = {mode}")
    claim = statements("jobs", "hardpoint.store.postgres")["claim"]
    ask(f"prepare claim as {claim}".encode())
    try:
        told = ask("explain (analyze) execute claim(array['paid'], array[16], gen_random_uuid())")
        plan = [line for (line,) in told]
    finally:
        ask("deallocate claim")
        ask("reset plan_cache_mode")
        database.reset()
    assert "rows=16" in plan[0]
    assert [line for line in plan if "Seq Scan" in line] == []
