"""X.509 without I/O."""
