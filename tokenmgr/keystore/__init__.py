"""THE PC'S OWN STORE: keys and certificates in one encrypted file, for whoever has no medium.

file.py      the store, as the engine has it: everything that it can be asked                   begin here
form.py      the file: what it is made of, as text and back, strictly
sealed.py    who may read and who may alter it: the passphrase, the master key, seals
disk.py      one writer at a time, and the old file or the new one at every instant
keyring.py   the passphrase kept by the system
export.py    a key and its certificate as PKCS#12, for a browser
"""
