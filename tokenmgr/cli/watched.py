"""Whether what a serving CA has read has changed meanwhile: its ca.toml, a certificate that this names, its TLS."""

from __future__ import annotations

from pathlib import Path

from tokenmgr.ca.about import read_about
from tokenmgr.ca.folder import ABOUT
from tokenmgr.errors import AuthorityDamaged

Seen = tuple[int, int, int] | None


class Watched:
    """Called again and again: true once for each change."""

    def __init__(self, folder: Path, *others: Path) -> None:
        self._about, self._others = folder / ABOUT, others
        self._files: tuple[Path, ...] = ()
        self._of: Seen = None  # the ca.toml that names these files
        self._seen = self._look()

    def __call__(self) -> bool:
        before, self._seen = self._seen, self._look()
        return self._seen != before

    def _look(self) -> tuple[Seen, ...]:
        about = _seen(self._about)
        if about != self._of:
            try:
                self._files = tuple(self._about.parent / name for name in sorted(read_about(self._about).files))
            except (OSError, AuthorityDamaged):
                return self._seen  # somebody is editing it: nothing has changed until it can be read
            self._of = about
        return (about, *map(_seen, (*self._files, *self._others)))


def _seen(file: Path) -> Seen:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size
