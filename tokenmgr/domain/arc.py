"""Our own arc of object identifiers.

Made from a UUID (e337966e-1573-4a4b-9341-88317facb16d), so that it is unique by construction and nobody has to register
it. Not as 2.25.UUID (ITU-T X.667, 7), whose last arc has 128 bits: verifiers need only know arcs below 2^28 (RFC 5280,
appendix B), and pkilint reads none above 2^32. Microsoft's arc for the same purpose cuts the UUID into seven.

    1  certificate policies (ca/profile.py)
    2  questions of CMP's general message (cmp/oids.py)
    3  extended key usages
"""

ARC = "1.2.840.113556.1.8000.2554.58167.38510.5491.19019.37697.8925567.11317613"
REHEARSAL = f"{ARC}.3.1"  # what a certificate is for that was made for a rehearsal: no login (domain/rehearsal.py)
