-- Keys by which others call our own endpoints: of each only a hash, and the beginning that finds it
-- and may be shown. A key that was revoked or has expired stays, for the record.
create table hardpoint_api_key (
    id text primary key not null,
    prefix text not null unique,
    hash blob not null,
    name text not null,
    scopes text not null,
    tenant text not null,
    created_at real not null,
    expires_at real,
    revoked_at real,
    last_used_at real
) without rowid;

create index hardpoint_api_key_tenant on hardpoint_api_key (tenant, id);

-- What signed requests to us have used up: a hash of who sent it and of what, until it is too old
-- to be taken anyway.
create table hardpoint_nonce (
    key text primary key not null,
    expires_at real not null
) without rowid;

create index hardpoint_nonce_expiry on hardpoint_nonce (expires_at);
