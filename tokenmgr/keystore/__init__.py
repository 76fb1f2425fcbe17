"""STORES ON THE PC, for customers without a medium: one file a kind.

nss.py    where Firefox and Chromium keep their keys; the token room opens it, as one more PKCS#11 token
"""
