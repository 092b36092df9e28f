-- The end of a job as the last statement of a transaction of the application's own. Its role needs
-- to use the schema, and no table in it.
create function hardpoint.complete(
    of_event uuid, of_handler text, of_fence integer, of_owner uuid, since double precision
) returns void language plpgsql security definer set search_path = '' as $$
begin
    delete from hardpoint.job
    where event = of_event and handler = of_handler and fence = of_fence and owner = of_owner;
    if not found then
        raise exception 'another attempt has taken over this job' using errcode = 'HP001';
    end if;
    insert into hardpoint.attempt (event, handler, number, started_at, ended_at, outcome)
    values (of_event, of_handler, of_fence, since, hardpoint.now(), 'done');
end
$$;

-- Which store it is: a connection to a copy is told from one to the store itself.
create function hardpoint.store() returns text language sql stable
    security definer set search_path = ''
    as $$ select value from hardpoint.meta where name = 'store' $$;
