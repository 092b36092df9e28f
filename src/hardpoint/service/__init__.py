"""The service: two listeners, a narrowed HTTP protocol, operator's API, reload, graceful stop."""
