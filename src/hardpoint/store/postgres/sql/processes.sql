-- name: beat
insert into hardpoint.process (id, host, pid, started_at, beat_at, receives, works, handlers)
values ($1, $2, $3, hardpoint.now(), hardpoint.now(), $4, $5, $6)
on conflict (id) do update set
    beat_at = excluded.beat_at, receives = excluded.receives, works = excluded.works,
    handlers = excluded.handlers
returning reload_at

-- name: members
select id, host, pid, receives, works, handlers from hardpoint.process
where beat_at > (select hardpoint.now()) - $1

-- name: asked
select reload_at from hardpoint.process where id = $1

-- name: ask
-- For psycopg. The scripts that are there for a call alone have no configuration to read again.
update hardpoint.process set reload_at = hardpoint.now()
where (receives or works) and beat_at > (select hardpoint.now()) - %(expires)s

-- name: reap
-- Whoever has not beaten for so long fences itself by now. A forward runs no code of the user's, so
-- none can have ended the process. The first death under a mark counts with the one before it, which
-- has made a suspect of the job. Nobody is judged while the database itself has just come back.
with
    gone as materialized (
        select j.event, j.handler from hardpoint.job j
        where j.owner is not null
            and clock_timestamp() > pg_postmaster_start_time() + make_interval(secs => $1)
            and not exists (
                select 1 from hardpoint.process p
                where p.id = j.owner and p.beat_at > (select hardpoint.now()) - $1
            )
        for update of j skip locked
    )
update hardpoint.job j
set run_at = (select hardpoint.now()), owner = null, suspect = j.handler <> 'forward',
    crashes = j.crashes + j.started::integer * (1 + (j.suspect and j.crashes = 0)::integer),
    started = false
from gone where j.event = gone.event and j.handler = gone.handler

-- name: reap_calls
-- Nothing of these is sent any more, and nobody knows what was.
update hardpoint.call c
set owner = null, token = null, sending = false,
    doubted_at = coalesce(c.doubted_at, (select hardpoint.now()))
where c.owner is not null
    and clock_timestamp() > pg_postmaster_start_time() + make_interval(secs => $1)
    and not exists (
        select 1 from hardpoint.process p
        where p.id = c.owner and p.beat_at > (select hardpoint.now()) - $1
    )

-- name: forget
-- Those that have been silent for a day, and hold nothing.
delete from hardpoint.process p
where p.beat_at < (select hardpoint.now()) - 86400
    and not exists (select 1 from hardpoint.job j where j.owner = p.id)
    and not exists (select 1 from hardpoint.call c where c.owner = p.id)

-- name: leave
delete from hardpoint.process where id = $1
