"""What a CA is, on the screen and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from tokenmgr.ca.about import PURPOSES, crossing_files
from tokenmgr.ca.certificate import Certificate
from tokenmgr.ca.folder import AuthorityFacts, CaFolder
from tokenmgr.cli.output import table
from tokenmgr.clock import japan_time
from tokenmgr.wiring.words import chosen_language, t


def tell(found: CaFolder) -> None:
    about = found.about
    table(
        [
            (t("labels.name"), about.name),
            (t("ca.url"), about.url),
            (t("ca.status_url"), about.status_url),
            (t("ca.database"), found.database),
            (t("ca.token"), f"{about.serial}  {about.library or t('ca.own_token')}"),
            (t("ca.created"), japan_time(about.created, chosen_language())),
        ]
    )
    for authority in reversed(found.authorities):
        if len(found.authorities) > 1:
            click.echo("\n" + t("ca.in_service" if authority is found.current else "ca.older", number=authority.number))
        for purpose, certificate, file in _certificates(authority):
            _tell_certificate(t(f"ca.{purpose}"), certificate, found.path / file)


def _certificates(authority: AuthorityFacts) -> Iterator[tuple[str, Certificate, str]]:
    for purpose in PURPOSES:
        yield purpose, authority.certificates[purpose], authority.holdings[purpose].file
    if authority.new_with_old and authority.old_with_new:
        new_with_old, old_with_new = crossing_files(authority.number)
        yield "new_with_old", authority.new_with_old, new_with_old
        yield "old_with_new", authority.old_with_new, old_with_new


def _tell_certificate(title: str, certificate: Certificate, file: Path) -> None:
    click.echo(f"\n{title}  {certificate.name}")
    first, second = aloud(certificate.fingerprint)
    table(
        [
            (t("ca.until"), japan_time(certificate.not_after, chosen_language())),
            (t("ca.file"), str(file)),
            ("SHA-256", first),
            ("", second),
        ],
        indent="  ",
    )


def aloud(fingerprint: str) -> tuple[str, str]:
    """In groups of four, eight to a line: what two people on a telephone can follow."""
    groups = [fingerprint[at : at + 4].upper() for at in range(0, len(fingerprint), 4)]
    return " ".join(groups[:8]), " ".join(groups[8:])


def as_value(found: CaFolder) -> dict[str, Any]:
    """The newest authority's certificates under `certificates`, all of them under `authorities`."""
    about = found.about
    authorities = [_authority_as_value(found, one) for one in found.authorities]
    return {
        "folder": str(found.path),
        "name": about.name,
        "url": about.url,
        "status_url": about.status_url,
        "database": found.database,
        "library": about.library,
        "serial": about.serial,
        "created": about.created.isoformat(),
        "policies": {"medium": about.policy_medium, "pc": about.policy_pc},
        "certificates": authorities[-1]["certificates"],
        "authorities": authorities,
    }


def _authority_as_value(found: CaFolder, one: AuthorityFacts) -> dict[str, Any]:
    certificates = {
        purpose: _certificate_as_value(certificate, found.path / file)
        | ({"key_id": one.holdings[purpose].key_id.hex()} if purpose in one.holdings else {})
        for purpose, certificate, file in _certificates(one)
    }
    return {"number": one.number, "certificates": certificates}


def _certificate_as_value(certificate: Certificate, file: Path) -> dict[str, Any]:
    return {
        "name": certificate.name,
        "file": str(file),
        "serial_number": f"{certificate.serial:x}",
        "not_before": certificate.not_before.isoformat(),
        "not_after": certificate.not_after.isoformat(),
        "fingerprint": certificate.fingerprint,
    }
