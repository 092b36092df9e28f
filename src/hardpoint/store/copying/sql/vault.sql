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
