-- What a process does, and whose handlers it knows; null where it is of an earlier version.
-- `reload_at` is when it was last asked to read its configuration again.
alter table hardpoint.process
    add column receives boolean,
    add column works boolean,
    add column handlers text[],
    add column reload_at double precision;
