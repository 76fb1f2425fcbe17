"""THE ENGINE: a renewal or an acquisition, from evidence to evidence (domain/renewal.py says which step is next).

journal.py       what was meant and what was done, on the disk before and after       begin here
"""
