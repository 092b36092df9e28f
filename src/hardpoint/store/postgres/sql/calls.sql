-- name: get
-- In flight elsewhere is what belongs to another process, unless that has been silent for so long
-- that it is dead whoever judges. Scripts may be too short-lived to judge in any other way.
select
    c.fingerprint, c.started_at, c.doubted_at, c.cleared, c.ended_at, c.result,
    c.owner = $3 and c.token = $2 as mine,
    c.owner is not null and c.owner <> $3 and (
        exists (
            select 1 from hardpoint.process p
            where p.id = c.owner and p.beat_at > (select hardpoint.now()) - $4
        )
        or clock_timestamp() < pg_postmaster_start_time() + make_interval(secs => $4)
    ) as busy,
    (select hardpoint.now()) as now
from hardpoint.call c where c.name = $1
for update of c

-- name: stray
select 1 from hardpoint.call
where event = $1 and handler = $2 and attempt <> $3 and scope = $4 and ended_at is null
    and not cleared
limit 1

-- name: begin
insert into hardpoint.call (
    name, scope, key, fingerprint, likeness, event, handler, attempt, started_at, owner, token,
    sending
)
values ($1, $2, $3, $4, $5, $6, $7, $8, hardpoint.now(), $9, $10, true)
on conflict (name) do nothing
returning started_at

-- name: take_up
update hardpoint.call
set event = coalesce($2, event), handler = coalesce($3, handler), attempt = coalesce($4, attempt),
    doubted_at = coalesce(doubted_at, $5), owner = $6, token = $7, sending = false
where name = $1

-- name: resume
update hardpoint.call set doubted_at = null, cleared = false, sending = true
where name = $1 and owner = $3 and token = $2 and ended_at is null

-- name: end
-- By whomever: that it was done is true even if the call has passed to another.
update hardpoint.call
set ended_at = hardpoint.now(), result = $2, subject = $3, owner = null, token = null,
    sending = false
where name = $1 and ended_at is null

-- name: free
delete from hardpoint.call where name = $1 and owner = $3 and token = $2 and ended_at is null

-- name: undo
delete from hardpoint.call
where name = $1 and owner = $3 and token = $2 and ended_at is null and doubted_at is null

-- name: leave
update hardpoint.call
set doubted_at = coalesce(doubted_at, hardpoint.now() - $4), owner = null, token = null, sending = false
where name = $1 and owner = $3 and token = $2 and ended_at is null

-- name: one_adopts
select pg_advisory_xact_lock(hashtextextended('hardpoint adopt ' || $1, 0))

-- name: ended_with
select subject from hardpoint.call where name = $1 and ended_at is not null

-- name: alike
select name, owner is not null and sending as rival
from hardpoint.call
where scope = $1 and likeness = $2 and ended_at is null and likeness is not null and name <> $3

-- name: open
select distinct likeness from hardpoint.call
where scope = $1 and likeness = any ($2::bytea[]) and ended_at is null and likeness is not null

-- name: taken
select distinct subject from hardpoint.call where subject = any ($1::bytea[])

-- name: doubted
select hardpoint.now() - coalesce(doubted_at, hardpoint.now()) from hardpoint.call where name = $1

-- name: doubt_anew
update hardpoint.call set doubted_at = hardpoint.now()
where scope = $1 and likeness = $2 and ended_at is null and likeness is not null and name <> $3

-- name: clear
update hardpoint.call c set cleared = true
where c.event = $1::text and c.handler = coalesce($2, c.handler) and c.ended_at is null
    and exists (
        select 1 from hardpoint.dead d
        where d.event = $1::text::uuid and d.handler = c.handler and d.reason = 'needs_reconcile'
    )

-- name: let_go
-- The process ends: nothing of it is in flight any more.
update hardpoint.call
set doubted_at = coalesce(doubted_at, hardpoint.now()), owner = null, token = null, sending = false
where owner = $1
