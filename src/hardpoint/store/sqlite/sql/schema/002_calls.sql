-- One row for each key under which a call was begun. `ended_at` is set once it is known to have been
-- done; `doubted_at` since when, at the latest, nothing of it is being sent. `cleared`: someone has
-- looked.
create table hardpoint_call (
    scope text not null,
    key text not null,
    fingerprint blob not null,
    likeness blob,
    event text,
    handler text,
    attempt integer,
    started_at real not null,
    doubted_at real,
    cleared integer not null default 0,
    ended_at real,
    subject text,
    result blob,
    primary key (scope, key)
) without rowid;

create index hardpoint_call_open on hardpoint_call (doubted_at) where ended_at is null;
create index hardpoint_call_job on hardpoint_call (event, handler) where event is not null;
create index hardpoint_call_subject on hardpoint_call (scope, subject) where subject is not null;
create index hardpoint_call_likeness on hardpoint_call (scope, likeness)
    where ended_at is null and likeness is not null;
create index hardpoint_call_ended on hardpoint_call (ended_at) where ended_at is not null;
create index hardpoint_call_result on hardpoint_call (ended_at) where result is not null;
