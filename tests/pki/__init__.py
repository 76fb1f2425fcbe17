"""Tests of tokenmgr/pki."""
