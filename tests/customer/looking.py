"""`status` and `clean` of a world: its medium without a login, and with one."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from tests.api.rig import BANK
from tests.renewal.world import World
from tokenmgr.customer import cleaning
from tokenmgr.customer import status as seeing
from tokenmgr.customer.looks import of_token
from tokenmgr.customer.profiles import Profile
from tokenmgr.customer.status import Status
from tokenmgr.domain.status import Judged
from tokenmgr.renewal.cleanup import Kept
from tokenmgr.renewal.ports import AuthorityPort

PROFILE = Profile(BANK, "みほん信用金庫", "https://ca.example", (), "", None)


def reach(world: World) -> AbstractContextManager[AuthorityPort]:
    return nullcontext(world.near)


def reach_nobody(_profile: Profile) -> AbstractContextManager[AuthorityPort]:
    raise AssertionError("no bank is known here, and so no CA is asked")


def status(world: World, online: bool = True, folder: Path | None = None) -> Status:
    world.store.close()  # nobody is logged in
    looks = [of_token(world.library, facts) for facts in world.library.media()]
    where = folder or world.folder
    return seeing.status(looks, [PROFILE], where, lambda _: reach(world), lambda: world.rig.now, offline=not online)


def judged(found: Status) -> list[Judged]:
    return [row.judged for seen in found.stores for row in seen.rows]


def listed(world: World, online: bool = True, folder: Path | None = None) -> cleaning.Listed:
    known = [PROFILE] if online else []
    return cleaning.listed(world.store, known, folder or world.folder, lambda _: reach(world), lambda: world.rig.now)


def reasons(found: cleaning.Listed) -> list[str]:
    """Of all but the CA's own."""
    return sorted(one.reason.value for one in found.decided if one.reason is not Kept.AUTHORITY)
