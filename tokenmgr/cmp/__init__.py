"""CMP (RFC 4210, 9480, 9483) without I/O, for the CA and for the PC alike.

messages.py    parse, assemble, and all values    checks.py  the list of RFC 9483, a function an item
protection.py  MAC and signature, made, verified  faults.py  what breaks the protocol, by its RFC name
"""
