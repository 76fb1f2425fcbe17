"""The registration authority decides who gets a certificate. One verb a file; it is handed its stores (ports.py)."""
