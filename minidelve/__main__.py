"""`python -m minidelve` is `minidelve`."""

import sys

from minidelve.cli import main

sys.exit(main())
