"""The tests mirror the code; flows are in tests/flows."""
