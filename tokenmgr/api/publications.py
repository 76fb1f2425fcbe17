"""What anybody may know: a bank's offer, what there is of a key, the CA's list of revoked certificates."""

from __future__ import annotations

import re

from tokenmgr.api.service import Service
from tokenmgr.ca.profile import POLICIES_REHEARSED
from tokenmgr.domain.party import Bank, Role
from tokenmgr.domain.policy import Permit, Refusal, permit_renewal
from tokenmgr.errors import BankUnknown, RequestMalformed
from tokenmgr.ra import acquire
from tokenmgr.sql.keys import Known

_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


def bank_offer(service: Service, code: str) -> dict[str, object]:
    """What a client shows before it begins: the choice of store (R5), the key kinds, whom to ask (R16)."""
    bank = known_bank(service, code)
    policy = bank.policy
    return {
        "code": bank.code,
        "name": bank.name,
        "service_name": bank.service_name,
        "contact": bank.contact,
        "media_page": bank.media_page,
        "stores": [
            store for store, offered in (("medium", policy.media_offered), ("pc", policy.pc_allowed)) if offered
        ],
        "key_kinds": [kind.value for kind in policy.key_kinds],
        "renewal_days": policy.renewal_days,
        "grace_days": policy.grace_days,
        "policies": {"medium": service.issuer.profile.policy_medium, "pc": service.issuer.profile.policy_pc},
        "rehearsals": {store.value: oid for store, oid in POLICIES_REHEARSED.items()},
        "old_generation": policy.old_generation.value,
        "now": service.clock().isoformat(timespec="microseconds"),
    }


def key_standing(service: Service, code: str, fingerprint: str) -> dict[str, object]:
    """What the CA has of a key of this bank's, and what is open to its holder now, in the same store.

    Nobody is asked who they are: whoever knows the hash has the key or has seen the certificate; so has every site that
    it has logged in to, and whoever listened to that over TLS 1.2 (RFC 5246, 7.4.6: in the clear). Contract, ID, store
    and end are in the certificate, and whether it is good is OCSP's to say to anybody. What is told besides: the role,
    which of two good ones counts, whether the ID is locked (as to anybody who tries its PINs), whether its bank asks
    for a rehearsal, and what is open until when.
    """
    bank = known_bank(service, code)
    if not _FINGERPRINT.fullmatch(fingerprint):
        raise RequestMalformed(reason="a key is named by 64 hexadecimal digits in lower case")
    known = service.registry.known(bank.code, bytes.fromhex(fingerprint))
    return {"state": "unknown"} if known is None else _told(service, known)


def _told(service: Service, known: Known) -> dict[str, object]:
    one, standing, now = known.generation, known.standing, service.clock()
    who, policy = standing.subscriber, standing.bank.policy
    assert one.store is not None  # noqa: S101  every subscriber's has one
    return {
        "state": one.state.value,
        "serial_number": f"{one.serial:x}",
        "role": who.role.value,
        "contract": who.contract,
        "user": who.user,
        "store": one.store.value,
        "not_after": one.not_after,
        "confirm_by": one.confirm_by,
        "is_last": known.is_last,
        "is_rehearsal": one.is_rehearsal,
        "rehearsal_wanted": known.rehearsed.is_wanted,
        "locked": known.is_locked,
        "renewal": _open(permit_renewal(one, one.store, policy, now, who.role is Role.USER)),
        "acquisition": _open(acquire.permit(standing, one.store, now)),
    }


def _open(answer: Permit | Refusal) -> dict[str, object]:
    if isinstance(answer, Permit):
        return {"open": True, "until": answer.until, "reason": "", "way": ""}
    return {"open": False, "until": answer.until, "reason": answer.reason.value, "way": answer.way.value}


def known_bank(service: Service, code: str) -> Bank:
    found = service.registry.bank(code) if len(code) == 4 and code.isascii() else None
    if found is None:
        raise BankUnknown(bank=code[:16])
    return found


def current_crl(service: Service, authority: int = 0) -> bytes:
    """The newest of an authority's, or of the one in service, empty before the first; the jobs see to it that it is
    never out of date."""
    found = service.administration.crl(authority or service.keys.current.number)
    return found.der if found else b""
