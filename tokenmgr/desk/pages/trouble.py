"""What happened, what was kept, the next step (R14, R15); a button that is that step, from where it stood."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from tokenmgr.desk.actions import Action
from tokenmgr.desk.parts import Page, card, text
from tokenmgr.desk.troubles import Again, details, label, remedy, said
from tokenmgr.errors import RegistrationError, TokenmgrError
from tokenmgr.wiring.words import t


class TroublePage(Page):
    name = "trouble"

    def __init__(
        self,
        error: TokenmgrError,
        home: Callable[[], object],
        again: Callable[[], object] | None = None,
        act: Callable[[Action, str], object] | None = None,
        help_at: Sequence[str] = (),
        way_out: str = "",
    ) -> None:
        """`again`: the same job, which finds what was begun. `act`: something else, about the store of this name.
        `help_at`: whom to ask, as the banks' files say (R16). `way_out`: what `home` is called where there is none."""
        words = said(error)
        super().__init__(words["what"])
        self.add(card(text(t("desk.kept"), "quiet"), text(words["kept"])))
        self.add(card(text(t("desk.next"), "quiet"), text(words["next"], "large"), role="step"))
        if help_at:
            self.add(text("\n".join((t("desk.help"), *help_at)), "quiet"))
        self.add(text(f"{t('desk.details')}\n{details(error)}", "small"))
        self.finish()
        then = _then(error, again, act)
        self.button(way_out or t("desk.home"), home, primary=then is None)
        if then:
            self.button(*then, primary=True)


def _then(
    error: TokenmgrError, again: Callable[[], object] | None, act: Callable[[Action, str], object] | None
) -> tuple[str, Callable[[], object]] | None:
    match remedy(error):
        case Again() as way if again:
            return label(way), again
        case Action() as action if act:
            return label(action), functools.partial(act, action, _store(error))
    return None


def _store(error: TokenmgrError) -> str:
    """The one that it is about. The CA's serial numbers are those of certificates."""
    return "" if isinstance(error, RegistrationError) else str(error.facts.get("serial") or "")
