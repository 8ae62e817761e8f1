"""``python -m h2static.h2get``: the same as the command ``h2get``."""

import sys

from h2static.h2get.cli import main

if __name__ == "__main__":
    sys.exit(main())
