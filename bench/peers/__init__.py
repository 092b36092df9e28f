"""Nineteen defects of resilience libraries, as scenarios that any library can be put through.

    python -m bench.peers                 # every library, table on stdout
    python -m bench.peers --write FILE    # and as a Markdown page

A scenario (`scenarios/`) is written once, against a `Trial`; a library is an adapter of a few lines
(`libraries/`). Each pair answers right, wrong (with what was seen) or not applicable.
"""
