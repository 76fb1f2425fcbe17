"""A PKCS#11 medium, and everything it can be asked.

Library (module.py) is a PKCS#11 library in a child process; Session (session.py) is one conversation with one medium.
The child's side is child.py, gate.py and cryptoki.py: nothing else touches python-pkcs11 or a PKCS#11 function.
"""
