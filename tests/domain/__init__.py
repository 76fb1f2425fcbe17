"""Tests of tokenmgr/domain."""
