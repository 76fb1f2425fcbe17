"""Tests of tokenmgr/token."""
