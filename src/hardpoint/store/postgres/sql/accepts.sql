-- name: store
-- The rows come sorted by `dedupe`: two processes that store the same keys never wait in a circle.
-- Given back are those that were there before, as nearly none is. A column that would hold nothing
-- but nulls comes empty, and the rest as a null where it follows from the others: what the driver
-- does for each value of an array costs more than all else here.
with
    fresh as (
        insert into hardpoint.event (
            id, dedupe, claim, source, vendor_id, type, account, asserted, received_at, signed_at,
            correlation_id, body_sha256, body_bytes, quarantine, handlers
        )
        select
            id, dedupe, claim, source, vendor_id, type, account, coalesce(asserted, false),
            received_at, signed_at, coalesce(correlation_id, id::text), body_sha256, body_bytes,
            quarantine, handlers
        from unnest(
            $1::uuid[], $2::bytea[], $3::bytea[], $4::text[], $5::text[], $6::text[], $7::text[],
            $8::boolean[], $9::float8[], $10::bigint[], $11::text[], $12::bytea[], $13::integer[],
            $14::text[], $15::integer[]
        ) given (
            id, dedupe, claim, source, vendor_id, type, account, asserted, received_at, signed_at,
            correlation_id, body_sha256, body_bytes, quarantine, handlers
        )
        on conflict do nothing
        returning id
    ),
    contents as (
        insert into hardpoint.content
        select c.* from unnest($1::uuid[], $16::bytea[], $17::bytea[]) c (event, headers, body)
        join fresh on fresh.id = c.event
    ),
    jobs as (
        insert into hardpoint.job (event, handler, lane, run_at, owner, fence)
        select j.event, j.handler, coalesce(j.lane, j.handler), hardpoint.now(), case j.leased when 1 then $22::uuid end,
            j.leased
        from unnest($18::uuid[], $19::text[], $20::text[], $21::integer[])
            j (event, handler, lane, leased)
        join fresh on fresh.id = j.event
    )
select given.id from unnest($1::uuid[]) given (id)
where not exists (select from fresh where fresh.id = given.id)

-- name: known
-- Where a standby is waited for: a commit whose wait was broken off (the server was restarted, or
-- whoever waited went away) is seen by all, and may be on this server alone. An answer rests on it,
-- so this look waits in its place: the message has it end with a commit of its own, behind that one.
select id, dedupe, claim, type, body_sha256, quarantine,
    case when current_setting('synchronous_standby_names') <> ''
        then pg_logical_emit_message(true, 'hardpoint', ''::text) end as waited_for
from hardpoint.event where dedupe = any ($1::bytea[])

-- name: claimed
-- See `known`.
select id, dedupe, claim, type, body_sha256, quarantine,
    case when current_setting('synchronous_standby_names') <> ''
        then pg_logical_emit_message(true, 'hardpoint', ''::text) end as waited_for
from hardpoint.event where claim = $1

-- name: repeats
select count(*) from hardpoint.event
where source = $1 and body_sha256 = $2 and quarantine is not null
