"""Requests that are signed: method, address and body are proved, not only who sends them.

A signature is made anew for every attempt, since it holds the time; an idempotency key stays.
"""
