-- name: claim
-- What a limit gives that is no constant the planner takes for a tenth of the table: joined with it,
-- jobs and events would be read whole. So each is asked for by its key, whatever is expected.
with
    due as materialized (
        select j.event, j.handler
        from unnest($1::text[], $2::integer[]) l (lane, room)
        cross join lateral (
            select event, handler from hardpoint.job
            where lane collate "C" = l.lane and owner is null and not suspect
                and run_at <= (select hardpoint.now())
            order by run_at
            limit l.room
            for update skip locked
        ) j
    ),
    leased as (
        update hardpoint.job j
        set owner = $3, fence = j.fence + 1, started = false
        from due
        where j.event = any (array(select event from due))
            and j.event = due.event and j.handler = due.handler
        returning j.event, j.handler, j.lane, j.run_at, j.fence, j.failures, j.crashes, j.suspect
    )
select
    j.event, j.handler, j.lane, j.fence, j.failures, j.crashes, j.suspect,
    e.source, e.vendor_id, e.type, e.account, e.received_at, e.correlation_id, c.headers, c.body
from leased j
cross join lateral (select * from hardpoint.event where id = j.event offset 0) e
cross join lateral (select * from hardpoint.content where event = j.event offset 0) c
order by j.lane, j.run_at, j.event

-- name: claim_suspect
with
    due as materialized (
        select event, handler from hardpoint.job
        where suspect and owner is null and handler = any ($1::text[])
        order by crashes, run_at
        limit 1
        for update skip locked
    ),
    leased as (
        update hardpoint.job j
        set owner = $2, fence = j.fence + 1, started = false
        from due where j.event = due.event and j.handler = due.handler
        returning j.event, j.handler, j.lane, j.run_at, j.fence, j.failures, j.crashes, j.suspect
    )
select
    j.event, j.handler, j.lane, j.fence, j.failures, j.crashes, j.suspect,
    e.source, e.vendor_id, e.type, e.account, e.received_at, e.correlation_id, c.headers, c.body
from leased j
join hardpoint.event e on e.id = j.event
join hardpoint.content c on c.event = j.event

-- name: waits
select l.lane, j.run_at - (select hardpoint.now())
from unnest($1::text[]) l (lane)
cross join lateral (
    select run_at from hardpoint.job
    where lane collate "C" = l.lane and owner is null and not suspect
    order by run_at limit 1
) j

-- name: mark
update hardpoint.job set started = $1
where event = $2 and handler = $3 and fence = $4 and owner = $5

-- name: lost
select l.event, l.handler, l.fence
from unnest($1::uuid[], $2::text[], $3::integer[]) l (event, handler, fence)
where not exists (
    select 1 from hardpoint.job j
    where j.event = l.event and j.handler = l.handler and j.fence = l.fence and j.owner = $4
)

-- name: give_back
update hardpoint.job j set owner = null, started = false
from unnest($1::uuid[], $2::text[], $3::integer[]) l (event, handler, fence)
where j.event = l.event and j.handler = l.handler and j.fence = l.fence and j.owner = $4

-- name: give_all_back
update hardpoint.job set run_at = hardpoint.now(), owner = null, started = false where owner = $1

-- name: stray
-- What is leased to this process though it knows nothing of it: the answer was lost.
update hardpoint.job j set owner = null, started = false
where j.owner = $1 and not exists (
    select 1 from unnest($2::uuid[], $3::text[]) k (event, handler)
    where k.event = j.event and k.handler = j.handler
)

-- name: waiting
-- The lanes are found by leaps in the index.
with recursive lanes (lane, handler, run_at) as (
    (
        select lane collate "C", handler, run_at from hardpoint.job
        where owner is null and not suspect order by lane collate "C", run_at limit 1
    )
    union all
    select n.lane, n.handler, n.run_at
    from lanes l
    cross join lateral (
        select lane collate "C", handler, run_at from hardpoint.job
        where lane collate "C" > l.lane and owner is null and not suspect
        order by lane collate "C", run_at limit 1
    ) n
)
select lane, handler, run_at - (select hardpoint.now()) from lanes where handler = any ($1::text[])

-- name: next_suspect
select min(run_at) - (select hardpoint.now()) from hardpoint.job
where suspect and owner is null and handler = any ($1::text[])
