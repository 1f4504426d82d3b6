"""Memory inside the frameworks that agents are written in: one module and one extra for each.

Each module imports its framework, so nothing is imported here. They stand on the SDK, and none makes an agent fail.
"""
