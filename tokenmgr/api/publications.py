"""What anybody may know: a bank's offer, the CA's certificates, its list of revoked ones."""

from __future__ import annotations

from tokenmgr.api.service import Service
from tokenmgr.domain.party import Bank
from tokenmgr.errors import BankUnknown


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
    }


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
