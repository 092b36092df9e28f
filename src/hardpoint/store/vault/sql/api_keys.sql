-- name: api_key
select * from hardpoint_api_key where prefix = ?

-- name: api_key_named
select * from hardpoint_api_key where id = ? or prefix = ?

-- name: api_keys
select * from hardpoint_api_key where tenant = coalesce(?, tenant) order by tenant, id

-- name: add_api_key
insert into hardpoint_api_key (
    id, prefix, hash, name, scopes, tenant, created_at, expires_at, revoked_at, last_used_at
) values (
    :id, :prefix, :hash, :name, :scopes, :tenant, :created_at, :expires_at, :revoked_at,
    :last_used_at
)

-- name: revoke_api_key
update hardpoint_api_key set revoked_at = ? where id = ? and revoked_at is null

-- name: expire_api_key
update hardpoint_api_key set expires_at = ? where id = ?

-- name: use_api_key
update hardpoint_api_key set last_used_at = :at
where id = :id and (last_used_at is null or last_used_at < :at)

-- name: drop_nonces
delete from hardpoint_nonce where expires_at <= ?

-- name: add_nonce
insert into hardpoint_nonce (key, expires_at) values (?, ?) on conflict (key) do nothing
