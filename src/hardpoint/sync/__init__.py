"""hardpoint without `await`: the same names, for plain scripts and threads.

Each facade holds the asynchronous object and steps it; inside a running event loop it refuses. The
modules here are written by scripts/generate_sync.
"""
