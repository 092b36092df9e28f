-- name: event
insert into hardpoint_event (
    id, source, key, vendor_id, type, account, asserted, received_at, signed_at, correlation_id,
    body_sha256, body_bytes, quarantine, handlers, content
) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict do nothing

-- name: content
insert into hardpoint_content (seq, event, headers, body) values (?, ?, ?, ?)

-- name: job
insert into hardpoint_job (event, handler, lane, run_at, boot, fence) values (?, ?, ?, ?, ?, ?)

-- name: last_content
select max(seq) from hardpoint_content

-- name: by_key
select id, key, type, body_sha256
from hardpoint_event where source = ? and key = ?

-- name: by_body
select id, key, type, body_sha256
from hardpoint_event
where source = ? and body_sha256 = ? and asserted = 1 and quarantine is null

-- name: repeats
select count(*) from hardpoint_event
where source = ? and body_sha256 = ? and quarantine is not null
