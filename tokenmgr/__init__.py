"""tokenmgr makes, renews and retires client certificates whose private keys live on a USB token.

The house, top floor to ground; a room imports only rooms below it (tests/test_walls.py holds the walls):

    cli/         words, options, exit codes; wires the rooms together       testbed/  simulated media, beside the house
    token/       everything a PKCS#11 medium can be asked, through a child process that may crash
    usb/         what is plugged in, and when that changes
    catalogue/   reads drivers/: one file a token family                    diagnostics  doctor and its support bundle
    pki/         X.509 without I/O
    domain/      what is true: frozen values and pure rules, standard library only
    errors  clock  config  log  system  data  messages

Read these five first:
    domain/credential.py   what a key on a medium must be to be trusted
    token/session.py       what a medium can be asked
    token/gate.py          the only importer of python-pkcs11, and its traps
    token/worker.py        how a hung or crashed library stays somebody else's problem
    errors/__init__.py     everything that can go wrong, drawn
"""

__version__ = "0.1.0"
