"""genm: what a client may ask about the CA (RFC 9483, 4.3). Exactly one question a message."""

from __future__ import annotations

from tokenmgr.api.publications import current_crl
from tokenmgr.api.service import Service
from tokenmgr.ca.folder import crl_at
from tokenmgr.ca.tbs import moment
from tokenmgr.cmp import oids
from tokenmgr.cmp.der import wrap
from tokenmgr.cmp.faults import FailInfo, ProtocolFault
from tokenmgr.cmp.messages import Info
from tokenmgr.pki import der

CURRENT_CRL = "1.3.6.1.5.5.7.4.6"  # id-it-currentCRL (RFC 4210, 5.3.19.6)


def answer(service: Service, asked: Info) -> Info:
    match asked.oid:
        case oids.CA_CERTS:
            return Info(oids.CA_CERTS, wrap(b"".join((*service.chain, *service.keys.issuers))))
        case oids.ROOT_CA_CERT | oids.ROOT_CA_KEY_UPDATE:
            return Info(oids.ROOT_CA_KEY_UPDATE, root_update(service, asked.value))
        case oids.CERT_REQ_TEMPLATE:
            return Info(oids.CERT_REQ_TEMPLATE, None)  # nothing is required beyond RFC 9483, 4.1
        case oids.CRLS:
            crl = current_crl(service)
            return Info(oids.CRLS, wrap(crl) if crl else None)
        case oids.CRL_STATUS_LIST:
            newer = _newer(service, asked.value)
            return Info(oids.CRLS, wrap(newer) if newer else None)  # RFC 9483, 4.3.4: absent where there is none
        case _ if asked.oid == CURRENT_CRL:
            return Info(CURRENT_CRL, current_crl(service) or None)
    raise ProtocolFault(FailInfo.badRequest, "a question that this CA does not answer")


def root_update(service: Service, asked: bytes | None) -> bytes | None:
    """RFC 9483, 4.3.2: from the root that the client has named, by default to the newest. Absent where there is no
    newer one, or where the named one is not known."""
    known = {one.old_with_old: one for one in service.keys.root_updates}
    found = service.keys.root_update if asked is None else known.get(asked)
    if found is None:
        return None
    return wrap(  # RFC 9480, 2.15: newWithNew, newWithOld [0], oldWithNew [1]
        found.new_with_new + wrap(found.new_with_old, 0xA0) + wrap(found.old_with_new, 0xA1)
    )


def _newer(service: Service, value: bytes | None) -> bytes:
    """CRLStatus (4.3.4): of which list, by its address or its issuer's name, and from when the one is that they have.
    Who says nothing has none, of the authority in service."""
    if value is None:
        return current_crl(service)
    try:
        (status,) = der.children(value)
        source, *since = der.children(status.whole)
        has = moment(since[0]) if since else None
    except ValueError as error:
        raise ProtocolFault(FailInfo.badDataFormat, "one CRLStatus") from error
    for one in reversed(service.keys.authorities):
        address = f"{service.status_url}{crl_at(one.number)}".encode("ascii")
        if address in source.body or one.issuing.facts.subject in source.body:
            header = service.administration.crl_header(one.number)
            if header is None or (has and header.issued_at.replace(microsecond=0) <= has):
                return b""
            return current_crl(service, one.number)
    return b""
