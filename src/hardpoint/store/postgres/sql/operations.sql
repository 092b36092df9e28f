-- name: hurry
update hardpoint.job set run_at = (select hardpoint.now())
where event = $1 and handler = coalesce($2, handler) and owner is null
    and run_at > (select hardpoint.now())

-- name: revive
insert into hardpoint.job (event, handler, lane, run_at, fence)
select
    d.event, d.handler,
    case d.handler when 'forward' then 'forward/' || e.source else d.handler end,
    hardpoint.now(), d.fence
from hardpoint.dead d
join hardpoint.event e on e.id = d.event
join hardpoint.content c on c.event = e.id
where d.event = $1 and d.handler = coalesce($2, d.handler)
on conflict do nothing

-- name: replay
insert into hardpoint.job (event, handler, lane, run_at, fence)
select
    e.id, h.name,
    case h.name when 'forward' then 'forward/' || e.source else h.name end,
    hardpoint.now(),
    coalesce(
        (select max(number) from hardpoint.attempt where event = e.id and handler = h.name), 0
    )
from unnest($2::text[]) h (name)
join hardpoint.event e on e.id = $1
join hardpoint.content c on c.event = e.id
where $3 or not exists (
    select 1 from hardpoint.attempt
    where event = e.id and handler = h.name and outcome = 'done'
)
on conflict do nothing

-- name: unbury
delete from hardpoint.dead d
where event = $1 and exists (
    select 1 from hardpoint.job j where j.event = d.event and j.handler = d.handler
)

-- name: hold
select 1 from hardpoint.job where event = $1 and owner is null for update

-- name: resolved
insert into hardpoint.attempt (event, handler, number, started_at, ended_at, outcome, error)
select event, handler, fence + 1, hardpoint.now(), hardpoint.now(), 'done', $3
from (
    select event, handler, fence from hardpoint.dead
    union all select event, handler, fence from hardpoint.job where owner is null
) open
where event = $1 and handler = coalesce($2, handler)

-- name: resolve
delete from hardpoint.dead where event = $1 and handler = coalesce($2, handler)

-- name: resolve_waiting
delete from hardpoint.job where event = $1 and handler = coalesce($2, handler) and owner is null

-- name: handled
update hardpoint.event set handlers = $1 where id = $2 and handlers = 0

-- name: audit
insert into hardpoint.audit (at, actor, action, target, reason)
values (hardpoint.now(), $1, $2, $3, $4)

-- name: planned
select 1 from hardpoint.audit where target = $1 and action = $2 limit 1

-- name: refuse
insert into hardpoint.refused (source, reason, minute, count)
select * from unnest($1::text[], $2::text[], $3::integer[], $4::bigint[])
on conflict (source, reason, minute) do update set count = refused.count + excluded.count
