"""Tests of tokenmgr/usb."""
