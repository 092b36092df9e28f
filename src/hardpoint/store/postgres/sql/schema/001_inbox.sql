create schema hardpoint;

create table hardpoint.meta (
    name text primary key,
    value text not null
);

insert into hardpoint.meta values ('store', gen_random_uuid()::text);

-- Unix seconds by the database's clock: the only one that due times and signs of life go by.
create function hardpoint.now() returns double precision language sql volatile
    as $$ select extract(epoch from clock_timestamp())::double precision $$;

-- One row for each process that works. Its leases are others' to take once its beat is too old.
create table hardpoint.process (
    id uuid primary key,
    host text not null,
    pid integer not null,
    started_at double precision not null,
    beat_at double precision not null
) with (fillfactor = 50);

-- One row for each event, written once; it outlives its content as the tombstone of its key.
-- `dedupe` stands for source and key, whatever characters these hold, and however long they are.
-- `claim` stands for source and body, where the signature does not cover the id.
create table hardpoint.event (
    id uuid primary key,
    dedupe bytea not null,
    claim bytea,
    source text not null,
    vendor_id text,
    type text not null,
    account text,
    asserted boolean not null,
    received_at double precision not null,
    signed_at bigint,
    correlation_id text not null,
    body_sha256 bytea not null,
    body_bytes integer not null,
    quarantine text,
    handlers integer not null
) with (toast_tuple_target = 4080);

create unique index event_dedupe on hardpoint.event (dedupe);
create unique index event_claim on hardpoint.event (claim) where claim is not null;
create index event_vendor_id on hardpoint.event (md5(vendor_id)) where vendor_id is not null;
create index event_quarantine on hardpoint.event (source, body_sha256) where quarantine is not null;
create index event_unhandled on hardpoint.event (id) where handlers = 0;

-- Apart from the events, so that looking for one never reads bodies, and retention can take them.
create table hardpoint.content (
    event uuid primary key,
    headers bytea not null,
    body bytea not null
) with (toast_tuple_target = 4080);

alter table hardpoint.content alter column body set storage external;

-- Unfinished work only. `owner` is set while leased; it is a process, and may be one that is gone.
create table hardpoint.job (
    event uuid not null,
    handler text not null,
    lane text not null,
    run_at double precision not null,
    owner uuid,
    fence integer not null,
    failures integer not null default 0,
    crashes integer not null default 0,
    suspect boolean not null default false,
    started boolean not null default false,
    primary key (event, handler)
) with (
    fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0
);

create index job_lane on hardpoint.job (lane collate "C", run_at)
    where owner is null and not suspect;
create index job_suspect on hardpoint.job (crashes, run_at) where suspect and owner is null;
create index job_owner on hardpoint.job (owner) where owner is not null;

create table hardpoint.attempt (
    event uuid not null,
    handler text not null,
    number integer not null,
    started_at double precision not null,
    ended_at double precision not null,
    outcome text not null,
    error text,
    place text,
    primary key (event, handler, number)
);

create index attempt_skipped on hardpoint.attempt (event) where outcome = 'skipped';

create table hardpoint.dead (
    event uuid not null,
    handler text not null,
    fence integer not null,
    at double precision not null,
    reason text not null,
    failures integer not null,
    crashes integer not null,
    error text,
    place text,
    primary key (event, handler)
);

create index dead_at on hardpoint.dead (at);

create table hardpoint.refused (
    source text not null,
    reason text not null,
    minute integer not null,
    count bigint not null,
    primary key (source, reason, minute)
);

create table hardpoint.audit (
    id bigint generated always as identity primary key,
    at double precision not null,
    actor text not null,
    action text not null,
    target text not null,
    reason text not null
);
