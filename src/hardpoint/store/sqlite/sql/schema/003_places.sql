-- Where in the user's code an attempt failed: module, line and function, with colons between.
alter table hardpoint_attempt add column place text;
alter table hardpoint_dead add column place text;
