"""What the doctor has found, as a person reads it: what is wrong first, each with its next step; and what support asks
for: a code to be read out, and a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QStandardPaths
from PySide6.QtWidgets import QFileDialog

from tokenmgr.desk.pages.lists import Line
from tokenmgr.desk.parts import Page, button, card, text, wrapped
from tokenmgr.wiring.words import t


class DiagnosisPage(Page):
    name = "diagnosis"

    def __init__(
        self,
        is_fine: bool,
        told: Sequence[Line],
        fine: Sequence[Line],
        code: str,
        save: Callable[[Path], object],
        check: Callable[[], object],
        home: Callable[[], object],
        suggested: str,
    ) -> None:
        """`told`: what is wrong, and what may be of use; `fine`: what is all right."""
        super().__init__(t("desk_doctor.fine" if is_fine else "desk_doctor.wrong"))
        self._save, self._suggested = save, suggested
        for line in told:
            self.add(card(text(line.name, "large"), *([text(line.about)] if line.about else [])))
        if fine:
            self.add(card(text(t("desk_doctor.all_right"), "quiet"), text("\n".join(f"✓  {one.name}" for one in fine))))
        said = text(code, "large")
        said.setAccessibleName(t("desk_doctor.code_spelt", code=" ".join(code)))
        self.add(card(text(t("desk_doctor.code"), "quiet"), said))
        self.add(text(t("desk_doctor.bundle"), "quiet"))
        self.add(wrapped(button(t("desk_doctor.save"), self._ask_where)))
        self.add(wrapped(button(t("desk_doctor.check"), check)))
        self.finish()
        self.button(t("desk.home"), home, primary=True)

    def _ask_where(self) -> None:
        """The system's own dialog, where it has one."""
        locations = QStandardPaths.StandardLocation
        places = (QStandardPaths.writableLocation(one) for one in (locations.DesktopLocation, locations.HomeLocation))
        folder = next((Path(one) for one in places if one and Path(one).is_dir()), Path())
        dialog = QFileDialog(self, t("desk_doctor.save"), str(folder / self._suggested), "JSON (*.json)")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("json")
        dialog.fileSelected.connect(lambda chosen: self._save(Path(chosen)))
        dialog.open()
