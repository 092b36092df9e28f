-- name: get
select fingerprint, started_at, doubted_at, cleared, ended_at, result, holder, token
from hardpoint_call where scope = ? and key = ?

-- name: stray
select 1 from hardpoint_call
where event = ? and handler = ? and attempt <> ? and scope = ? and ended_at is null and cleared = 0

-- name: begin
insert into hardpoint_call (
    scope, key, fingerprint, likeness, event, handler, attempt, started_at, holder, token
)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: take_up
update hardpoint_call
set event = coalesce(?, event), handler = coalesce(?, handler), attempt = coalesce(?, attempt),
    doubted_at = coalesce(doubted_at, ?), holder = ?, token = ?
where scope = ? and key = ?

-- name: resume
update hardpoint_call set doubted_at = null, cleared = 0
where scope = ? and key = ? and holder = ? and token = ?

-- name: ended
select subject, result from hardpoint_call where scope = ? and key = ? and ended_at is not null

-- name: end
update hardpoint_call set ended_at = ?, result = ?, subject = ?, holder = null, token = null
where scope = ? and key = ? and ended_at is null

-- name: free
delete from hardpoint_call
where scope = ? and key = ? and holder = ? and token = ? and ended_at is null

-- name: leave
update hardpoint_call set doubted_at = ?, holder = null, token = null
where scope = ? and key = ? and holder = ? and token = ? and ended_at is null
and doubted_at is null

-- name: let_go
update hardpoint_call set holder = null, token = null
where scope = ? and key = ? and holder = ? and token = ?

-- name: abandon
delete from hardpoint_call
where scope = ? and key = ? and holder = ? and token = ? and ended_at is null
and doubted_at is null

-- name: taken
select subject from hardpoint_call
where scope = ? and subject in (select value from json_each(?))

-- name: alike
select key, doubted_at, holder from hardpoint_call indexed by hardpoint_call_likeness
where scope = ? and likeness = ? and ended_at is null and likeness is not null and key <> ?

-- name: open
select 1 from hardpoint_call indexed by hardpoint_call_likeness
where scope = ? and likeness = ? and ended_at is null and likeness is not null limit 1

-- name: doubted_at
select doubted_at from hardpoint_call where scope = ? and key = ?

-- name: doubt_anew
update hardpoint_call indexed by hardpoint_call_likeness set doubted_at = ?
where scope = ? and likeness = ? and ended_at is null and likeness is not null and key <> ?

-- name: take_over
update hardpoint_call set doubted_at = ?
where ended_at is null and doubted_at is null and holder is null

-- name: holders
select distinct holder from hardpoint_call where holder is not null

-- name: held
select scope, key from hardpoint_call where holder = ? and doubted_at is null

-- name: bury
update hardpoint_call set doubted_at = coalesce(doubted_at, ?), holder = null, token = null
where holder = ?

-- name: clear
update hardpoint_call set cleared = 1
where event = ? and handler = coalesce(?, handler) and ended_at is null and exists (
    select 1 from hardpoint_dead d
    where d.event = hardpoint_call.event and d.handler = hardpoint_call.handler
    and d.reason = 'needs_reconcile'
)
