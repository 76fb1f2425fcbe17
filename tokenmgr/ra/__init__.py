"""The registration authority: decides who gets a certificate. One verb a file; its stores are handed to it (ports.py)."""
