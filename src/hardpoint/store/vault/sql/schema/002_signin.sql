-- A flow that is under way, under the hash of its state: it is deleted by whoever uses it. What the
-- browser holds is kept as a hash, the PKCE verifier and the nonce not at all: they follow from
-- `salt` and what the browser holds.
create table hardpoint_flow (
    key text primary key not null,
    kind text not null,
    provider text not null,
    browser text not null,
    salt blob not null,
    return_to text not null,
    scopes text not null,
    user text,
    connection text,
    account text,
    age_max real,
    expires_at real not null
) without rowid;

create index hardpoint_flow_browser on hardpoint_flow (browser, expires_at);
create index hardpoint_flow_expiry on hardpoint_flow (expires_at);

-- A browser in which somebody is signed in, under the hash of what it holds.
create table hardpoint_session (
    key text primary key not null,
    user text not null,
    created_at real not null,
    seen_at real not null,
    idle_until real not null,
    absolute_until real not null,
    issuer text,
    subject text,
    issuer_session text
) without rowid;

create index hardpoint_session_user on hardpoint_session (user);
create index hardpoint_session_issuer on hardpoint_session (issuer, issuer_session);
create index hardpoint_session_idle on hardpoint_session (idle_until);
