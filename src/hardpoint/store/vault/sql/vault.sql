-- name: connection
select * from hardpoint_connection where tenant = ? and name = ? and slot = ?

-- name: connections
select * from hardpoint_connection where tenant = coalesce(?, tenant) order by tenant, name, slot

-- name: save
insert into hardpoint_connection (
    tenant, name, slot, kind, client, account, state, reason, state_since, version, scope,
    issued_at, expires_at, refresh_expires_at, refreshable, lease_owner, lease_until, attempt_at,
    failures, retry_at, rejected, created_at
) values (
    :tenant, :name, :slot, :kind, :client, :account, :state, :reason, :state_since, :version,
    :scope, :issued_at, :expires_at, :refresh_expires_at, :refreshable, :lease_owner, :lease_until,
    :attempt_at, :failures, :retry_at, :rejected, :created_at
)
on conflict (tenant, name, slot) do update set
    kind = excluded.kind, client = excluded.client, account = excluded.account,
    state = excluded.state, reason = excluded.reason, state_since = excluded.state_since,
    version = excluded.version, scope = excluded.scope, issued_at = excluded.issued_at,
    expires_at = excluded.expires_at, refresh_expires_at = excluded.refresh_expires_at,
    refreshable = excluded.refreshable, lease_owner = excluded.lease_owner,
    lease_until = excluded.lease_until, attempt_at = excluded.attempt_at,
    failures = excluded.failures, retry_at = excluded.retry_at, rejected = excluded.rejected

-- name: credential
select version, key_id, wrapped, sealed, created_at from hardpoint_credential
where tenant = ? and name = ? and slot = ? and version = ?

-- name: add_credential
insert into hardpoint_credential (
    tenant, name, slot, version, key_id, wrapped, sealed, created_at
) values (?, ?, ?, ?, ?, ?, ?, ?)

-- name: drop_credentials
delete from hardpoint_credential where tenant = ? and name = ? and slot = ? and version < ?

-- name: wrapped_otherwise
select tenant, name, slot, version, key_id, wrapped, sealed, created_at from hardpoint_credential
where key_id <> ? limit ?

-- name: rewrap
update hardpoint_credential set key_id = ?, wrapped = ?
where tenant = ? and name = ? and slot = ? and version = ?

-- name: keys_in_use
select distinct key_id from hardpoint_credential

-- name: key_check
select key_check from hardpoint_key where id = ?

-- name: add_key
insert into hardpoint_key (id, key_check) values (?, ?) on conflict do nothing

-- name: drop_keys
delete from hardpoint_key where id not in (select key_id from hardpoint_credential)

-- name: client
select name, refused_at, retry_at, reason from hardpoint_client where name = ?

-- name: refuse_client
insert into hardpoint_client (name, refused_at, retry_at, reason) values (?, ?, ?, ?)
on conflict (name) do update set retry_at = excluded.retry_at, reason = excluded.reason

-- name: accept_client
delete from hardpoint_client where name = ?
