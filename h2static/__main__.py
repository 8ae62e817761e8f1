"""``python -m h2static``: the same as the command ``h2static``."""

import sys

from h2static.cli import main

if __name__ == "__main__":
    sys.exit(main())
