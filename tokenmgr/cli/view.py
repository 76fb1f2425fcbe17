"""Media and certificates as rows and as JSON, the same in every command."""

from __future__ import annotations

import dataclasses
from typing import Any

from tokenmgr.clock import japan_time
from tokenmgr.domain.credential import CertificateFacts
from tokenmgr.domain.medium import MediumFacts
from tokenmgr.wiring.libraries import known
from tokenmgr.wiring.words import chosen_language, t


def medium_as_json(medium: MediumFacts) -> dict[str, Any]:
    return dataclasses.asdict(medium) | {"pin": medium.pin.value, "so_pin": medium.so_pin.value}


def medium_rows(medium: MediumFacts) -> list[tuple[str, str]]:
    free, total = (
        t("words.unknown_size") if size is None else t("words.bytes", count=size)
        for size in (medium.free_memory, medium.total_memory)
    )
    return [
        (t("labels.serial"), medium.serial or t("media.blank")),
        (t("labels.label"), medium.label),
        (t("labels.model"), f"{medium.manufacturer} {medium.model}"),
        (t("labels.family"), known().family(medium.family).title),
        (t("labels.firmware"), medium.firmware),
        (t("labels.reader"), medium.reader),
        (t("labels.library"), medium.library),
        (t("labels.pin"), t(f"pin.{medium.pin.value}")),
        (t("labels.so_pin"), t(f"pin.{medium.so_pin.value}")),
        (t("labels.pin_length"), f"{medium.shortest_pin}–{medium.longest_pin}"),
        (t("labels.free"), free),
        *([(t("labels.total"), total)] if medium.total_memory is not None else []),
        (t("labels.read_only"), t("words.yes" if medium.read_only else "words.no")),
    ]


def certificate_as_json(facts: CertificateFacts) -> dict[str, Any]:
    return {
        "subject": facts.subject,
        "issuer": facts.issuer,
        "serial_number": f"{facts.serial_number:x}",
        "not_before": facts.not_before.isoformat(),
        "not_after": facts.not_after.isoformat(),
        "fingerprint": facts.fingerprint,
        "authority": facts.is_authority,
    }


def until(facts: CertificateFacts) -> str:
    return japan_time(facts.not_after, chosen_language())
