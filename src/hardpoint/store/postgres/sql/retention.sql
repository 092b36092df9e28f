-- name: bodies
-- One chunk, from the oldest on. Unfinished events are left alone; ids rise with time.
with
    looked as materialized (
        select e.id, e.received_at, e.handlers, e.quarantine
        from hardpoint.content c join hardpoint.event e on e.id = c.event
        where c.event > $1
        order by c.event limit $2
    ),
    old as (
        select l.*,
            coalesce(
                (select max(ended_at) from hardpoint.attempt where event = l.id), l.received_at
            ) as ended_at,
            (l.quarantine is not null and l.handlers = 0)
                or exists (select 1 from hardpoint.dead where event = l.id) as dead
        from looked l
        where l.received_at <= (select hardpoint.now()) - $3
            and not exists (select 1 from hardpoint.job where event = l.id)
    ),
    gone as (
        select id, handlers from old
        where ended_at <= (select hardpoint.now()) - case when dead then $4 else $3 end
    ),
    contents as (delete from hardpoint.content where event in (select id from gone)),
    attempts as (
        delete from hardpoint.attempt where event in (select id from gone)
        returning event, outcome
    ),
    skipped as (
        update hardpoint.event set handlers = 0
        where id in (
            select event from attempts group by event
            having bool_or(outcome = 'skipped') and not bool_or(outcome = 'done')
        ) and handlers > 0
    )
select
    (select id from looked order by id desc limit 1),
    (select count(*) from looked where received_at <= (select hardpoint.now()) - $3),
    (select count(*) from gone)

-- name: keys
with
    looked as materialized (
        select id, received_at from hardpoint.event where id > $1 order by id limit $2
    ),
    old as (
        select id from looked
        where received_at <= (select hardpoint.now()) - $3
    ),
    gone as (
        delete from hardpoint.event
        where id in (select id from old)
            and not exists (select 1 from hardpoint.content where event = id)
        returning id
    ),
    letters as (delete from hardpoint.dead where event in (select id from gone))
select
    (select id from looked order by id desc limit 1),
    (select count(*) from old),
    (select count(*) from gone)

-- name: results
-- Results go first, keys later; what may or may not have happened is kept.
update hardpoint.call set result = null
where name in (
    select name from hardpoint.call
    where result is not null and ended_at <= (select hardpoint.now()) - $1
    limit $2
)

-- name: calls
delete from hardpoint.call
where name in (
    select name from hardpoint.call
    where ended_at is not null and ended_at <= (select hardpoint.now()) - $1
    limit $2
)

-- name: refused
delete from hardpoint.refused where minute < ((select hardpoint.now()) - $1) / 60

-- name: audit
delete from hardpoint.audit where at < (select hardpoint.now()) - $1
