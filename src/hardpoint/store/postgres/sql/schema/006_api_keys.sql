-- Keys by which others call our own endpoints: of each only a hash, and the beginning that finds it
-- and may be shown. A key that was revoked or has expired stays, for the record.
create table hardpoint.api_key (
    id text primary key,
    prefix text not null unique,
    hash bytea not null,
    name text not null,
    scopes text not null,
    tenant text not null,
    created_at double precision not null,
    expires_at double precision,
    revoked_at double precision,
    last_used_at double precision
);

create index api_key_tenant on hardpoint.api_key (tenant, id);

-- What signed requests to us have used up: a hash of who sent it and of what, until it is too old
-- to be taken anyway.
create table hardpoint.nonce (
    key text primary key,
    expires_at double precision not null
);

create index nonce_expiry on hardpoint.nonce (expires_at);
