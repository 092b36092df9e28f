-- name: event
select
    id, source, key, vendor_id, type, account, asserted, received_at, signed_at, correlation_id,
    body_sha256, body_bytes, quarantine, handlers
from hardpoint_event
where :first is null or id > :first
order by id

-- name: content
select e.id, c.headers, c.body
from hardpoint_event e join hardpoint_content c on c.seq = e.content and c.event = e.id
where :first is null or e.id > :first
order by e.id

-- name: job
-- In a store that is in use: what is leased would be a suspect, were its process to die.
select
    event, handler, lane, run_at, fence, failures, crashes,
    suspect or (boot is not null and handler <> 'forward')
from hardpoint_job
where :first is null or (event, handler) > (:first, :second)
order by event, handler

-- name: attempt
select event, handler, number, started_at, ended_at, outcome, error, place
from hardpoint_attempt
where :first is null or (event, handler, number) > (:first, :second, :third)
order by event, handler, number

-- name: dead
select event, handler, fence, at, reason, failures, crashes, error, place
from hardpoint_dead
where :first is null or (event, handler) > (:first, :second)
order by event, handler

-- name: call
select
    scope, key, fingerprint, likeness, event, handler, attempt, started_at, doubted_at, cleared,
    ended_at, subject, result
from hardpoint_call
where :first is null or (scope, key) > (:first, :second)
order by scope, key

-- name: refused
select source, reason, minute, count
from hardpoint_refused
where :first is null or (source, reason, minute) > (:first, :second, :third)
order by source, reason, minute

-- name: audit
select id, at, actor, action, target, reason
from hardpoint_audit
where :first is null or id > :first
order by id

-- name: jobs
-- As they will be counted there.
select
    case
        when suspect or (boot is not null and handler <> 'forward') then 'suspect' else 'waiting'
    end,
    count(*)
from hardpoint_job group by 1

-- name: bodies
select 'kept', count(*)
from hardpoint_event e join hardpoint_content c on c.seq = e.content and c.event = e.id
union all
select 'bytes', coalesce(sum(length(c.body)), 0)
from hardpoint_event e join hardpoint_content c on c.seq = e.content and c.event = e.id
