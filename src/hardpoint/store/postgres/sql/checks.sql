-- name: clock
select extract(epoch from clock_timestamp())::float8 as now

-- name: durable
select
    current_setting('fsync') = 'on' as synced,
    current_setting('full_page_writes') = 'on' as whole,
    pg_is_in_recovery() as standby

-- name: processes
select host, pid from hardpoint.process
where beat_at > (select hardpoint.now()) - %(expires)s
order by host, pid

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
