"""A medium's life, for real and in seconds: made, keyed, certified, verified, pulled in the middle, plugged again."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable

from cryptography import x509
from cryptography.x509.oid import NameOID

from tokenmgr import clock
from tokenmgr.config import Settings
from tokenmgr.domain.credential import Key, KeyKind
from tokenmgr.errors import TokenmgrError
from tokenmgr.log import Secret
from tokenmgr.messages import Texts
from tokenmgr.pki.facts import certificate_facts
from tokenmgr.pki.request import request
from tokenmgr.testbed.bed import Testbed
from tokenmgr.testbed.simulated import PIN
from tokenmgr.testbed.throwaway_ca import ThrowawayCA
from tokenmgr.token.checkup import check
from tokenmgr.token.module import Library
from tokenmgr.token.session import Session
from tokenmgr.token.signer import signer

LABEL = "鍵と電子証明書"


class Life:
    """Run it once, end it always."""

    pin = PIN

    def __init__(self, settings: Settings, texts: Texts, language: str, say: Callable[[str], None]) -> None:
        self._settings, self._texts, self._language, self._say = settings, texts, language, say
        self._testbed = Testbed(settings.home / "testbed", settings.environment, settings.library_folder)
        (self._medium,) = self._testbed.up("fresh", name=f"life-{os.getpid()}", label="Shinkin IB", alive=True)
        self.serial = self._medium.serial
        self._number = 0

    def run(self) -> None:
        self._say(self._texts("life.title", folder=self._medium.folder))
        self._step("made", serial=self.serial, label=self._medium.about.label)
        with self._medium.library(self._settings.time_limits) as library:
            self._certify(library)
            self._pull(library)
            self._look_again(library)

    def end(self) -> None:
        self._testbed.down(self._medium.name)

    def _step(self, name: str, **facts: object) -> None:
        self._number += 1
        self._say(f"  {self._number:2}  {self._texts(f'life.{name}', **facts)}")

    def _certify(self, library: Library) -> None:
        now = clock.now()
        authority = ThrowawayCA(now)
        with Session.open(library, self.serial, write=True) as session, Secret(PIN) as pin:
            session.login(pin)
            key = self._generate(session)
            subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "9999 0001 管理者")])
            wanted = request(signer(session, key), subject)
            self._step("requested", size=len(wanted))
            certificate = authority.issue(wanted)
            facts = certificate_facts(certificate)
            until = clock.japan_time(facts.not_after, self._language)
            self._step("certified", subject=facts.subject, time=until)
            session.put_certificate(certificate, key.key_id, LABEL, authority.chain)
            self._step("written")
            self._verify(session)

    def _generate(self, session: Session) -> Key:
        started = time.perf_counter()
        key = session.generate_key(KeyKind.RSA_2048, os.urandom(8), LABEL)
        milliseconds = round((time.perf_counter() - started) * 1000)
        self._step("keyed", kind=key.kind, key_id=key.key_id.hex(), ms=milliseconds)
        return key

    def _verify(self, session: Session) -> None:
        problems = check(session, clock.now()).problems
        if problems:
            raise RuntimeError(f"the medium that was just made has problems: {problems}")
        self._step("verified")

    def _pull(self, library: Library) -> None:
        """Pulled while it generates: SoftHSM has no plug, so its directory is renamed away under the running call."""
        with Session.open(library, self.serial, write=True) as session, Secret(PIN) as pin:
            session.login(pin)
            puller = threading.Timer(0.05, self._medium.unplug)
            puller.start()
            try:
                for number in itertools.count(1):  # a fast computer may finish one before the hand is at the plug
                    session.generate_key(KeyKind.RSA_4096, b"unfinished %d" % number, LABEL)
            except TokenmgrError as error:
                self._step("pulled", code=error.code, what=self._texts.error(error)["what"])
            finally:
                puller.join()
        try:
            library.find(self.serial)
        except TokenmgrError as error:
            self._step("absent", code=error.code, what=self._texts.error(error)["what"])

    def _look_again(self, library: Library) -> None:
        self._medium.plug()
        self._step("plugged", serial=library.find(self.serial).serial)
        with Session.open(library, self.serial) as session, Secret(PIN) as pin:
            session.login(pin)
            checkup = check(session, clock.now())
        left = any(credential.certificate is None for credential in checkup.credentials)
        if checkup.problems or not any(credential.certificate for credential in checkup.credentials):
            raise RuntimeError(f"the certificate did not survive: {checkup.problems}")
        self._step("survived", fate=self._texts("life.fate_left" if left else "life.fate_gone"))
