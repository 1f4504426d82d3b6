"""Benchmarks: `python -m ops.bench [name …] [--json FILE] [--quick]`, or `make bench`.

Each benchmark is a module with a `measure`, listed in `runner.BENCHMARKS`. It starts what it needs in a temporary
folder, and compares with something bare that it measured in the same run: a machine's speed then matters less.
"""
