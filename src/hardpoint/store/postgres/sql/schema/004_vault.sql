-- The vault's tables and those of signing in, as a vault's file has them.

-- One row for each credential a connection has: `slot` is `main` but where one answer brought two.
-- `version` counts its credentials and never falls. `lease_*` is set while one process refreshes;
-- `attempt_at` from just before a refresh token is sent until its answer is known: set without a
-- lease, the outcome is in doubt.
create table hardpoint.connection (
    tenant text not null,
    name text not null,
    slot text not null,
    kind text not null,
    client text,
    account text,
    state text not null,
    reason text,
    state_since double precision not null,
    version bigint not null,
    scope text,
    issued_at double precision not null,
    expires_at double precision,
    refresh_expires_at double precision,
    refreshable integer not null,
    lease_owner text,
    lease_until double precision,
    attempt_at double precision,
    failures bigint not null default 0,
    retry_at double precision,
    rejected bigint not null default 0,
    created_at double precision not null,
    primary key (tenant, name, slot)
);

-- What only the keyring opens. The version before the latest is kept until that has been used.
create table hardpoint.credential (
    tenant text not null,
    name text not null,
    slot text not null,
    version bigint not null,
    key_id text not null,
    wrapped bytea not null,
    sealed bytea not null,
    created_at double precision not null,
    primary key (tenant, name, slot, version)
);

create index credential_key on hardpoint.credential (key_id);

-- Which key an id has meant: another under the same id is refused when the vault opens.
create table hardpoint.key (
    id text primary key,
    key_check bytea not null
);

-- Clients that their provider refuses: the operator's matter, no connection is to blame.
create table hardpoint.client (
    name text primary key,
    refused_at double precision not null,
    retry_at double precision not null,
    reason text not null
);

-- A flow that is under way, under the hash of its state: it is deleted by whoever uses it. What the
-- browser holds is kept as a hash, the PKCE verifier and the nonce not at all: they follow from
-- `salt` and what the browser holds.
create table hardpoint.flow (
    key text primary key,
    kind text not null,
    provider text not null,
    browser text not null,
    salt bytea not null,
    return_to text not null,
    scopes text not null,
    "user" text,
    connection text,
    account text,
    age_max double precision,
    expires_at double precision not null
);

create index flow_browser on hardpoint.flow (browser, expires_at);
create index flow_expiry on hardpoint.flow (expires_at);

-- A browser in which somebody is signed in, under the hash of what it holds.
create table hardpoint.session (
    key text primary key,
    "user" text not null,
    created_at double precision not null,
    seen_at double precision not null,
    idle_until double precision not null,
    absolute_until double precision not null,
    issuer text,
    subject text,
    issuer_session text
);

create index session_of_user on hardpoint.session ("user");
create index session_issuer on hardpoint.session (issuer, issuer_session);
create index session_idle on hardpoint.session (idle_until);
