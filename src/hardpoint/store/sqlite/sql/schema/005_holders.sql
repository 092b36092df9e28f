-- Whose a call is that was begun and has not ended: a session, which lives as long as its process,
-- and the number of the call there. Nobody's is in doubt.
alter table hardpoint_call add column holder text;
alter table hardpoint_call add column token integer;
create index hardpoint_call_holder on hardpoint_call (holder) where holder is not null;
