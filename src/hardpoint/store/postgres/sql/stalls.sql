-- name: why
-- What a process of the server waits for, and for whom; always a row.
select
    a.wait_event_type, a.wait_event,
    array(
        select coalesce(nullif(b.application_name, ''), b.usename, 'another')
            || ' (server process ' || p.pid || ')'
        from unnest(pg_blocking_pids(s.pid)) p (pid)
        left join pg_catalog.pg_stat_activity b on b.pid = p.pid
    )
from (values ($1::integer)) s (pid)
left join pg_catalog.pg_stat_activity a on a.pid = s.pid
