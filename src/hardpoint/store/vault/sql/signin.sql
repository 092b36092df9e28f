-- name: drop_flows
delete from hardpoint_flow where expires_at <= ?

-- name: crowd_out
delete from hardpoint_flow where browser = :browser and key not in (
    select key from hardpoint_flow where browser = :browser
    order by expires_at desc, key limit :kept
)

-- name: put_flow
insert into hardpoint_flow (
    key, kind, provider, browser, salt, return_to, scopes, "user", connection, account, age_max,
    expires_at
) values (
    :key, :kind, :provider, :browser, :salt, :return_to, :scopes, :user, :connection, :account,
    :age_max, :expires_at
)

-- name: find_flow
select * from hardpoint_flow where key = ?

-- name: take_flow
delete from hardpoint_flow where key = ?

-- name: drop_sessions
delete from hardpoint_session where idle_until <= ?

-- name: put_session
insert into hardpoint_session (
    key, "user", created_at, seen_at, idle_until, absolute_until, issuer, subject, issuer_session
) values (
    :key, :user, :created_at, :seen_at, :idle_until, :absolute_until, :issuer, :subject,
    :issuer_session
)

-- name: see_session
update hardpoint_session set seen_at = ?, idle_until = ? where key = ?

-- name: find_session
select * from hardpoint_session where key = ?

-- name: end_session
delete from hardpoint_session where key = ?

-- name: end_sessions_of
delete from hardpoint_session where "user" = ?

-- name: end_issuer_session
delete from hardpoint_session where issuer = ? and issuer_session = ?

-- name: end_issuer_subject
delete from hardpoint_session where issuer = ? and subject = ? and created_at <= ?
