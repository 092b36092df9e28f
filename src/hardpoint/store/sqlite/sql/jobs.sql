-- name: due
select
    j.event, j.handler, j.fence + 1, j.failures, j.crashes, j.suspect,
    e.source, e.vendor_id, e.type, e.account, e.received_at, e.correlation_id, c.headers, c.body
from hardpoint_job j
cross join hardpoint_event e on e.id = j.event
cross join hardpoint_content c on c.seq = e.content and c.event = e.id
where j.run_at <= ? and j.suspect = 0 and j.handler in (select value from json_each(?))
order by j.run_at limit ?

-- name: suspect
select
    j.event, j.handler, j.fence + 1, j.failures, j.crashes, j.suspect,
    e.source, e.vendor_id, e.type, e.account, e.received_at, e.correlation_id, c.headers, c.body
from hardpoint_job j
cross join hardpoint_event e on e.id = j.event
cross join hardpoint_content c on c.seq = e.content and c.event = e.id
where j.run_at <= ? and j.suspect = 1 and j.handler in (select value from json_each(?))
order by j.crashes, j.run_at limit 1

-- name: suspect_out
select 1 from hardpoint_job indexed by hardpoint_job_suspect
where suspect = 1 and boot is not null and run_at > ?

-- name: lease
update hardpoint_job set run_at = ?, boot = ?, fence = ?, started = 0
where event = ? and handler = ?

-- name: start
update hardpoint_job set started = 1
where event = ? and handler = ? and fence = ? and boot = ?

-- name: extend
update hardpoint_job set run_at = ?
where event = ? and handler = ? and fence = ? and boot = ?

-- name: give_back
update hardpoint_job set run_at = ?, boot = null, started = 0
where event = ? and handler = ? and fence = ? and boot = ?

-- name: give_all_back
update hardpoint_job set run_at = ?, boot = null, started = 0
where boot is not null

-- name: take_over
update hardpoint_job
set run_at = ?, boot = null, suspect = 1, crashes = crashes + started, started = 0
where boot is not null

-- name: next_due
select run_at from hardpoint_job
where handler in (select value from json_each(?)) and (suspect = 0 or boot is not null or not ?)
order by run_at limit 1
