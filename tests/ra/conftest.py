"""The same rigs as the front's tests have: every rule holds on both databases."""

from __future__ import annotations

from tests.api.conftest import emptied, quick, rig, url

__all__ = ["emptied", "quick", "rig", "url"]
