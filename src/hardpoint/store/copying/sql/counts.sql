-- name: events
select
    case
        when quarantine is not null then 'quarantined'
        when handlers = 0 then 'without a handler'
        else 'with handlers'
    end,
    count(*)
from hardpoint_event group by 1

-- name: bodies
select 'kept', count(*)
from hardpoint_event e join hardpoint_content c on c.event = e.id
union all
select 'bytes', coalesce(sum(length(c.body)), 0)
from hardpoint_event e join hardpoint_content c on c.event = e.id

-- name: jobs
select case when suspect then 'suspect' else 'waiting' end, count(*) from hardpoint_job group by 1

-- name: attempts
select outcome, count(*) from hardpoint_attempt group by 1

-- name: dead_letters
select reason, count(*) from hardpoint_dead group by 1

-- name: calls
select
    case when ended_at is not null then 'done' when cleared then 'looked at' else 'open' end,
    count(*)
from hardpoint_call where scope not like 'once:%' group by 1

-- name: once_keys
select
    case when ended_at is not null then 'done' when cleared then 'looked at' else 'open' end,
    count(*)
from hardpoint_call where scope like 'once:%' group by 1

-- name: refusals
select source, sum(count) from hardpoint_refused group by 1

-- name: audit
select action, count(*) from hardpoint_audit group by 1
