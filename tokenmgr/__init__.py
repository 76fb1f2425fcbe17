"""tokenmgr makes, renews and retires client certificates whose private keys live on a USB token.

The house, top floor to ground; a room imports only rooms below it (tests/test_walls.py holds the walls):

    cli/  desk/  a command line; the customer's window                      testbed/  simulated media, beside the house
    wiring/      the PC side put together for both                      |
    customer/    acquire, renew, go on: what the PC's edges share       |
    renewal/     the engine: nine steps, a journal, evidence            |
    token/       everything a PKCS#11 medium can be asked, through a    | api/   the CA's front: HTTPS, CMP
                 child process that may crash                           | portal/    the pages where customers log in
    keystore/    stores on the PC, for whoever has no medium            | notices/   writes to them in time
    usb/         what is plugged in, and when that changes              | serving/   processes, sockets, TLS
    catalogue/   reads drivers/: one file a token family                | sql/ remembers, ra/ decides, ca/ signs
    diagnostics  doctor and its support bundle                          |        the PC's side never meets the server's
    cmp/  pki/   CMP and X.509 without I/O
    domain/      what is true: frozen values and pure rules, standard library only
    errors  clock  config  log  system  data  messages

Read these six first:
    domain/renewal.py      the nine steps, and which one is next
    domain/credential.py   what a key on a medium must be to be trusted
    token/session.py       what a medium can be asked
    token/gate.py          the only importer of python-pkcs11, and its traps
    token/worker.py        how a hung or crashed library stays somebody else's problem
    ra/issuing.py          how no crash leaves a certificate that nobody knows
"""

__version__ = "0.1.0"
