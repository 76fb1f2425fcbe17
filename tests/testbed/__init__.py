"""The testbed: its media, scenarios and faults, its command line, and its pytest plugin."""
