"""Renew, go on, rehearse, in the order of R5: preparing, the choice of a store where there is one, the consent; from
there it is the engine's way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tokenmgr.clock import japan_time
from tokenmgr.customer.status import Row, Status
from tokenmgr.customer.status import Seen as Store
from tokenmgr.desk.actions import Action, Chosen
from tokenmgr.desk.choosing import Place, Prepared, prepare
from tokenmgr.desk.errands import Errand, Verb
from tokenmgr.desk.flow import Flow
from tokenmgr.desk.offers import begun_on, tells_of, unseen
from tokenmgr.desk.pages.consent import ConsentPage
from tokenmgr.desk.pages.place import Choice, NoPlacePage, PlacePage
from tokenmgr.desk.words import in_words, labelled, promise, short
from tokenmgr.domain.credential import CertificateFacts
from tokenmgr.domain.generation import StoreKind
from tokenmgr.domain.holding import Whose
from tokenmgr.renewal.journal import Begun
from tokenmgr.wiring.looked import left_in_words
from tokenmgr.wiring.places import Where, by_name, is_on_pc
from tokenmgr.wiring.words import language, t

VERBS = {Action.RENEW: Verb.RENEW, Action.REHEARSE: Verb.REHEARSE}
Told = list[tuple[str, str]]
Back = Callable[[], object]


def begins(flow: Flow, chosen: Chosen) -> None:
    if chosen.store is None:
        return
    if chosen.action is Action.RESUME:
        _go_on(flow, chosen, chosen.store)
    elif chosen.row is not None and chosen.row.item.facts is not None and chosen.row.held.whose is not None:
        facts, whose = chosen.row.item.facts, chosen.row.held.whose
        way = Renewing(flow, VERBS[chosen.action], chosen.store.look.name, facts, whose, chosen.origin)
        way.begin()


@dataclass(frozen=True)
class Renewing:
    """`name`: of the store of now."""

    flow: Flow
    verb: Verb
    name: str
    facts: CertificateFacts
    whose: Whose
    origin: str

    @property
    def kind(self) -> StoreKind:
        return StoreKind.PC if is_on_pc(self.name) else StoreKind.MEDIUM

    def begin(self) -> None:
        self.flow.run(lambda _: prepare(self.whose.bank), t("desk_place.preparing"), self.choose, ())

    def choose(self, prepared: object) -> None:
        """Where there is nothing to choose nobody is asked; and a rehearsal is of what there is."""
        assert isinstance(prepared, Prepared)  # noqa: S101  that is what the job returns
        kinds = prepared.kinds
        if self.verb is Verb.REHEARSE or kinds in ([], [self.kind]):
            self._consent(prepared, self.name, self.flow.home)
        elif len(kinds) > 1:
            self._ask_kind(prepared)
        else:
            self._ask_which(prepared, kinds[0], self.flow.home)

    def _ask_kind(self, prepared: Prepared) -> None:
        def chosen(key: str) -> None:
            if key == self.kind.value == StoreKind.MEDIUM.value:
                self._consent(prepared, self.name, lambda: self._ask_kind(prepared))
            else:
                self._ask_which(prepared, StoreKind(key), lambda: self._ask_kind(prepared))

        def page() -> PlacePage:
            choices = [
                Choice(one.value, *self._of_kind(one, t(f"desk_place.{one.value}"), t(f"desk_place.{one.value}_about")))
                for one in prepared.kinds
            ]
            return PlacePage(t("desk_place.heading"), "", choices, self.kind.value, chosen, self.flow.home)

        self.flow.show(page)

    def _of_kind(self, kind: StoreKind, label: str, about: str) -> tuple[str, str]:
        """The choice names the store of now."""
        if kind is not self.kind:
            return label, about
        return t("desk_place.now", label=label), f"{short(self.name)}\n{about}"

    def _ask_which(self, prepared: Prepared, kind: StoreKind, back: Back) -> None:
        found = prepared.of(kind)
        if not found:
            self.flow.show(lambda: NoPlacePage(self.begin, back))
            return
        usual = self.name if self.name in [one.name for one in found] else ""

        def chosen(name: str) -> None:
            self._consent(prepared, name, lambda: self._ask_which(prepared, kind, back))

        def page() -> PlacePage:
            choices = [Choice(one.name, self._label(one), self._about(one)) for one in found]
            only = t(f"desk_place.only_{kind.value}") if len(prepared.kinds) == 1 else ""
            return PlacePage(t(f"desk_place.which_{kind.value}"), only, choices, usual, chosen, back)

        self.flow.show(page)

    def _label(self, one: Place) -> str:
        label = labelled(one.name, one.label)
        return t("desk_place.now", label=label) if one.name == self.name else label

    def _about(self, one: Place) -> str:
        return promise(one.name) if one.is_made else f"{promise(one.name)}{t('desk_place.to_be_made')}"

    # --- the consent (R6) ---

    def _consent(self, prepared: Prepared, name: str, back: Back) -> None:
        target, source = by_name(name, Where()), by_name(self.name, Where())
        is_moving = name != self.name
        errand = Errand(
            self.verb, target, source if is_moving else None, self.whose.bank, f"{self.facts.serial_number:x}"
        )

        def page() -> ConsentPage:
            told = self._told(prepared, name)
            return ConsentPage(told, lambda: self.flow.start(errand), back, self.origin, self.verb.value)

        self.flow.show(page)

    def _told(self, prepared: Prepared, name: str) -> Told:
        service = prepared.offer.service_name or prepared.profile.service_name
        told = [(t("desk_consent.bank"), prepared.profile.name)]
        told += [(t("desk_consent.service"), service)] if service else []
        told += [*_of_holder(self.whose), *_of_certificate(self.facts, self.flow)]
        if name != self.name:
            return [*told, (t("desk_consent.from"), short(self.name)), (t("desk_consent.to"), in_words(name))]
        return [*told, (t("labels.store"), in_words(name))]


def _go_on(flow: Flow, chosen: Chosen, store: Store) -> None:
    """What was begun is found by the engine; here it is told as far as a look has shown it."""
    whose = chosen.row.held.whose if chosen.row else None
    begun = _begun(chosen.row, store, flow.seen.looked.found) if flow.seen and flow.seen.looked else None
    bank = (begun and begun.bank) or (whose and whose.bank) or None
    errand = Errand(Verb.RESUME, by_name(store.look.name, Where()), bank=bank)

    def page() -> ConsentPage:
        told = [*_of_whose(whose), *_of_begun(begun), (t("labels.store"), in_words(store.look.name))]
        return ConsentPage(told, lambda: flow.start(errand), flow.home, chosen.origin, Verb.RESUME.value)

    flow.show(page)


def _begun(row: Row | None, store: Store, found: Status) -> Begun | None:
    """The newest of that certificate's or key's bank; where none was chosen, of what no other button is for."""
    every = begun_on(store, found)
    meant = [one for one in every if tells_of(row, one)] if row else unseen(store, found) or every
    return meant[-1] if meant else None


def _of_whose(whose: Whose | None) -> Told:
    if whose is None:
        return []
    return [*([(t("desk_consent.bank"), whose.bank_name)] if whose.bank_name else []), *_of_holder(whose)]


def _of_begun(begun: Begun | None) -> Told:
    if begun is None:
        return []
    told = [(t("desk_consent.operation"), t(f"desk_consent.{begun.operation}"))] if begun.operation else []
    told += [(t("desk_consent.begun"), japan_time(begun.at, language()))] if begun.at else []
    told += [(t("desk_consent.last"), t(f"steps.{begun.last.name}_done"))] if begun.last else []
    return told + ([(t("desk_consent.from"), short(begun.source))] if begun.source else [])


def _of_holder(whose: Whose) -> Told:
    return [(t("desk_consent.contract"), whose.contract), (t("desk_consent.user"), whose.user)]


def _of_certificate(facts: CertificateFacts, flow: Flow) -> Told:
    ends = japan_time(facts.not_after, language())
    looked = flow.seen.looked if flow.seen else None
    left = left_in_words(facts.not_after, looked.found.now) if looked else ""
    return [
        (t("labels.serial_number"), f"{facts.serial_number:x}"),
        (t("labels.valid_until"), f"{ends}{left}"),
    ]
