"""What a specialist for integrations does before, around and after the code.

It looks a vendor up, writes the design down, goes through the checklist, plans a change of vendor
and writes the user's own pages. It reads manifests, the configuration and code; it calls nobody.
"""
