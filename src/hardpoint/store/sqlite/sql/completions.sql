-- name: end
delete from hardpoint_job where event = ? and handler = ? and fence = ? and boot = ?

-- name: again
update hardpoint_job
set run_at = ?, boot = null, failures = failures + ?, suspect = 0, started = 0
where event = ? and handler = ? and fence = ? and boot = ?

-- name: tally
select failures, crashes from hardpoint_job
where event = ? and handler = ? and fence = ? and boot = ?

-- name: bury
insert or replace into hardpoint_dead
    (event, handler, fence, at, reason, failures, crashes, error, place)
values (?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: record
insert into hardpoint_attempt
    (event, handler, number, started_at, ended_at, outcome, error, place)
values (?, ?, ?, ?, ?, ?, ?, ?)

-- name: savepoint
savepoint hardpoint_completion

-- name: release
release hardpoint_completion

-- name: undo
rollback to hardpoint_completion
