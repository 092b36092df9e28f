-- name: clock
select extract(epoch from clock_timestamp())::float8 as now

-- name: durable
select
    current_setting('fsync') = 'on' as synced,
    current_setting('full_page_writes') = 'on' as whole,
    pg_is_in_recovery() as standby

-- name: standbys
-- Without pg_monitor they are only counted, and others' waits are not seen.
select r.standbys, current_setting('synchronous_standby_names') as named, w.waiting, w.seconds
from
    (
        select count(*) filter (where state is distinct from 'backup') as standbys
        from pg_catalog.pg_stat_replication
    ) r,
    (
        select
            count(*) as waiting,
            max(extract(epoch from clock_timestamp() - state_change))::float8 as seconds
        from pg_catalog.pg_stat_activity
        where wait_event = 'SyncRep' and state_change < clock_timestamp() - interval '2 seconds'
    ) w

-- name: processes
select id, host, pid, receives, works, handlers from hardpoint.process
where beat_at > (select hardpoint.now()) - %(expires)s
order by host, pid

-- name: waiting
-- Who has events that wait; found by leaps in the index, a lane at a time.
with recursive lanes (lane, handler) as (
    (
        select lane collate "C", handler from hardpoint.job
        where owner is null and not suspect order by lane collate "C", run_at limit 1
    )
    union all
    select n.lane, n.handler
    from lanes l
    cross join lateral (
        select lane collate "C", handler from hardpoint.job
        where lane collate "C" > l.lane and owner is null and not suspect
        order by lane collate "C", run_at limit 1
    ) n
)
select distinct handler from lanes order by handler

-- name: abandoned
-- Leased to processes that give no sign of life any more.
select count(*) as jobs from hardpoint.job j
where j.owner is not null
    and not exists (
        select from hardpoint.process p
        where p.id = j.owner and p.beat_at > (select hardpoint.now()) - %(expires)s
    )

-- name: snapshot
-- What was deleted since then cannot be cleared away. Without pg_monitor only our own role's are seen.
select pid, coalesce(nullif(application_name, ''), usename::text, '') as name,
    extract(epoch from clock_timestamp() - xact_start)::float8 as seconds
from pg_catalog.pg_stat_activity
where (backend_xmin is not null or backend_xid is not null)
    and backend_type = 'client backend' and pid <> pg_backend_pid()
order by xact_start nulls last limit 1

-- name: bloat
select relname::text as name, n_live_tup as live, n_dead_tup as dead
from pg_catalog.pg_stat_user_tables
where schemaname = 'hardpoint'
order by n_dead_tup desc limit 1

-- name: role
select rolname::text as name, rolsuper as super,
    rolcreaterole or rolcreatedb or rolreplication or rolbypassrls as more
from pg_catalog.pg_roles where rolname = current_user

-- name: overdue
-- Of the oldest events those that a sweep ought to have taken, and of the oldest keys: see
-- `retention`. Unfinished ones stay, however old.
with
    looked as (
        select e.id, e.received_at, e.handlers, e.quarantine
        from hardpoint.content c join hardpoint.event e on e.id = c.event
        order by c.event limit 1000
    ),
    old as (
        select l.received_at,
            coalesce(
                (select max(ended_at) from hardpoint.attempt where event = l.id), l.received_at
            ) as ended_at,
            (l.quarantine is not null and l.handlers = 0)
                or exists (select 1 from hardpoint.dead where event = l.id) as dead
        from looked l
        where l.received_at <= (select hardpoint.now()) - %(done)s
            and not exists (select 1 from hardpoint.job where event = l.id)
    ),
    keys as (
        select received_at from (
            select id, received_at from hardpoint.event order by id limit 1000
        ) first
        where received_at <= (select hardpoint.now()) - %(keys)s
            and not exists (select 1 from hardpoint.content where event = first.id)
    ),
    late as (
        select received_at from old
        where ended_at <= (select hardpoint.now())
            - case when dead then %(dead)s::float8 else %(done)s::float8 end
        union all
        select received_at from keys
    )
select count(*) as events, ((select hardpoint.now()) - min(received_at)) / 86400 as days from late

-- name: writes
-- No row: there is no such role.
select pg_has_role(oid, 'member') as member,
    rolsuper or has_table_privilege(oid, 'hardpoint.job', 'delete') as reaches
from pg_catalog.pg_roles where rolname = %(role)s
