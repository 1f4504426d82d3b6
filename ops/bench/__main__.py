"""`python -m ops.bench`."""

from ops.bench.runner import main

if __name__ == "__main__":
    main()
