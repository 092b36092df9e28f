-- An event's state is derived in these statements, and stored nowhere.

-- name: listing
-- `handled` narrows a search for one state to few rows before the state is derived.
with e as (
    select * from hardpoint_event
    where id < coalesce(:before, char(1114111))
    and (:source is null or source = :source)
    and (:type is null or type glob :type)
    and (:since is null or received_at >= :since)
    and (
        :state is null
        or (:state = 'done' and handlers > 0)
        or (:state = 'skipped' and handlers = 0 and quarantine is null)
        or (:state = 'quarantined' and handlers = 0 and quarantine is not null)
        or id in (
            select event from hardpoint_job where :state = 'pending'
            union all select event from hardpoint_dead where :state in ('dead', 'needs_reconcile')
            union all select event from hardpoint_attempt
            where outcome = 'skipped' and :state = 'skipped'
            union all select event from hardpoint_attempt
            where outcome = 'done' and substr(error, 1, 10) = 'resolved: ' and :state = 'resolved'
        )
    )
)
select
    e.id, e.source, e.vendor_id, e.type, e.account, e.received_at, e.correlation_id, e.quarantine,
    (select count(*) from hardpoint_attempt where event = e.id) as attempts,
    case
        when exists (select 1 from hardpoint_job where event = e.id) then 'pending'
        when exists (
            select 1 from hardpoint_dead where event = e.id and reason = 'needs_reconcile'
        ) then 'needs_reconcile'
        when exists (select 1 from hardpoint_dead where event = e.id) then 'dead'
        when e.handlers = 0 and e.quarantine is not null then 'quarantined'
        when e.handlers = 0 then 'skipped'
        when exists (
            select 1 from hardpoint_attempt a
            where a.event = e.id and a.outcome = 'done' and substr(a.error, 1, 10) = 'resolved: '
            and not exists (
                select 1 from hardpoint_attempt
                where event = a.event and handler = a.handler and number > a.number
            )
        ) then 'resolved'
        when exists (select 1 from hardpoint_attempt where event = e.id and outcome = 'done')
            then 'done'
        when exists (select 1 from hardpoint_attempt where event = e.id and outcome = 'skipped')
            then 'skipped'
        else 'done'
    end as state
from e
where :state is null or state = :state
order by e.id desc
limit :limit

-- name: find
-- A vendor's id begins the key of its events; the sources are found by leaps in the index.
with recursive sources (name) as (
    select min(source) from hardpoint_event
    union all
    select (select min(source) from hardpoint_event where source > name)
    from sources where name is not null
)
select :identifier as id
union
select e.id
from sources s
join (select :covered as prefix union all select :asserted) p
join hardpoint_event e
    on e.source = s.name and e.key >= p.prefix and e.key < p.prefix || char(1114111)
where s.name is not null and e.vendor_id = :identifier
union
select id from hardpoint_event where quarantine is not null and vendor_id = :identifier

-- name: beginning
select id from hardpoint_event where id >= :prefix and id < :prefix || char(1114111)
order by id limit :limit

-- name: neighbours
select
    (select max(id) from hardpoint_event where id < :id) as before,
    (select min(id) from hardpoint_event where id > :id) as after

-- name: event
select
    e.id, e.source, e.vendor_id, e.type, e.account, e.received_at, e.correlation_id, e.quarantine,
    e.body_bytes, e.body_sha256, e.signed_at, c.headers, c.body,
    (select count(*) from hardpoint_attempt where event = e.id) as attempts,
    case
        when exists (select 1 from hardpoint_job where event = e.id) then 'pending'
        when exists (
            select 1 from hardpoint_dead where event = e.id and reason = 'needs_reconcile'
        ) then 'needs_reconcile'
        when exists (select 1 from hardpoint_dead where event = e.id) then 'dead'
        when e.handlers = 0 and e.quarantine is not null then 'quarantined'
        when e.handlers = 0 then 'skipped'
        when exists (
            select 1 from hardpoint_attempt a
            where a.event = e.id and a.outcome = 'done' and substr(a.error, 1, 10) = 'resolved: '
            and not exists (
                select 1 from hardpoint_attempt
                where event = a.event and handler = a.handler and number > a.number
            )
        ) then 'resolved'
        when exists (select 1 from hardpoint_attempt where event = e.id and outcome = 'done')
            then 'done'
        when exists (select 1 from hardpoint_attempt where event = e.id and outcome = 'skipped')
            then 'skipped'
        else 'done'
    end as state
from hardpoint_event e
left join hardpoint_content c on c.seq = e.content and c.event = e.id
where e.id = ?

-- name: jobs
select handler, run_at, boot is not null as running, failures, crashes
from hardpoint_job where event = ? order by handler

-- name: attempts
select a.handler, a.number, a.started_at, a.ended_at, a.outcome, a.error, a.place
from hardpoint_attempt a where a.event = ? order by a.handler, a.number

-- name: calls
select handler, scope, key, started_at, ended_at, subject
from hardpoint_call where event = ? order by handler, started_at

-- name: dead_letters
select
    d.event, e.source, e.vendor_id, e.type, d.handler, d.at, d.reason, d.failures, d.error,
    d.place
from hardpoint_dead d join hardpoint_event e on e.id = d.event
where (:source is null or e.source = :source)
and (:type is null or e.type glob :type)
and (:since is null or d.at >= :since)
and (:at is null or (d.at, d.event, d.handler) < (:at, :event, :handler))
order by d.at desc, d.event desc, d.handler desc
limit :limit

-- name: dead_letters_of
select
    d.event, e.source, e.vendor_id, e.type, d.handler, d.at, d.reason, d.failures, d.error,
    d.place
from hardpoint_dead d join hardpoint_event e on e.id = d.event
where d.event = ? order by d.handler

-- name: causes
-- A cause is named by where it is and by the error's class: messages hold numbers of orders.
with
    letters as (
        select
            d.event, e.source, d.handler, d.at, d.reason,
            substr(d.error, 1, instr(d.error || ':', ':') - 1) as kind,
            d.place
        from hardpoint_dead d join hardpoint_event e on e.id = d.event
        where (:since is null or d.at >= :since)
    ),
    groups as (
        select
            source, handler, reason, kind, place,
            count(*) as count, min(at) as first_at, max(at) as last_at, max(event) as event
        from letters
        group by source, handler, reason, kind, place
    )
select
    g.source, g.handler, g.reason, g.kind, g.place, g.count, g.first_at, g.last_at, g.event,
    (select error from hardpoint_dead where event = g.event and handler = g.handler) as error
from groups g
order by g.last_at desc, g.source, g.handler
limit :limit

-- name: letters_of
-- By the time they were given up, whatever there is of them: so the order of the join is said.
with letters as (
    select
        d.event, e.source, e.vendor_id, e.type, d.handler, d.at, d.reason, d.failures, d.error,
        substr(d.error, 1, instr(d.error || ':', ':') - 1) as kind,
        d.place
    from hardpoint_dead d cross join hardpoint_event e on e.id = d.event
)
select event, source, vendor_id, type, handler, at, reason, failures, error, place
from letters
where source = :source and handler = :handler and reason = :reason
and kind is :kind and place is :place
and (:before_at is null or (at, event, handler) < (:before_at, :before_event, :before_handler))
order by at desc, event desc, handler desc
limit :limit

-- name: audit
select id, at, actor, action, target, reason
from hardpoint_audit
where id < coalesce(:before, 9223372036854775807)
order by id desc
limit :limit

-- name: failing
with failing as (
    select
        j.event, j.handler, j.failures, a.ended_at as failed_at,
        case when j.boot is null then j.run_at end as next_at,
        a.error, a.place,
        count(*) over (partition by j.handler) as jobs,
        row_number() over (partition by j.handler order by a.ended_at desc, j.event desc) as turn
    from hardpoint_job j
    join hardpoint_attempt a on a.event = j.event and a.handler = j.handler
        and a.number = (
            select max(number) from hardpoint_attempt where event = j.event and handler = j.handler
        )
    where j.failures > 0
)
select
    f.event, e.source, e.vendor_id, e.type, f.handler, f.failures, f.failed_at, f.next_at,
    f.error, f.jobs, f.place
from failing f join hardpoint_event e on e.id = f.event
where (:each or f.turn = 1)
and (:at is null or (f.failed_at, f.event, f.handler) < (:at, :event, :handler))
order by f.failed_at desc, f.event desc, f.handler desc
limit :limit

-- name: backlog
select e.source, count(*) as waiting, min(case when j.boot is null then j.run_at end) as due_at
from hardpoint_job j join hardpoint_event e on e.id = j.event
group by e.source

-- name: dead_of_sources
select e.source, count(*) as dead
from hardpoint_dead d join hardpoint_event e on e.id = d.event
group by e.source

-- name: arrivals
select source, received_at from hardpoint_event order by id desc limit :limit

-- name: counts
with
    busy as (select distinct event from hardpoint_job),
    gone as (select distinct event from hardpoint_dead where event not in busy),
    idle as (
        select id, quarantine from hardpoint_event
        where handlers = 0 and id not in busy and id not in gone
    ),
    left as (
        select distinct event from hardpoint_attempt s
        where outcome = 'skipped' and event not in busy and event not in gone
        and not exists (select 1 from hardpoint_attempt where event = s.event and outcome = 'done')
    ),
    closed as (
        select distinct event from hardpoint_attempt a
        where outcome = 'done' and substr(error, 1, 10) = 'resolved: ' and event not in busy and event not in gone
        and event not in (select id from idle)
        and not exists (
            select 1 from hardpoint_attempt
            where event = a.event and handler = a.handler and number > a.number
        )
    )
select
    (select count(*) from hardpoint_event) as total,
    (select count(*) from busy) as pending,
    (select count(*) from gone) as gone,
    (
        select count(distinct event) from hardpoint_dead
        where reason = 'needs_reconcile' and event in gone
    ) as parked,
    (select count(*) from idle where quarantine is not null) as quarantined,
    (select count(*) from idle where quarantine is null) + (select count(*) from left) as skipped,
    (select count(*) from closed) as resolved

-- name: refusals
select source, reason, sum(count) as count from hardpoint_refused group by source, reason

-- name: refused
-- A run ends where an hour goes by without a refusal. Repeats are counted too, but acknowledged.
with
    gaps as (
        select source, reason, minute, count,
            minute - lag(minute) over (partition by source, reason order by minute) as gap
        from hardpoint_refused
        where minute >= ? and reason not in ('duplicate', 'conflict')
    ),
    numbered as (
        select source, reason, minute, count,
            sum(coalesce(gap > 60, 0)) over (
                partition by source, reason order by minute
            ) as run
        from gaps
    )
select source, reason, sum(count) as count, min(minute) as first, max(minute) as last
from numbered group by source, reason, run
order by last desc, source, reason
