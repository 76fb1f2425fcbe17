"""STORES ON THE PC, for customers without a medium.

file.py      one encrypted file, as the engine's store: everything that it can be asked          begin here
form.py      that file: what it is made of, as text and back, strictly
sealed.py    who may read and who may alter it: the passphrase, the master key, seals
disk.py      one writer at a time, and the old file or the new one at every instant
keys.py      a private key in software
keyring.py   the passphrase kept by the system
export.py    a key and its certificate as PKCS#12, for a browser
nss.py       where Firefox and Chromium keep their keys; the token room opens it, as one more PKCS#11 token
browsers.py  what a browser has, looked at without it: certificates, modules, policies
"""
