"""`python -m kling_core`: the same program as `kling`."""

import sys

from kling_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
