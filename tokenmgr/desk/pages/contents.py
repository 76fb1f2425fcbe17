"""What is in a certificate: to be read, copied, printed. It is no secret; the key is not in it."""

from __future__ import annotations

import html
from collections.abc import Callable

from PySide6.QtCore import QStandardPaths
from PySide6.QtGui import QGuiApplication, QTextDocument
from PySide6.QtPrintSupport import QPrintDialog, QPrinter
from PySide6.QtWidgets import QFileDialog

from tokenmgr.desk.contents import Field, as_text, fields
from tokenmgr.desk.parts import Page, beside, button, card, rows, text
from tokenmgr.domain.credential import CertificateFacts
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
        self.said.setText(t("desk_contents.copied"))

    def write_pdf(self, path: str) -> None:
        printer = QPrinter()
        printer.setOutputFormat(QPrinter.OutputFormat.PdfFormat)
        printer.setOutputFileName(path)
        self._document().print_(printer)
        self.said.setText(t("desk_contents.written", file=path))

    def _choose_pdf(self) -> None:
        folder = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
        path, _ = QFileDialog.getSaveFileName(
            self, t("desk_contents.pdf"), f"{folder}/certificate-{self._number}.pdf", "PDF (*.pdf)"
        )
        if path:
            self.write_pdf(path)

    def _print(self) -> None:
        printer = QPrinter()
        if QPrintDialog(printer, self).exec():
            self._document().print_(printer)

    def _all(self) -> list[Field]:
        return [one for group in self._groups for one in group]

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
