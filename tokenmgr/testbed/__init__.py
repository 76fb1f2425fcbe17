"""Simulated media on SoftHSM, for testers. Beside the house: only the CLI imports it."""
