-- A job belongs to a lane: its handler, or, where events are forwarded, its source. Only what waits
-- is in the lanes' index: what is leased costs it nothing, and is leased until its process ends.
alter table hardpoint_job add column lane text not null default '';

update hardpoint_job set
    suspect = suspect and handler <> 'forward',
    lane = case handler
        when 'forward' then (select 'forward/' || source from hardpoint_event where id = event)
        else handler
    end;

drop index hardpoint_job_run_at;
create index hardpoint_job_lane on hardpoint_job (lane, run_at) where boot is null and suspect = 0;
