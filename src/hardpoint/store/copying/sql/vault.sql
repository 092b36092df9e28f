-- name: connections
select state, count(*) from hardpoint_connection group by 1

-- name: credentials
select 'sealed', count(*) from hardpoint_credential

-- name: keys
select 'known', count(*) from hardpoint_key

-- name: clients
select 'refused', count(*) from hardpoint_client

-- name: flows
select 'under way', count(*) from hardpoint_flow

-- name: sessions
select 'open', count(*) from hardpoint_session

-- name: api_keys
select case when revoked_at is null then 'issued' else 'revoked' end, count(*)
from hardpoint_api_key group by 1

-- name: nonces
select 'used up', count(*) from hardpoint_nonce
