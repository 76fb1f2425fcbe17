"""The command line: one file per group. Words and exit codes are output.py's, objects are wired in wiring.py."""
