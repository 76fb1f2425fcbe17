"""How everything looks: one place. Colours by role, in a light and a dark set that both have a contrast of 4.5:1.

Calm: one accent, for the one thing to do; white space, and a line where something ends. Japanese is set in a gothic of
the system whose own leading suits it, and Qt keeps 、。」 from the beginning of a line.
"""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QApplication, QWidget

SIZE = 12.5  # points of ordinary text: large type
HEADING, LARGE, SMALL = 1.5, 1.15, 0.9  # times that; nothing is smaller than 11 points
GAP = 12  # pixels between two things, before scaling
DARKER = 140  # percent: Fusion's outline
TARGET = 36  # pixels that a finger needs of whatever is pressed
FAMILIES = ("Yu Gothic UI", "Meiryo", "Hiragino Sans", "Noto Sans CJK JP", "Noto Sans")


@dataclass(frozen=True)
class Colours:
    """`line` parts what is shown; `edge` is around what can be pressed or typed into, and is seen at 3:1."""

    back: str
    surface: str
    line: str
    edge: str
    text: str
    quiet: str
    accent: str
    on_accent: str
    good: str
    warning: str
    bad: str
    focus: str


LIGHT = Colours(
    back="#f4f6f9",
    surface="#ffffff",
    line="#d5dbe2",
    edge="#76818e",
    text="#171c22",
    quiet="#4a5562",
    accent="#0b5394",
    on_accent="#ffffff",
    good="#136338",
    warning="#7a4b00",
    bad="#a11616",
    focus="#b45309",
)
DARK = Colours(
    back="#14181d",
    surface="#1e242b",
    line="#39434e",
    edge="#8a96a4",
    text="#f0f2f5",
    quiet="#bcc5d0",
    accent="#8cc2ff",
    on_accent="#08213d",
    good="#86dba4",
    warning="#ffd479",
    bad="#ffaaa3",
    focus="#ffb454",
)


def colours(app: QApplication) -> Colours:
    return DARK if app.styleHints().colorScheme() is Qt.ColorScheme.Dark else LIGHT


def dress(app: QApplication, has: Colours | None = None, times: float = 1.0) -> None:
    """At the start, and whenever the system turns light or dark. `times`: of the size of type."""
    has = has or colours(app)
    app.setStyle("Fusion")  # the same on every system, and it takes its colours from us
    font = QFont()
    font.setFamilies(list(FAMILIES))
    font.setPointSizeF(SIZE * times)
    app.setFont(font)
    app.setPalette(_palette(has))
    for kind in ("QCheckBox", "QRadioButton"):
        app.setPalette(_ticked(has), kind)  # type: ignore[arg-type]  # PySide says bytes, and takes text only
    app.setStyleSheet(_sheet(has, times))


def mark(widget: QWidget, role: str) -> None:
    """The one way in which a page says how something looks: a role that the sheet below knows."""
    widget.setProperty("role", role)
    widget.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)  # else the sheet's background is not drawn
    widget.style().unpolish(widget)
    widget.style().polish(widget)


def _palette(has: Colours) -> QPalette:
    made = QPalette()
    roles = {
        QPalette.ColorRole.Window: has.back,
        QPalette.ColorRole.Base: has.surface,
        QPalette.ColorRole.AlternateBase: has.back,
        QPalette.ColorRole.Text: has.text,
        QPalette.ColorRole.WindowText: has.text,
        QPalette.ColorRole.Button: has.surface,
        QPalette.ColorRole.ButtonText: has.text,
        QPalette.ColorRole.ToolTipBase: has.surface,
        QPalette.ColorRole.ToolTipText: has.text,
        QPalette.ColorRole.PlaceholderText: has.quiet,
        QPalette.ColorRole.Highlight: has.accent,
        QPalette.ColorRole.HighlightedText: has.on_accent,
        QPalette.ColorRole.Link: has.accent,
    }
    for role, colour in roles.items():
        made.setColor(role, QColor(colour))
    return made


def _ticked(has: Colours) -> QPalette:
    """Fusion draws the box of a tick in its window's colour, made darker."""
    made = _palette(has)
    made.setColor(QPalette.ColorRole.Window, QColor(has.edge).lighter(DARKER))
    return made


def _sheet(has: Colours, larger: float = 1.0) -> str:
    def points(times: float) -> str:
        return f"{SIZE * times * larger:.2f}pt"

    return f"""
QWidget[role="heading"] {{ font-size: {points(HEADING)}; font-weight: 600; }}
QWidget[role="large"] {{ font-size: {points(LARGE)}; font-weight: 600; }}
QWidget[role="quiet"] {{ color: {has.quiet}; }}
QWidget[role="small"] {{ color: {has.quiet}; font-size: {points(SMALL)}; }}
QWidget[role="good"] {{ color: {has.good}; font-weight: 600; }}
QWidget[role="warning"] {{ color: {has.warning}; font-weight: 600; }}
QWidget[role="bad"] {{ color: {has.bad}; font-weight: 600; }}
QFrame[role="card"], QFrame[role="step"] {{ background: {has.surface}; border: 1px solid {has.line};
  border-radius: 8px; }}
QFrame[role="step"] {{ border: 2px solid {has.accent}; }}
QFrame[role="line"] {{ background: {has.line}; border: none; min-height: 1px; max-height: 1px; }}
QFrame[role="bar"] {{ background: {has.surface}; border-bottom: 1px solid {has.line}; }}
QWidget[role="feet"] {{ background: {has.surface}; border-top: 1px solid {has.line}; }}
QScrollArea {{ border: none; background: transparent; }}
QPushButton {{ padding: 7px 18px; border: 1px solid {has.edge}; border-radius: 6px; background: {has.surface};
  margin: 2px; min-height: {TARGET - 14}px; }}
QPushButton:hover {{ border-color: {has.accent}; }}
QPushButton[role="primary"] {{ background: {has.accent}; color: {has.on_accent}; border-color: {has.accent};
  font-weight: 600; }}
QPushButton:disabled {{ color: {has.quiet}; background: {has.back}; border-color: {has.line}; }}
QPushButton[role="link"] {{ border: 1px solid transparent; background: transparent; color: {has.accent};
  text-align: left; padding: 7px 6px; }}
QPushButton[role="key"] {{ padding: 4px; min-width: 20px; min-height: {TARGET}px; font-size: {points(LARGE)}; }}
QLineEdit, QComboBox {{ padding: 8px; border: 1px solid {has.edge}; border-radius: 6px; background: {has.surface};
  margin: 2px; min-height: {TARGET - 16}px; }}
QRadioButton, QCheckBox {{ spacing: 10px; padding: 7px 6px; border: 2px solid transparent; border-radius: 6px;
  min-height: {TARGET - 18}px; }}
QCheckBox::indicator, QRadioButton::indicator {{ width: 20px; height: 20px; }}
QPushButton:focus, QLineEdit:focus, QComboBox:focus {{ outline: none; border: 3px solid {has.focus}; margin: 0; }}
QRadioButton:focus, QCheckBox:focus {{ outline: none; border-color: {has.focus}; }}
QProgressBar {{ border: 1px solid {has.edge}; border-radius: 6px; background: {has.back}; height: 12px; }}
QProgressBar::chunk {{ background: {has.accent}; border-radius: 5px; }}
"""
