"""`python -m aiocloud` is the `aiocloud` command."""

import sys

from aiocloud.cli import main

if __name__ == "__main__":
    sys.exit(main())
