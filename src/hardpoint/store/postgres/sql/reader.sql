-- An event's state is derived in these statements, and stored nowhere.

-- name: listing
-- `exists` would have each table read as a whole for a page: the planner takes it to be asked of all
-- events. `handled` narrows a search for one state to few rows before the state is derived.
with e as (
    select * from hardpoint.event
    where (%(before)s::uuid is null or id < %(before)s)
    and (%(source)s::text is null or source = %(source)s)
    and (%(type)s::text is null or type ~ %(type)s)
    and (%(since)s::float8 is null or received_at >= %(since)s)
    and (
        %(state)s::text is null
        or (%(state)s = 'done' and handlers > 0)
        or (%(state)s = 'skipped' and handlers = 0 and quarantine is null)
        or (%(state)s = 'quarantined' and handlers = 0 and quarantine is not null)
        or id in (
            select event from hardpoint.job where %(state)s = 'pending'
            union all
            select event from hardpoint.dead where %(state)s in ('dead', 'needs_reconcile')
            union all
            select event from hardpoint.attempt where outcome = 'skipped' and %(state)s = 'skipped'
            union all
            select event from hardpoint.attempt
            where outcome = 'done' and substr(error, 1, 10) = 'resolved: ' and %(state)s = 'resolved'
        )
    )
)
select * from (
    select
        e.id, e.source, e.vendor_id, e.type, e.account, e.received_at, e.correlation_id,
        e.quarantine,
        (select count(*) from hardpoint.attempt where event = e.id) as attempts,
        case
            when (select true from hardpoint.job where event = e.id limit 1) then 'pending'
            when (
                select true from hardpoint.dead where event = e.id and reason = 'needs_reconcile'
                limit 1
            ) then 'needs_reconcile'
            when (select true from hardpoint.dead where event = e.id limit 1) then 'dead'
            when e.handlers = 0 and e.quarantine is not null then 'quarantined'
            when e.handlers = 0 then 'skipped'
            when (
                select true from hardpoint.attempt a
                where a.event = e.id and a.outcome = 'done' and substr(a.error, 1, 10) = 'resolved: '
                and not exists (
                    select 1 from hardpoint.attempt
                    where event = a.event and handler = a.handler and number > a.number
                )
                limit 1
            ) then 'resolved'
            when (
                select true from hardpoint.attempt where event = e.id and outcome = 'done' limit 1
            ) then 'done'
            when (
                select true from hardpoint.attempt where event = e.id and outcome = 'skipped' limit 1
            ) then 'skipped'
            else 'done'
        end as state
    from e
) found
where %(state)s::text is null or state = %(state)s
order by id desc
limit %(limit)s

-- name: find
-- The hash finds the vendor's id however long it is; the comparison, that it is the same.
select id from hardpoint.event
where id = %(id)s or (md5(vendor_id) = md5(%(vendor_id)s) and vendor_id = %(vendor_id)s)

-- name: beginning
select id from hardpoint.event where id between %(first)s and %(last)s order by id limit %(limit)s

-- name: neighbours
select
    (select id from hardpoint.event where id < %(id)s order by id desc limit 1) as before,
    (select id from hardpoint.event where id > %(id)s order by id limit 1) as after

-- name: event
select
    e.id, e.source, e.vendor_id, e.type, e.account, e.received_at, e.correlation_id, e.quarantine,
    e.body_bytes, e.body_sha256, e.signed_at, c.headers, c.body,
    (select count(*) from hardpoint.attempt where event = e.id) as attempts,
    case
        when exists (select 1 from hardpoint.job where event = e.id) then 'pending'
        when exists (
            select 1 from hardpoint.dead where event = e.id and reason = 'needs_reconcile'
        ) then 'needs_reconcile'
        when exists (select 1 from hardpoint.dead where event = e.id) then 'dead'
        when e.handlers = 0 and e.quarantine is not null then 'quarantined'
        when e.handlers = 0 then 'skipped'
        when exists (
            select 1 from hardpoint.attempt a
            where a.event = e.id and a.outcome = 'done' and substr(a.error, 1, 10) = 'resolved: '
            and not exists (
                select 1 from hardpoint.attempt
                where event = a.event and handler = a.handler and number > a.number
            )
        ) then 'resolved'
        when exists (select 1 from hardpoint.attempt where event = e.id and outcome = 'done')
            then 'done'
        when exists (select 1 from hardpoint.attempt where event = e.id and outcome = 'skipped')
            then 'skipped'
        else 'done'
    end as state
from hardpoint.event e
left join hardpoint.content c on c.event = e.id
where e.id = %(id)s

-- name: jobs
select handler, run_at, owner is not null as running, failures, crashes
from hardpoint.job where event = %(id)s order by handler

-- name: calls
-- Of what the provider made only a hash is kept.
select handler, scope, key, started_at, ended_at, null as subject
from hardpoint.call where event = (%(id)s::uuid)::text order by handler, started_at, key

-- name: attempts
select handler, number, started_at, ended_at, outcome, error, place
from hardpoint.attempt where event = %(id)s order by handler, number

-- name: dead_letters
select
    d.event, e.source, e.vendor_id, e.type, d.handler, d.at, d.reason, d.failures, d.error,
    d.place
from hardpoint.dead d join hardpoint.event e on e.id = d.event
where (%(source)s::text is null or e.source = %(source)s)
and (%(type)s::text is null or e.type ~ %(type)s)
and (%(since)s::float8 is null or d.at >= %(since)s)
and (
    %(at)s::float8 is null
    or (d.at, d.event, d.handler) < (%(at)s, %(event)s::uuid, %(handler)s::text)
)
order by d.at desc, d.event desc, d.handler desc
limit %(limit)s

-- name: dead_letters_of
select
    d.event, e.source, e.vendor_id, e.type, d.handler, d.at, d.reason, d.failures, d.error,
    d.place
from hardpoint.dead d join hardpoint.event e on e.id = d.event
where d.event = %(id)s order by d.handler

-- name: causes
-- A cause is named by where it is and by the error's class: messages hold numbers of orders.
with
    letters as (
        select
            d.event, e.source, d.handler, d.at, d.reason, split_part(d.error, ':', 1) as kind,
            d.place
        from hardpoint.dead d join hardpoint.event e on e.id = d.event
        where (%(since)s::float8 is null or d.at >= %(since)s)
    ),
    groups as (
        select
            source, handler, reason, kind, place,
            count(*) as count, min(at) as first_at, max(at) as last_at,
            max(event::text)::uuid as event
        from letters
        group by source, handler, reason, kind, place
    )
select
    g.source, g.handler, g.reason, g.kind, g.place, g.count, g.first_at, g.last_at, g.event,
    (select error from hardpoint.dead where event = g.event and handler = g.handler) as error
from groups g
order by g.last_at desc, g.source, g.handler
limit %(limit)s

-- name: letters_of
select
    d.event, e.source, e.vendor_id, e.type, d.handler, d.at, d.reason, d.failures, d.error,
    d.place
from hardpoint.dead d join hardpoint.event e on e.id = d.event
where e.source = %(source)s and d.handler = %(handler)s and d.reason = %(reason)s
and split_part(d.error, ':', 1) is not distinct from %(kind)s::text
and d.place is not distinct from %(place)s::text
and (
    %(before_at)s::float8 is null
    or (d.at, d.event, d.handler)
        < (%(before_at)s, %(before_event)s::uuid, %(before_handler)s::text)
)
order by d.at desc, d.event desc, d.handler desc
limit %(limit)s

-- name: audit
select id, at, actor, action, target, reason
from hardpoint.audit
where %(before)s::bigint is null or id < %(before)s
order by id desc
limit %(limit)s

-- name: failing
with failing as (
    select
        j.event, j.handler, j.failures, a.ended_at as failed_at,
        case when j.owner is null then j.run_at end as next_at,
        a.error, a.place,
        count(*) over (partition by j.handler) as jobs,
        row_number() over (partition by j.handler order by a.ended_at desc, j.event desc) as turn
    from hardpoint.job j
    join hardpoint.attempt a on a.event = j.event and a.handler = j.handler
        and a.number = (
            select max(number) from hardpoint.attempt where event = j.event and handler = j.handler
        )
    where j.failures > 0
)
select
    f.event, e.source, e.vendor_id, e.type, f.handler, f.failures, f.failed_at, f.next_at,
    f.error, f.jobs, f.place
from failing f join hardpoint.event e on e.id = f.event
where (%(each)s or f.turn = 1)
and (
    %(at)s::float8 is null
    or (f.failed_at, f.event, f.handler) < (%(at)s, %(event)s::uuid, %(handler)s::text)
)
order by f.failed_at desc, f.event desc, f.handler desc
limit %(limit)s

-- name: backlog
select e.source, count(*) as waiting, min(case when j.owner is null then j.run_at end) as due_at
from hardpoint.job j join hardpoint.event e on e.id = j.event
group by e.source

-- name: dead_of_sources
select e.source, count(*) as dead
from hardpoint.dead d join hardpoint.event e on e.id = d.event
group by e.source

-- name: arrivals
select source, received_at from hardpoint.event order by id desc limit %(limit)s

-- name: counts
with
    busy as (select distinct event from hardpoint.job),
    gone as (
        select event, bool_or(reason = 'needs_reconcile') as parked
        from hardpoint.dead where event not in (select event from busy) group by event
    ),
    idle as (
        select id, quarantine from hardpoint.event
        where handlers = 0 and id not in (select event from busy)
        and id not in (select event from gone)
    ),
    left_alone as (
        select distinct event from hardpoint.attempt s
        where outcome = 'skipped'
        and event not in (select event from busy) and event not in (select event from gone)
        and not exists (
            select 1 from hardpoint.attempt where event = s.event and outcome = 'done'
        )
    ),
    closed as (
        select distinct event from hardpoint.attempt a
        where outcome = 'done' and substr(error, 1, 10) = 'resolved: '
        and event not in (select event from busy) and event not in (select event from gone)
        and event not in (select id from idle)
        and not exists (
            select 1 from hardpoint.attempt
            where event = a.event and handler = a.handler and number > a.number
        )
    )
select
    (select count(*) from hardpoint.event) as total,
    (select count(*) from busy) as pending,
    (select count(*) from gone) as gone,
    (select count(*) from gone where parked) as parked,
    (select count(*) from idle where quarantine is not null) as quarantined,
    (select count(*) from idle where quarantine is null)
        + (select count(*) from left_alone) as skipped,
    (select count(*) from closed) as resolved

-- name: refusals
select source, reason, sum(count)::bigint as count
from hardpoint.refused group by source, reason

-- name: refused
-- A run ends where an hour goes by without a refusal. Repeats are counted too, but acknowledged.
with
    gaps as (
        select source, reason, minute, count,
            minute - lag(minute) over (partition by source, reason order by minute) as gap
        from hardpoint.refused
        where minute >= %(minute)s and reason not in ('duplicate', 'conflict')
    ),
    numbered as (
        select source, reason, minute, count,
            sum(coalesce((gap > 60)::integer, 0)) over (
                partition by source, reason order by minute
            ) as run
        from gaps
    )
select source, reason, sum(count)::bigint as count, min(minute) as first, max(minute) as last
from numbered group by source, reason, run
order by last desc, source, reason
