"""THE ENGINE: a renewal or an acquisition, from evidence to evidence (domain/renewal.py says which step is next).

engine.py       the nine steps, top to bottom                                                 begin here
order.py        what an operation is to do
ports.py        what it needs of a store, a CA and whoever looks on
evidence.py     what is known, put together anew before each step
acceptance.py   whether a certificate is the one that was asked for
journal.py      what was meant and what was done, on the disk before and after
recovery.py     what is unfinished on a store, wherever that was begun
cleanup.py      what may be taken away
authority.py    the CA over HTTPS, proxies.py how it is reached; other_ca.py any other CMP server
"""
