# ruff: noqa: N815
"""What breaks the protocol or its protection, under the names of RFC 4210, 5.2.3 (PKIFailureInfo)."""

from __future__ import annotations

from enum import Enum


class FailInfo(Enum):
    """The bits of PKIFailureInfo, each with its number."""

    badAlg = 0
    badMessageCheck = 1
    badRequest = 2
    badTime = 3
    badCertId = 4
    badDataFormat = 5
    wrongAuthority = 6
    incorrectData = 7
    missingTimeStamp = 8
    badPOP = 9
    certRevoked = 10
    certConfirmed = 11
    wrongIntegrity = 12
    badRecipientNonce = 13
    timeNotAvailable = 14
    unacceptedPolicy = 15
    unacceptedExtension = 16
    addInfoNotAvailable = 17
    badSenderNonce = 18
    badCertTemplate = 19
    signerNotTrusted = 20
    transactionIdInUse = 21
    unsupportedVersion = 22
    notAuthorized = 23
    systemUnavail = 24
    systemFailure = 25
    duplicateCertReq = 26


class ProtocolFault(Exception):
    """`text` is short English for the other side's log (PKIFreeText). It repeats nothing that the other side sent."""

    def __init__(self, fail: FailInfo, text: str) -> None:
        super().__init__(fail, text)
        self.fail = fail
        self.text = text

    def __str__(self) -> str:
        return f"{self.fail.name}: {self.text}"
