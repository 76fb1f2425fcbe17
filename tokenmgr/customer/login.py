"""What `tokenmgr login` tells: what each browser of this user's will offer a bank's host, put together from the media
that are plugged in, the browsers' own databases and modules, and what the host asks for. No PIN."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path, PurePath

from tokenmgr import system
from tokenmgr.customer.holdings import Item, at_work, holding, items, made_here
from tokenmgr.customer.host import Host, names_asked
from tokenmgr.customer.looks import Look, of_token
from tokenmgr.customer.profiles import Profile
from tokenmgr.domain.credential import CertificateFacts
from tokenmgr.domain.holding import Holding
from tokenmgr.domain.login import Asked, Authorities, Browser, Candidate, Judged, Kind, judge
from tokenmgr.domain.login_policy import CHROMIUM_PLACES, FIREFOX_PLACES, AutoSelect
from tokenmgr.domain.medium import MediumFacts
from tokenmgr.domain.presence import Card
from tokenmgr.errors import HostSilent, NotACertificate, TokenmgrError
from tokenmgr.keystore import browsers
from tokenmgr.keystore.browsers import Module
from tokenmgr.keystore.nss import Database, databases, programs
from tokenmgr.pki.facts import certificate_facts
from tokenmgr.pki.login import may_log_in, parts
from tokenmgr.renewal.journal import begun
from tokenmgr.token.module import Library

FROM_HOST, FROM_ROOTS, FROM_NOTHING = "host", "roots", "nothing"


@dataclass(frozen=True)
class Place:
    """Where certificates lie. `libraries` are the PKCS#11 libraries that show it: none of a browser's own database."""

    name: str
    label: str
    items: Sequence[Item] = ()
    medium: MediumFacts | None = None
    libraries: tuple[str, ...] = ()
    database: Database | None = None
    error: TokenmgrError | None = None


@dataclass(frozen=True)
class Seen:
    """A browser as it is set up on this PC. `policy` is the file that has the say of what it takes by itself."""

    browser: Browser
    database: Database | None
    modules: Sequence[Module] = ()
    policy: Path | None = None
    programs: tuple[str, ...] = ()  # that have it open


@dataclass(frozen=True)
class Heard:
    """What a host asks for, and who says so: itself, or the bank's file."""

    host: Host
    asked: Asked
    source: str
    error: HostSilent | None = None
    judged: Sequence[Judged] = ()


@dataclass
class Login:
    places: Sequence[Place]
    browsers: Sequence[Seen]
    hosts: list[Heard] = field(default_factory=list)

    @property
    def libraries(self) -> dict[str, str]:
        """Of the media that are plugged in, by the name that a browser is to call them."""
        found = {f"tokenmgr-{one.medium.family}": one.libraries[0] for one in self.places if one.medium}
        return dict(sorted(found.items()))


def login(
    media: Sequence[tuple[Library, Card]],
    hosts: Sequence[Host],
    home: Path,
    folder: Path,
    now: datetime,
    offline: bool = False,
    others: Sequence[Look] = (),
    root: Path = Path("/"),
) -> Login:
    """`home` is the user's, `folder` that of the journals; administrators' policies lie below `root`. `others` are
    stores that no browser looks into."""
    found = databases(home)
    places = [_medium(*one) for one in media]
    places += [_look(one) for one in others]
    places += [_database(one) for one in found]
    seen = _browsers(found, places, home, root)
    authorities = _authorities(places, hosts)
    candidates = _candidates(places, folder)
    told = Login(places, seen)
    for host in hosts:
        heard = _hear(host, candidates, offline)
        told.hosts.append(
            replace(
                heard,
                judged=[judge(candidates, one.browser, host.origin, heard.asked, authorities, now) for one in seen],
            )
        )
    return told


def _medium(library: Library, card: Card) -> Place:
    shown = (library.path, *(one.library for one in card.also))
    return replace(_look(of_token(library, card.medium)), medium=card.medium, libraries=shown)


def _look(look: Look) -> Place:
    try:
        return Place(look.name, look.label, items(look.read(), look.shows_keys))
    except TokenmgrError as error:
        return Place(look.name, look.label, error=error)


def _database(one: Database) -> Place:
    try:
        return Place(one.name, one.nick, items(browsers.contents(one), logged_in=True), database=one)
    except TokenmgrError as error:
        return Place(one.name, one.nick, database=one, error=error)


# --- certificates ---


def _candidates(places: Sequence[Place], folder: Path) -> list[Candidate]:
    """Every certificate with a key, and every subscriber's."""
    unfinished = begun(folder)
    found = []
    for place in places:
        named, made = at_work(place.items, unfinished, place.name), made_here(folder, place.name)
        for item in place.items:
            held = holding(item, named, made, None)
            for facts in (one.facts for one in item.certificates):
                if facts is not None and not facts.is_authority and (item.has_key or held.whose):
                    own = replace(held, starts=facts.not_before, ends=facts.not_after)
                    found.append(_candidate(place, facts, own))
    return found


def _candidate(place: Place, facts: CertificateFacts, held: Holding) -> Candidate:
    subject, issuer = parts(facts.subject_der), parts(facts.issuer_der)
    return Candidate(place.name, place.medium is not None, facts, held, may_log_in(facts.der), subject, issuer)


def _authorities(places: Sequence[Place], hosts: Sequence[Host]) -> Authorities:
    found = [
        (place.name, one.facts)
        for place in places
        for item in place.items
        for one in item.certificates
        if one.facts is not None and one.facts.is_authority
    ]
    return [*found, *(("", root) for host in hosts for root in _roots(host.bank))]


def _roots(bank: Profile | None) -> list[CertificateFacts]:
    found = []
    for der in bank.roots if bank else ():
        try:
            found.append(certificate_facts(der))
        except NotACertificate:
            continue
    return found


def _hear(host: Host, candidates: Sequence[Candidate], offline: bool) -> Heard:
    """What the host says; where it says nothing, the bank's own CAs: its roots, and those that have issued what bears
    the bank's code."""
    error, bank = None, host.bank.code if host.bank else ""
    if not offline:
        try:
            return Heard(host, Asked(frozenset(names_asked(host)), bank), FROM_HOST)
        except HostSilent as silent:
            error = silent
    if host.bank is None:
        return Heard(host, Asked(frozenset()), FROM_NOTHING, error)
    own = {one.facts.issuer_der for one in candidates if one.held.whose and one.held.whose.bank == bank}
    roots = {one.subject_der for one in _roots(host.bank)}
    return Heard(host, Asked(frozenset(roots | own), bank), FROM_ROOTS, error)


# --- browsers ---


def _browsers(found: Sequence[Database], places: Sequence[Place], home: Path, root: Path) -> list[Seen]:
    """Each Firefox profile, and Chromium: it has one place for all of its profiles, and on Windows and macOS none that
    we can look into."""
    firefox = [_firefox(one, places, home, root) for one in found if one.browser == Kind.FIREFOX.value]
    own = next((one for one in found if one.browser == Kind.CHROMIUM.value), None)
    if system.NAME != "linux":
        return [*firefox, Seen(Browser(Kind.CHROMIUM.value, Kind.CHROMIUM, None), None)]
    loaded = _loaded(browsers.modules(own), home, root) if own else []
    selects, policy = _chromium_policy(root)
    reached = _reached(own, loaded, places)
    browser = Browser(Kind.CHROMIUM.value, Kind.CHROMIUM, reached, selects=tuple(selects))
    return [*firefox, Seen(browser, own, loaded, policy, programs(own) if own else ())]


def _firefox(database: Database, places: Sequence[Place], home: Path, root: Path) -> Seen:
    file = root / FIREFOX_PLACES[system.NAME].lstrip("/")
    policy = browsers.firefox_policy(file)
    loaded = [*_loaded(browsers.modules(database), home, root), *policy.modules]
    by_itself = browsers.chooses_by_itself(database) if policy.by_itself is None else policy.by_itself
    reached = _reached(database, loaded, places)
    browser = Browser(database.nick, Kind.FIREFOX, reached, takes_by_itself=by_itself)
    says = file if policy.by_itself is not None else None
    return Seen(browser, database, loaded, says, programs(database))


def _chromium_policy(root: Path) -> tuple[list[AutoSelect], Path | None]:
    """Of the browsers of its kind that have one, the first."""
    for folder in CHROMIUM_PLACES["linux"].values():
        entries, file = browsers.chromium_policy(root / folder.lstrip("/"))
        if file is not None:
            return entries, file
    return [], None


def _loaded(modules: Sequence[Module], home: Path, root: Path) -> list[Module]:
    more = browsers.p11_kit_modules(home, root) if any(one.is_proxy for one in modules) else []
    return [*modules, *more]


def _reached(own: Database | None, loaded: Sequence[Module], places: Sequence[Place]) -> frozenset[str]:
    found = {
        place.name for place in places if any(_is_same(one.path, path) for one in loaded for path in place.libraries)
    }
    return frozenset(found | ({own.name} if own else set()))


def _is_same(one: str, other: str) -> bool:
    """By file name: the same library may stand in several places, as links to it."""
    return PurePath(one).name.casefold() == PurePath(other).name.casefold()
