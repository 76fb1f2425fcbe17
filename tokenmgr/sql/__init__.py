"""REMEMBERS. The only room with SQL, the only importer of SQLAlchemy: on SQLite, or PostgreSQL for several nodes.

engine.py          a database by its URL: short reads, durable writes, streams; what its failures are called
turns.py           writes that wait at the same time are committed together
schema.py          the tables as they are; migrations/ how they came to be that
trail.py           the audit trail, written: every act notes what it does, each commit chains it
rows.py            rows <-> the domain's values
registry.py        what the registration authority asks for (ra/ports.py), by tries, tickets, generations, exchanges
administration.py  what a bank and the CA's operator ask for, by parties and crls
"""
