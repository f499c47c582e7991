"""Yida's store of instances, and the search index beside it, which lags, stands still or is fresh.

An instance keeps all its versions, each as the bytes of its JSON. A search sees the latest version that the
index has reached; reading by id sees the latest one.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import orjson

_DELETED: Final = b""


@dataclass(frozen=True, slots=True)
class Version:
    """What an instance held from `written_at` (wall clock); searchable from `visible_at` (monotonic)."""

    written_at: float
    visible_at: float
    content: bytes

    @property
    def deleted(self) -> bool:
        return self.content == _DELETED

    def data(self) -> dict[str, Any]:
        """The content as it was written, with what stood before and was not written."""
        found: dict[str, Any] = orjson.loads(self.content)
        return found


class Instance:
    """One row of a form, with its whole history."""

    __slots__ = ("id", "number", "status", "user_id", "versions")

    def __init__(self, instance_id: str, number: int, user_id: str, status: str, first: Version) -> None:
        self.id = instance_id
        self.number = number
        self.user_id = user_id
        self.status = status
        self.versions: tuple[Version, ...] = (first,)

    @property
    def created_at(self) -> float:
        return self.versions[0].written_at

    @property
    def latest(self) -> Version:
        return self.versions[-1]

    @property
    def deleted(self) -> bool:
        return self.versions[-1].deleted

    def visible(self, horizon: float) -> Version | None:
        """The version that the index shows; None when it shows none (not yet, or deleted)."""
        for version in reversed(self.versions):
            if version.visible_at <= horizon:
                return None if version.deleted else version
        return None


class SearchIndex:
    """How far the index has come: writes show `lag` (and up to `jitter`) later, unless it is frozen."""

    def __init__(
        self, *, lag: timedelta, jitter: timedelta, monotonic: Callable[[], float], seed: int
    ) -> None:
        self.lag = lag
        self.jitter = jitter
        self._monotonic = monotonic
        self._random = random.Random(seed)
        self._frozen_at: float | None = None

    @property
    def frozen(self) -> bool:
        return self._frozen_at is not None

    def freeze(self) -> None:
        """Stand still: nothing becomes visible that is not visible now."""
        if self._frozen_at is None:
            self._frozen_at = self._monotonic()

    def thaw(self) -> None:
        """Catch up at once with everything whose lag has passed."""
        self._frozen_at = None

    def horizon(self) -> float:
        """Versions with `visible_at` up to here are shown."""
        return self._monotonic() if self._frozen_at is None else self._frozen_at

    def visible_at(self) -> float:
        """When a write of this moment is shown."""
        jitter = self.jitter.total_seconds()
        return (
            self._monotonic() + self.lag.total_seconds() + (self._random.random() * jitter if jitter else 0.0)
        )


class InstanceStore:
    """All instances of one form, by id and by the text of their components."""

    def __init__(self, *, index: SearchIndex, wall: Callable[[], float], fold: Callable[[str], str]) -> None:
        self.index = index
        self._wall = wall
        self._fold = fold
        self._instances: list[Instance] = []
        self._by_id: dict[str, int] = {}
        # Component -> folded text -> numbers of instances that ever held it; built at the first search.
        self._texts: dict[str, dict[str, int | list[int]]] = {}

    def __len__(self) -> int:
        return len(self._instances)

    def __iter__(self) -> Iterator[Instance]:
        """Every instance that was ever created, oldest first."""
        return iter(self._instances)

    def create(self, data: dict[str, Any], *, user_id: str, status: str, id_prefix: str = "") -> Instance:
        number = len(self._instances)
        instance_id = id_prefix + (uuid.uuid4().hex.upper() if id_prefix else str(uuid.uuid4()))
        instance = Instance(instance_id, number, user_id, status, self._version(_kept(data)))
        self._instances.append(instance)
        self._by_id[instance_id] = number
        self._note_texts(number, data)
        return instance

    def get(self, instance_id: str) -> Instance | None:
        """Fresh, as the primary store shows it; None when there is none or it was deleted."""
        number = self._by_id.get(instance_id)
        if number is None or self._instances[number].deleted:
            return None
        return self._instances[number]

    def update(self, instance: Instance, changes: dict[str, Any]) -> None:
        """A new version: the given components replace, the others stay."""
        instance.versions += (self._version(_kept({**instance.latest.data(), **changes})),)
        self._note_texts(instance.number, changes)

    def delete(self, instance: Instance) -> None:
        instance.versions += (self._version(_DELETED),)

    def newest_first(self) -> Iterator[Instance]:
        return reversed(self._instances)

    def holding(self, field_id: str, text: str) -> list[Instance]:
        """Instances of which some version holds this text, newest first; which version, the caller checks."""
        texts = self._texts.get(field_id)
        if texts is None:
            self._texts[field_id] = texts = {}
            for instance in self._instances:
                for version in instance.versions:
                    if not version.deleted:
                        self._note_text(texts, version.data().get(field_id), instance.number)
        found = texts.get(self._fold(text), [])
        numbers = [found] if isinstance(found, int) else found
        return [self._instances[number] for number in sorted(numbers, reverse=True)]

    def _version(self, content: bytes) -> Version:
        return Version(self._wall(), self.index.visible_at(), content)

    def _note_texts(self, number: int, data: dict[str, Any]) -> None:
        for field_id, texts in self._texts.items():
            self._note_text(texts, data.get(field_id), number)

    def _note_text(self, texts: dict[str, int | list[int]], value: Any, number: int) -> None:
        if not isinstance(value, str):
            return
        folded = self._fold(value)
        known = texts.get(folded)
        if known is None:
            texts[folded] = number  # one number is the rule: a list for each would double the memory
        elif isinstance(known, int):
            if known != number:
                texts[folded] = [known, number]
        elif number not in known:
            known.append(number)


def _kept(data: dict[str, Any]) -> bytes:
    # A copy, because what orjson returns keeps its whole write buffer: 4 KB for 400 bytes, seen with 3.13.
    return bytes(bytearray(orjson.dumps(data)))
