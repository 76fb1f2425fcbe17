"""The tests mirror the code; flows are in tests/flows.

Modules are compiled once, whatever the environment says: not by each of the thousand processes that are started.
"""

import os
import sys

sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
