"""THE CUSTOMER'S SIDE, put together: what the command line and the window both do, and neither should do alone.

operations.py     acquire, renew, go on: from a medium and a profile to the engine              begin here
profiles.py       the banks that this computer knows: where their CA is, and whom it believes
medium_store.py   a medium as the engine's store
holdings.py       what is on a medium, key by key; standings.py what the CA says of each
login.py          what browsers will offer the bank's host; host.py what that asks for; login_policies.py what helps
status.py         what is open, due and unfinished; cleaning.py what may be taken away
"""
