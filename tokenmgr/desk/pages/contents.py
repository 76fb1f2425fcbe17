"""What is in a certificate: to be read, copied, printed. It is no secret; the key is not in it."""

from __future__ import annotations

import html
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QBuffer, QIODevice, QStandardPaths
from PySide6.QtGui import QGuiApplication, QPdfWriter, QTextDocument
from PySide6.QtPrintSupport import QPrintDialog, QPrinter
from PySide6.QtWidgets import QFileDialog

from tokenmgr.desk import style, troubles
from tokenmgr.desk.contents import Field, as_text, fields
from tokenmgr.desk.parts import Page, beside, button, card, rows, text
from tokenmgr.domain.credential import CertificateFacts
from tokenmgr.errors import FileNotWritten
from tokenmgr.wiring.words import t

LONG = 30  # characters without a blank, which a narrow window has no room for


class ContentsPage(Page):
    name = "contents"

    def __init__(self, facts: CertificateFacts, store: str, back: Callable[[], object]) -> None:
        super().__init__(t("desk_contents.heading"))
        self._number = f"{facts.serial_number:x}"
        self._groups = fields(facts, store)
        for found in self._groups:
            self.add(card(rows((name, _breakable(value)) for name, value in found)))
        self.said = text("", "good")
        acts = {"copy": self.copy, "print": self._print, "pdf": self._choose_pdf}
        self.add(beside(*(button(t(f"desk_contents.{name}"), act) for name, act in acts.items())))
        self.add(self.said)
        self.finish()
        self.button(t("desk.back"), back, primary=True)

    def copy(self) -> None:
        QGuiApplication.clipboard().setText(as_text(self._all()))
        self._say(t("desk_contents.copied"), "good")

    def write_pdf(self, path: str) -> None:
        try:
            Path(path).write_bytes(self._pdf())
        except OSError as error:
            words = troubles.said(FileNotWritten(file=path, reason=error.strerror or ""))
            self._say(f"{words['what']}\n{t('desk_contents.elsewhere')}", "warning")
        else:
            self._say(t("desk_contents.written", file=path), "good")

    def _say(self, words: str, role: str) -> None:
        self.said.setText(words)
        style.mark(self.said, role)

    def _choose_pdf(self) -> None:
        """The system's own dialog, where it has one."""
        folder = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
        suggested = f"{folder}/certificate-{self._number}.pdf"
        dialog = QFileDialog(self, t("desk_contents.pdf"), suggested, "PDF (*.pdf)")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("pdf")
        dialog.fileSelected.connect(self.write_pdf)
        dialog.open()

    def _print(self) -> None:
        printer = QPrinter()
        if QPrintDialog(printer, self).exec():
            self._document().print_(printer)

    def _all(self) -> list[Field]:
        return [one for group in self._groups for one in group]

    def _pdf(self) -> bytes:
        """In memory first: Qt says of no file why it could not be written, and of some not even that."""
        made = QBuffer()
        made.open(QIODevice.OpenModeFlag.WriteOnly)
        self._document().print_(QPdfWriter(made))
        return bytes(made.data().data())

    def _document(self) -> QTextDocument:
        """On paper: black on white, whatever the window has. A name from a certificate is no markup."""
        lines = [
            f"<tr><td>{html.escape(name)}</td><td>{html.escape(value).replace(chr(10), '<br>')}</td></tr>"
            for name, value in self._all()
        ]
        made = QTextDocument()
        made.setHtml(f"<h2>{html.escape(self.heading.text())}</h2><table cellpadding='4'>{''.join(lines)}</table>")
        return made


def _breakable(value: str) -> str:
    """An address or an object identifier may go on in the next line, at a dot or a slash. What is copied may not."""
    if all(len(word) < LONG for word in value.split()) or not {".", "/"} & {*value}:
        return value
    return value.replace(".", ".\u200b").replace("/", "/\u200b")
