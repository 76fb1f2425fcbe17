"""What lies in project/ is tests of another project: test_plugin.py runs them."""

from __future__ import annotations

collect_ignore = ["project"]
