"""`python -m ops.recall`."""

from ops.recall.runner import main

if __name__ == "__main__":
    main()
