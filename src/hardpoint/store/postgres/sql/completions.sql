-- name: end
-- One row for each attempt that ends: `again` gives its job back, else the job is gone; `reason`
-- leaves a dead letter. What is null of these is done, and not again. Rows whose lease has passed to others do nothing, and are not returned.
with
    c as (
        select event, handler, fence, started_at, ended_at, coalesce(outcome, 'done') as outcome,
            error, place, coalesce(again, false) as again, coalesce(retry_in, 0) as retry_in, reason
        from unnest(
            $1::uuid[], $2::text[], $3::integer[], $4::float8[], $5::float8[], $6::text[],
            $7::text[], $8::text[], $9::boolean[], $10::float8[], $11::text[]
        ) c (
            event, handler, fence, started_at, ended_at, outcome, error, place, again, retry_in,
            reason
        )
    ),
    gone as (
        delete from hardpoint.job j using c
        where not c.again and j.event = c.event and j.handler = c.handler and j.fence = c.fence
            and j.owner = $12
        returning j.event, j.handler, j.fence, j.failures, j.crashes
    ),
    kept as (
        update hardpoint.job j
        set run_at = (select hardpoint.now()) + c.retry_in, owner = null,
            failures = j.failures + (c.outcome = 'failed')::integer, suspect = false,
            started = false
        from c
        where c.again and j.event = c.event and j.handler = c.handler and j.fence = c.fence
            and j.owner = $12
        returning j.event, j.handler, j.fence
    ),
    buried as (
        insert into hardpoint.dead
            (event, handler, fence, at, reason, failures, crashes, error, place)
        select c.event, c.handler, c.fence, c.ended_at, c.reason,
            gone.failures + (c.reason <> 'crash')::integer, gone.crashes, c.error, c.place
        from gone join c using (event, handler, fence) where c.reason is not null
        on conflict (event, handler) do update set
            fence = excluded.fence, at = excluded.at, reason = excluded.reason,
            failures = excluded.failures, crashes = excluded.crashes, error = excluded.error,
            place = excluded.place
    ),
    ended as (
        select event, handler, fence from gone union all select event, handler, fence from kept
    )
insert into hardpoint.attempt
    (event, handler, number, started_at, ended_at, outcome, error, place)
select c.event, c.handler, c.fence, c.started_at, c.ended_at, c.outcome, c.error, c.place
from ended join c using (event, handler, fence)
returning event, handler, number

-- name: recorded
-- Only the process that held this lease can have recorded its end.
select a.event, a.handler, a.number
from unnest($1::uuid[], $2::text[], $3::integer[]) l (event, handler, fence)
join hardpoint.attempt a
    on a.event = l.event and a.handler = l.handler and a.number = l.fence
