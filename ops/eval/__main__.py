"""`python -m ops.eval`."""

from ops.eval.runner import main

if __name__ == "__main__":
    main()
