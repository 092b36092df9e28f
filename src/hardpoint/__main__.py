"""`python -m hardpoint` is `hardpoint`."""

from hardpoint.cli.main import script

script()
