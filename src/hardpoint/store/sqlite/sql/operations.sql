-- name: hurry
update hardpoint_job set run_at = ?
where event = ? and handler = coalesce(?, handler) and boot is null and run_at > ?

-- name: revive
insert into hardpoint_job (event, handler, lane, run_at, fence)
select
    d.event, d.handler,
    case d.handler when 'forward' then 'forward/' || e.source else d.handler end,
    ?, d.fence
from hardpoint_dead d
join hardpoint_event e on e.id = d.event
join hardpoint_content c on c.seq = e.content and c.event = e.id
where d.event = ? and d.handler = coalesce(?, d.handler)
on conflict do nothing

-- name: replay
insert into hardpoint_job (event, handler, lane, run_at, fence)
select
    e.id, h.value,
    case h.value when 'forward' then 'forward/' || e.source else h.value end,
    ?,
    coalesce((select max(number) from hardpoint_attempt where event = e.id and handler = h.value), 0)
from json_each(?) h
join hardpoint_event e on e.id = ?
join hardpoint_content c on c.seq = e.content and c.event = e.id
where ? or not exists (
    select 1 from hardpoint_attempt where event = e.id and handler = h.value and outcome = 'done'
)
on conflict do nothing

-- name: unbury
delete from hardpoint_dead
where event = ? and exists (
    select 1 from hardpoint_job j
    where j.event = hardpoint_dead.event and j.handler = hardpoint_dead.handler
)

-- name: resolved
insert into hardpoint_attempt (event, handler, number, started_at, ended_at, outcome, error)
select event, handler, fence + 1, ?, ?, 'done', ?
from (
    select event, handler, fence from hardpoint_dead
    union all select event, handler, fence from hardpoint_job where boot is null
)
where event = ? and handler = coalesce(?, handler)

-- name: resolve
delete from hardpoint_dead where event = ? and handler = coalesce(?, handler)

-- name: resolve_waiting
delete from hardpoint_job where event = ? and handler = coalesce(?, handler) and boot is null

-- name: handled
update hardpoint_event set handlers = ? where id = ? and handlers = 0

-- name: audit
insert into hardpoint_audit (at, actor, action, target, reason) values (?, ?, ?, ?, ?)

-- name: planned
select 1 from hardpoint_audit where target = ? and action = ? limit 1

-- name: refuse
insert into hardpoint_refused (source, reason, minute, count) values (?, ?, ?, ?)
on conflict (source, reason, minute) do update set count = count + excluded.count

-- name: own_frame
update hardpoint_meta set value = value where name = 'boot'

-- name: boot
select value from hardpoint_meta where name = 'boot'
