"""The whole stack in one process, without Docker: servers from binaries at hand, one worker per role."""
