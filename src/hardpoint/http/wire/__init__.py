"""HTTP/1.1 as we speak it: what goes out, what may come back, and the connections in between.

Nothing here waits. `hardpoint.http.asynchronous` and `hardpoint.http.blocking` do.
"""
