"""What a vendor's own log would show: calls by operation and result, commits, how many a second."""

from __future__ import annotations

from collections import Counter, deque
from enum import StrEnum
from typing import Any, Final

_ARRIVALS_KEPT: Final = 50_000  # of one operation; more than an hour at 10 a second


class Vendor(StrEnum):
    OKKI = "okki"
    YIDA = "yida"


class Operation(StrEnum):
    """One kind of call; both versions of a path are the same operation."""

    TOKEN = "token"
    LIST = "list"
    DETAIL = "detail"
    GROUPS = "groups"
    FIELDS = "fields"
    REMOVE = "remove"
    START = "start"
    UPDATE = "update"
    SEARCH = "search"
    IDS = "ids"
    GET = "get"
    GET_MANY = "get_many"
    DEFINITIONS = "definitions"
    FORMS = "forms"
    PREVIEW = "preview"
    TERMINATE = "terminate"
    DELETE = "delete"
    SAVE = "save"
    UNKNOWN = "unknown"


class Result(StrEnum):
    """How a call ended, as seen from the server."""

    OK = "ok"
    THROTTLED = "throttled"
    STALE_TOKEN = "stale_token"
    REFUSED = "refused"
    FAILED = "failed"
    LOST = "lost"
    """The reply did not arrive whole; `committed` tells whether it was executed."""


class Counters:
    """Counts since the start or the last reset; arrival times are monotonic seconds."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.calls: Counter[tuple[Vendor, Operation, Result]] = Counter()
        self.committed: Counter[tuple[Vendor, Operation]] = Counter()
        # One flat count: a counter for each key would cost half a kilobyte a product.
        self._keyed: Counter[tuple[str, Operation]] = Counter()
        self._arrivals: dict[tuple[Vendor, Operation], deque[tuple[float, bool]]] = {}

    def arrived(self, vendor: Vendor, operation: Operation, at: float, result: Result) -> None:
        """Count a call that ended; `at` is when it arrived."""
        self.calls[vendor, operation, result] += 1
        arrivals = self._arrivals.get((vendor, operation))
        if arrivals is None:
            arrivals = self._arrivals[vendor, operation] = deque(maxlen=_ARRIVALS_KEPT)
        arrivals.append((at, result is Result.THROTTLED))

    def keyed(self, key: str, operation: Operation) -> None:
        """Count a call to Yida that is about one business key."""
        self._keyed[key, operation] += 1

    def by_key(self) -> dict[str, dict[Operation, int]]:
        """Calls to Yida for each business key that any was about."""
        found: dict[str, dict[Operation, int]] = {}
        for (key, operation), count in self._keyed.items():
            found.setdefault(key, {})[operation] = count
        return found

    def count(self, vendor: Vendor, operation: Operation, result: Result | None = None) -> int:
        """Calls of one operation, with one result or with any."""
        return sum(self.calls[vendor, operation, each] for each in ([result] if result else Result))

    def most_in_one_second(self, vendor: Vendor, operation: Operation) -> int:
        """The fullest half-open second, wherever it starts, among the arrivals that are kept."""
        window: deque[float] = deque()
        most = 0
        for at in sorted(at for at, _ in self._arrivals.get((vendor, operation), ())):
            window.append(at)
            while window[0] <= at - 1.0:
                window.popleft()
            most = max(most, len(window))
        return most

    def seconds(self, vendor: Vendor, operation: Operation) -> list[list[int]]:
        """For each second since the first arrival: calls, and how many of them were throttled."""
        arrivals = sorted(self._arrivals.get((vendor, operation), ()))
        if not arrivals:
            return []
        first = int(arrivals[0][0])
        rows = [[0, 0] for _ in range(int(arrivals[-1][0]) - first + 1)]
        for at, throttled in arrivals:
            rows[int(at) - first][0] += 1
            rows[int(at) - first][1] += throttled
        return rows

    def to_json(self) -> dict[str, Any]:
        """All of it but the counts by key, with names joined by dots."""
        return {
            "calls": {".".join(names): count for names, count in sorted(self.calls.items())},
            "committed": {".".join(names): count for names, count in sorted(self.committed.items())},
            "most_in_one_second": {
                ".".join(names): self.most_in_one_second(*names) for names in sorted(self._arrivals)
            },
            "seconds": {".".join(names): self.seconds(*names)[-600:] for names in sorted(self._arrivals)},
        }
