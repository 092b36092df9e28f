"""How bytes travel to a third party: one transport, limited in time and size."""
