-- One row for each credential a connection has: `slot` is `main` but where one answer brought two.
-- `version` counts its credentials and never falls. `lease_*` is set while one process refreshes;
-- `attempt_at` from just before a refresh token is sent until its answer is known: set without a
-- lease, the outcome is in doubt.
create table hardpoint_connection (
    tenant text not null,
    name text not null,
    slot text not null,
    kind text not null,
    client text,
    account text,
    state text not null,
    reason text,
    state_since real not null,
    version integer not null,
    scope text,
    issued_at real not null,
    expires_at real,
    refresh_expires_at real,
    refreshable integer not null,
    lease_owner text,
    lease_until real,
    attempt_at real,
    failures integer not null default 0,
    retry_at real,
    rejected integer not null default 0,
    created_at real not null,
    primary key (tenant, name, slot)
) without rowid;

-- What only the keyring opens. The version before the latest is kept until that has been used.
create table hardpoint_credential (
    tenant text not null,
    name text not null,
    slot text not null,
    version integer not null,
    key_id text not null,
    wrapped blob not null,
    sealed blob not null,
    created_at real not null,
    primary key (tenant, name, slot, version)
) without rowid;

create index hardpoint_credential_key on hardpoint_credential (key_id);

-- Which key an id has meant: another under the same id is refused when the vault opens.
create table hardpoint_key (
    id text primary key not null,
    key_check blob not null
) without rowid;

-- Clients that their provider refuses: the operator's matter, no connection is to blame.
create table hardpoint_client (
    name text primary key not null,
    refused_at real not null,
    retry_at real not null,
    reason text not null
) without rowid;
