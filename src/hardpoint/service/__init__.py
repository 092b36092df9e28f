"""The service: two listeners, a narrowed HTTP protocol, reload, graceful stop."""
