"""What every error has: a code, facts, and whether trying again can help."""

from __future__ import annotations

from typing import ClassVar, dataclass_transform


@dataclass_transform(kw_only_default=True)
class TokenmgrError(Exception):
    """The root. Facts are the annotated attributes of a class, given by name; none of them is ever a PIN.

    Not dataclasses, though type checkers see them so: fifty of those take 8 ms to build, at every start.
    """

    code: ClassVar[str] = "X000"
    retriable: ClassVar[bool] = False
    unfinished = False  # it cut an operation short whose journal goes on: what was made so far is kept
    uncertain = False  # cut short while changing something: whether it was done is not known

    def __init__(self, **facts: object) -> None:
        super().__init__()
        names = self._names()
        missing = [name for name in names if name not in facts and not hasattr(self, name)]
        if missing or not facts.keys() <= set(names):
            raise TypeError(f"{type(self).__name__} takes {names}, not {list(facts)}")
        vars(self).update(facts)

    @classmethod
    def _names(cls) -> list[str]:
        declared = (vars(base).get("__annotations__", {}) for base in reversed(cls.__mro__))
        return [name for one in declared for name, kind in one.items() if not kind.startswith("ClassVar")]

    @property
    def facts(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in self._names()}

    def __str__(self) -> str:
        return " ".join([self.code, type(self).__name__, *(f"{k}={v!r}" for k, v in self.facts.items() if v != "")])
