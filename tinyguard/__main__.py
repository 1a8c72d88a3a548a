"""`python -m tinyguard` is `tinyguard`."""

import sys

from tinyguard.cli import main

if __name__ == "__main__":
    sys.exit(main())
