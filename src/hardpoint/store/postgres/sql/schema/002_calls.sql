-- One row for each key under which a call was begun; `name` stands for scope and key, however long
-- they are. `ended_at` is set once it is known to have been done; `doubted_at` since when, at the
-- latest, nothing of it is being sent. `owner` and `token` are set while it is in flight, `sending`
-- while it may be sent. `cleared`: someone has looked.
create table hardpoint.call (
    name bytea primary key,
    scope text not null,
    key text not null,
    fingerprint bytea not null,
    likeness bytea,
    event text,
    handler text,
    attempt integer,
    started_at double precision not null,
    doubted_at double precision,
    cleared boolean not null default false,
    ended_at double precision,
    subject bytea,
    result bytea,
    owner uuid,
    token bigint,
    sending boolean not null default false
) with (fillfactor = 80);

create index call_owner on hardpoint.call (owner) where owner is not null;
create index call_job on hardpoint.call (event, handler) where event is not null;
create index call_subject on hardpoint.call (subject) where subject is not null;
create index call_likeness on hardpoint.call (scope, likeness)
    where ended_at is null and likeness is not null;
create index call_ended on hardpoint.call (ended_at) where ended_at is not null;
create index call_result on hardpoint.call (ended_at) where result is not null;
