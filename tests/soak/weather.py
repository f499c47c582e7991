"""What happens in a storm, drawn from a seed: faults of both vendors, people at work, processes that end.

Pure: a :class:`Spell` says what is switched on and done for a few seconds; :mod:`tests.soak.soak` does it.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from xmsyncd.simulator.counters import Vendor


class Blow(StrEnum):
    """What becomes of the daemon's process in a spell."""

    NONE = "none"
    KILL = "kill"
    TERMINATE = "terminate"
    FREEZE = "freeze"
    """SIGSTOP for the spell: a machine that was suspended."""


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that people do in OKKI or Yida, as a request to the simulation's control."""

    path: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Spell:
    """A few seconds of the storm. Its faults end with it; its deeds stay done."""

    seconds: float
    faults: tuple[Mapping[str, Any], ...]
    deeds: tuple[Deed, ...]
    blow: Blow
    blow_after: float
    unplugged: Vendor | None
    """Whose connections are dropped and refused."""


# Name, properties, and how often relative to the others. Rates are drawn where none is given.
_FAULTS: tuple[tuple[int, str, Mapping[str, Any]], ...] = (
    (4, "lost_reset", {"api": "yida"}),
    (3, "lost_timeout", {"api": "yida", "seconds": 4.0}),
    (3, "lost_502", {"api": "yida"}),
    (3, "dropped_before", {"api": "yida"}),
    (2, "hang_before", {"api": "yida", "seconds": 4.0}),
    (3, "html_502", {"api": "yida"}),
    (3, "ambiguous_500", {"api": "yida"}),
    (3, "ambiguous_500", {"api": "yida", "variant": "executed"}),
    (2, "empty_body", {"api": "yida"}),
    (2, "truncated_json", {"api": "yida"}),
    (2, "truncated_body", {"api": "yida"}),
    (1, "trickle", {"api": "yida", "seconds": 2.5}),
    (2, "error_in_200", {"api": "yida"}),
    (2, "success_false_200", {"api": "yida"}),
    (2, "stale_token", {"api": "yida"}),
    (2, "throttle_app", {"api": "yida"}),
    (1, "throttle_api", {"api": "yida"}),
    (2, "too_fast", {"api": "yida"}),
    (2, "too_many_visitors", {"api": "yida", "status": 500}),
    (1, "form_busy", {"api": "yida", "rate": 0.01}),
    (1, "permission", {"api": "yida", "rate": 0.01}),
    # An index that shows nothing at all for a while. One that shows something else each time would be a
    # search that lies at random: from that nobody can learn what is there.
    (2, "search_blind", {"api": "yida", "rate": 1.0}),
    (2, "slow", {"api": "yida", "seconds": 1.0}),
    (1, "wrong_type", {"api": "yida"}),
    (2, "coded", {}),  # a code that no table knows
    (2, "system_busy", {}),
    # Its pause is a minute and no setting: one is enough to still an interface until the daemon is killed.
    (1, "throttle_minute", {"rate": 1.0, "times": 1}),
    # What was sent from the address is refused for so long, then silence for the setting's time.
    (1, "ip_block", {"rate": 0.1, "times": 1, "seconds": 1.5}),
    (1, "ip_block", {"rate": 0.1, "times": 1, "seconds": 1.5, "variant": "html"}),
    # These stop the pipeline, which tries one call now and then (`probe_every`) and goes on when it may.
    (1, "quota_spent", {"rate": 0.01}),
    (1, "coded", {"rate": 0.01, "code": "invalidState.form.formNotExist"}),
    (1, "coded", {"rate": 1.0, "operation": "token", "code": "invalidClientIdOrSecret"}),
    # A few are parked, for a person to try again; where none is accepted it is the form, and a stop.
    (2, "refuse", {}),
    (2, "lost_reset", {"api": "okki"}),
    (2, "dropped_before", {"api": "okki"}),
    (1, "hang_before", {"api": "okki", "seconds": 4.0}),
    (2, "stale_token", {"api": "okki"}),
    (2, "okki_throttle_200", {}),
    (2, "okki_429", {"seconds": 1.0}),
    (2, "okki_server_error", {}),
    (2, "okki_html", {}),
    (2, "okki_truncated", {}),
    (1, "wrong_type", {"api": "okki"}),
    (2, "okki_oauth", {"code": "server_error"}),
    (1, "okki_oauth", {"code": "invalid_scope", "status": 403}),
    (1, "okki_oauth", {"rate": 1.0, "operation": "token"}),  # the secret is refused
    (3, "page_drift", {"every": 3, "rate": 1.0}),
    (2, "lying_total", {"rate": 1.0}),
)
_RATES = (0.02, 0.1, 0.3, 1.0)
_OFF_THE_NETWORK = (*12 * (None,), *Vendor)
_TOTALS = ("count", "totalItem", "string", "missing")


def spells(seed: int) -> Weather:
    """An endless storm."""
    return Weather(random.Random(seed))


class Weather:
    """Draws one spell after the other."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._numbers = 0

    def next_spell(self, ids: list[int]) -> Spell:
        """``ids``: the products that exist, for those deeds that name one."""
        rng = self._rng
        seconds = rng.uniform(1.5, 5.0)
        return Spell(
            seconds=seconds,
            faults=tuple(self._fault() for _ in range(rng.choice((0, 1, 1, 2, 3)))),
            deeds=tuple(self._deed(ids) for _ in range(rng.randint(1, 4))),
            blow=rng.choices((Blow.NONE, Blow.KILL, Blow.TERMINATE, Blow.FREEZE), (5, 4, 1, 1))[0],
            blow_after=rng.uniform(0.2, seconds),
            unplugged=rng.choice(_OFF_THE_NETWORK),
        )

    def place(self, size: int) -> int:
        """Somewhere below ``size``."""
        return self._rng.randrange(size)

    def _fault(self) -> Mapping[str, Any]:
        weights = [weight for weight, _, _ in _FAULTS]
        _, name, properties = self._rng.choices(_FAULTS, weights)[0]
        return {"name": name, "rate": self._rng.choice(_RATES), **properties}

    def _deed(self, ids: list[int]) -> Deed:
        rng = self._rng
        kinds = (
            self._edits,
            self._edits,
            self._new_products,
            self._swap,
            self._lines,
            self._word,
            self._new_number,
            self._dirt,
            self._deletion,
            self._stale_tokens,
            self._index,
            self._limit,
            self._total,
        )
        return rng.choice(kinds)(ids)

    def _edits(self, _ids: list[int]) -> Deed:
        return Deed("/edit", {"random": self._rng.choice((1, 5, 30))})

    def _new_products(self, _ids: list[int]) -> Deed:
        return Deed("/create", {"count": self._rng.choice((1, 5, 20))})

    def _swap(self, ids: list[int]) -> Deed:
        return Deed("/swap", {"ids": self._rng.sample(ids, 2)})

    def _new_number(self, ids: list[int]) -> Deed:
        """A number is freed; sometimes a new product takes one that was freed before."""
        self._numbers += 1
        number = f"改号-{self._rng.randint(1, max(1, self._numbers // 2))}"
        return Deed("/edit", {"id": self._rng.choice(ids), "fields": {"product_no": number}})

    def _lines(self, ids: list[int]) -> Deed:
        """What the table component holds of a product."""
        lines = [{"text": f"明细 {self._rng.randint(1, 99)}"} for _ in range(self._rng.randrange(4))]
        return Deed("/edit", {"id": self._rng.choice(ids), "fields": {"unnamed": {"soak_lines": lines}}})

    def _word(self, ids: list[int]) -> Deed:
        """A remark that the filter or a rule looks at, or one that lets the product in again."""
        word = self._rng.choice(("停售", "待审", "恢复"))
        remark = f"{word} {self._rng.randint(1, 999)}"
        return Deed("/edit", {"id": self._rng.choice(ids), "fields": {"product_remark": remark}})

    def _dirt(self, _ids: list[int]) -> Deed:
        kind = self._rng.choice(("empty_number", "duplicate_number", "missing_name", "unknown_group"))
        return Deed("/dirt", {"kind": kind, "count": 1})

    def _deletion(self, ids: list[int]) -> Deed:
        return Deed("/delete", {"id": self._rng.choice(ids)})

    def _stale_tokens(self, _ids: list[int]) -> Deed:
        return Deed("/revoke_tokens", {})

    def _index(self, _ids: list[int]) -> Deed:
        if self._rng.random() < 0.3:
            return Deed("/index", {"frozen": self._rng.random() < 0.5})
        return Deed(
            "/index",
            {
                "frozen": False,
                "lag_seconds": self._rng.choice((0.0, 0.5, 2.0)),
                "jitter_seconds": self._rng.choice((0.0, 0.5)),
            },
        )

    def _limit(self, _ids: list[int]) -> Deed:
        return Deed(
            "/limits",
            {
                "qps": self._rng.choice((None, 20, 60, 100)),
                "window": self._rng.choice(("fixed", "sliding", "bucket")),
            },
        )

    def _total(self, _ids: list[int]) -> Deed:
        return Deed("/okki", {"total": self._rng.choice(_TOTALS)})
