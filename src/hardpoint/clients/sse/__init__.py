"""Server-sent events (WHATWG HTML, 9.2): `hub.rest("crm").events("/stream")`."""
