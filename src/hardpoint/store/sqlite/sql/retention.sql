-- name: bodies
select
    c.seq, e.id, e.received_at,
    coalesce((select max(ended_at) from hardpoint_attempt where event = e.id), e.received_at),
    exists (select 1 from hardpoint_job where event = e.id),
    (e.quarantine is not null and e.handlers = 0)
        or exists (select 1 from hardpoint_dead where event = e.id),
    e.handlers > 0
        and exists (select 1 from hardpoint_attempt where event = e.id and outcome = 'skipped')
        and not exists (select 1 from hardpoint_attempt where event = e.id and outcome = 'done')
from hardpoint_content c
join hardpoint_event e on e.id = c.event
where c.seq > ?
order by c.seq limit ?

-- name: keys
select
    e.id, e.received_at,
    exists (select 1 from hardpoint_content c where c.seq = e.content and c.event = e.id)
from hardpoint_event e
where e.id > ?
order by e.id limit ?

-- name: drop_content
delete from hardpoint_content where seq = ?

-- name: drop_attempts
delete from hardpoint_attempt where event = ?

-- name: stay_skipped
update hardpoint_event set handlers = 0 where id = ?

-- name: drop_dead
delete from hardpoint_dead where event = ?

-- name: drop_event
delete from hardpoint_event where id = ?

-- name: drop_result
update hardpoint_call set result = null
where (scope, key) in (
    select scope, key from hardpoint_call where result is not null and ended_at <= ? limit ?
)

-- name: drop_call
delete from hardpoint_call
where (scope, key) in (
    select scope, key from hardpoint_call where ended_at is not null and ended_at <= ? limit ?
)

-- name: drop_refused
delete from hardpoint_refused where minute < ?

-- name: drop_audit
delete from hardpoint_audit where at < ?

-- name: free_pages
pragma freelist_count

-- name: pages
pragma page_count

-- name: vacuum
pragma incremental_vacuum(1)
