"""SIGNS. What a certificate of this CA is, the last look before it is signed, the signature, the revocation list, and
how the CA itself is made. It knows no contract, no SQL and no HTTP, and is handed the keys it signs with.

    profile.py     what each kind of certificate says                                   begin here
    lint.py        what must be true of one before it is signed; the rules are in rules_*.py
    issuer.py      draft, lint, sign, check: the only way to this CA's signature
    keycheck.py    which public keys are certified
    crl.py         the revocation list, and deltas to it
    ocsp.py        what a certificate's standing is, as ocsp_request.py was asked
    folder.py      where a CA is kept; ceremony.py makes one, in staging.py's folder aside
"""
