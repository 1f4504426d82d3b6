"""`python -m ops.load`."""

import sys

from ops.load.runner import main

if __name__ == "__main__":
    sys.exit(main())
