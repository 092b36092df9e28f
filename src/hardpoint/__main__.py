"""`python -m hardpoint` is `hardpoint`."""

import sys

from hardpoint.cli.main import main

sys.exit(main())
