create table hardpoint_meta (
    name text primary key not null,
    value integer not null
) without rowid;

-- One row for each event, written once; it outlives its content as the tombstone of its key.
create table hardpoint_event (
    id text primary key not null,
    source text not null,
    key text not null,
    vendor_id text,
    type text not null,
    account text,
    asserted integer not null,
    received_at real not null,
    signed_at integer,
    correlation_id text not null,
    body_sha256 blob not null,
    body_bytes integer not null,
    quarantine text,
    handlers integer not null,
    content integer not null
) without rowid;

create unique index hardpoint_event_key on hardpoint_event (source, key);

-- An id the signature does not cover cannot defeat dedupe: then the body counts too.
create unique index hardpoint_event_body on hardpoint_event (source, body_sha256)
    where asserted = 1 and quarantine is null;
create index hardpoint_event_quarantine on hardpoint_event (source, body_sha256)
    where quarantine is not null;
create index hardpoint_event_unhandled on hardpoint_event (id) where handlers = 0;

-- Apart from the events, so that looking for one never reads bodies, and retention can take them.
create table hardpoint_content (
    seq integer primary key,
    event text not null,
    headers blob not null,
    body blob not null
);

-- Unfinished work only. `boot` is set while leased; `run_at` is then the end of the lease.
create table hardpoint_job (
    event text not null,
    handler text not null,
    run_at real not null,
    boot integer,
    fence integer not null,
    failures integer not null default 0,
    crashes integer not null default 0,
    suspect integer not null default 0,
    started integer not null default 0,
    primary key (event, handler)
) without rowid;

create index hardpoint_job_run_at on hardpoint_job (run_at);
create index hardpoint_job_suspect on hardpoint_job (crashes, run_at) where suspect = 1;

create table hardpoint_attempt (
    event text not null,
    handler text not null,
    number integer not null,
    started_at real not null,
    ended_at real not null,
    outcome text not null,
    error text,
    primary key (event, handler, number)
) without rowid;

create index hardpoint_attempt_skipped on hardpoint_attempt (event) where outcome = 'skipped';

create table hardpoint_dead (
    event text not null,
    handler text not null,
    fence integer not null,
    at real not null,
    reason text not null,
    failures integer not null,
    crashes integer not null,
    error text,
    primary key (event, handler)
) without rowid;

create index hardpoint_dead_at on hardpoint_dead (at);

create table hardpoint_refused (
    source text not null,
    reason text not null,
    minute integer not null,
    count integer not null,
    primary key (source, reason, minute)
) without rowid;

create table hardpoint_audit (
    id integer primary key,
    at real not null,
    actor text not null,
    action text not null,
    target text not null,
    reason text not null
);
