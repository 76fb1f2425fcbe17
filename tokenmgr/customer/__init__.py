"""THE CUSTOMER'S SIDE, put together: what the command line and the window both do, and neither should do alone.

profiles.py       the banks that this computer knows: where their CA is, and whom it believes
medium_store.py   a medium as the engine's store
operations.py     acquire, renew, go on: from a medium and a profile to the engine              begin here
"""
