-- name: due
select
    j.event, j.handler, j.lane, j.fence + 1, j.failures, j.crashes, j.suspect,
    e.source, e.vendor_id, e.type, e.account, e.received_at, e.correlation_id, c.headers, c.body
from hardpoint_job j
cross join hardpoint_event e on e.id = j.event
cross join hardpoint_content c on c.seq = e.content and c.event = e.id
where j.lane = ? and j.run_at <= ? and j.boot is null and j.suspect = 0
order by j.run_at limit ?

-- name: suspect
select
    j.event, j.handler, j.lane, j.fence + 1, j.failures, j.crashes, j.suspect,
    e.source, e.vendor_id, e.type, e.account, e.received_at, e.correlation_id, c.headers, c.body
from hardpoint_job j
cross join hardpoint_event e on e.id = j.event
cross join hardpoint_content c on c.seq = e.content and c.event = e.id
where j.suspect = 1 and j.boot is null and j.handler in (select value from json_each(?))
order by j.crashes, j.run_at limit 1

-- name: lease
update hardpoint_job set boot = ?, fence = ?, started = 0
where event = ? and handler = ?

-- name: mark
update hardpoint_job set started = ?
where event = ? and handler = ? and fence = ? and boot = ?

-- name: give_back
update hardpoint_job set boot = null, started = 0
where event = ? and handler = ? and fence = ? and boot = ?

-- name: give_all_back
update hardpoint_job set run_at = ?, boot = null, started = 0
where boot is not null

-- name: take_over
-- A forward runs no code of the user's, so none can have ended the process. The first death under a
-- mark counts with the one before it, which has made a suspect of the job.
update hardpoint_job
set run_at = ?, boot = null, suspect = handler <> 'forward',
    crashes = crashes + started * (1 + (suspect and crashes = 0)), started = 0
where boot is not null

-- name: next_of_lane
select run_at from hardpoint_job
where lane = ? and boot is null and suspect = 0
order by run_at limit 1

-- name: next_lane
select lane, handler, run_at from hardpoint_job
where lane > ? and boot is null and suspect = 0
order by lane, run_at limit 1

-- name: next_suspect
select min(run_at) from hardpoint_job
where suspect = 1 and boot is null and handler in (select value from json_each(?))
