"""Storm and calm, over and over: the daemon killed at random among faults of all kinds and people's edits.

``make soak SEED=7 MINUTES=60``, or ``python -m tests.soak.soak SEED MINUTES``. Both vendors and the daemon
are processes of their own. After each storm everything is mended, and the simulation's judge, who reads both
stores directly, must find each product exactly once with its latest content, or else the ledger must list it
with a reason.
"""

from __future__ import annotations

import json
import math
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.scenario import KEY, DaemonProcess, write_configuration
from tests.simulator_process import ControlError, SimulatorProcess
from tests.soak.scheme import COMPONENTS, Scheme
from tests.soak.weather import Blow, Deed, Spell, Weather, spells

_CALM_SECONDS = 240.0
"""How long the daemon may take, once all faults are gone, without anything coming right."""

_SAMPLE = 50
"""Products in a row that our own judge looks at, at several places of the catalogue."""

_MENDED = (
    ("POST", "/plug", {"vendor": "okki"}),
    ("POST", "/plug", {"vendor": "yida"}),
    ("POST", "/index", {"frozen": False, "lag_seconds": 0.5, "jitter_seconds": 0.0}),
    ("POST", "/limits", {"qps": None}),
    ("POST", "/okki", {"total": "count"}),
)

_SECONDS = {"read_back_after": ["1s", "3s", "5s", "8s"], "retry_base": "200ms", "retry_cap": "2s"}


class SoakError(AssertionError):
    """The promise was broken; the message says how, and where the evidence lies."""


@dataclass(slots=True)
class Story:
    """What a soak went through, for the report."""

    storms: int = 0
    spells: int = 0
    blows: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    struck: Counter[str] = field(default_factory=Counter)
    deeds: Counter[str] = field(default_factory=Counter)
    products: int = 0
    listed: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)

    def lines(self) -> list[str]:
        """A person's view."""

        def told(counts: Counter[str]) -> str:
            return ", ".join(f"{name} {number}" for name, number in counts.most_common()) or "none"

        return [
            f"storms {self.storms}, spells {self.spells}, products {self.products}",
            f"the daemon: {told(self.blows)}",
            f"faults: {told(self.faults)}",
            f"calls they struck: {told(+self.struck)}",
            f"deeds: {told(self.deeds)}",
            f"listed with a reason: {told(self.listed)}",
            f"calls: {told(self.calls)}",
        ]


class Soak:
    """One soak: ``folder`` keeps configuration, ledger and log of the daemon."""

    def __init__(self, folder: Path, *, seed: int, products: int, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._weather: Weather = spells(seed)
        self._say = say
        self._scheme = Scheme(folder)
        self._simulated = SimulatorProcess(
            products=products, seed=seed, latency=0.01, index_lag=0.5, components=COMPONENTS
        )
        self.story = Story()

    def run(self, *, minutes: float, storm_seconds: float) -> Story:
        """Storm after storm until the time is over. Raises :class:`SoakError`."""
        with self._simulated:
            config = write_configuration(
                self._folder,
                self._simulated,
                okki={"requests_per_second": 200, "timeout": "3s"},
                dingtalk={"requests_per_second": 150, "address_block": "2s"},
                delivery={"in_flight": 16, "call_timeout": "2s", **_SECONDS},
                source={"full_every": "20s"},
                **self._scheme.changes,
            )
            ends_at = time.monotonic() + minutes * 60
            while self.story.storms == 0 or time.monotonic() < ends_at:
                self._storm(config, storm_seconds)
                self._calm(config)
                self._say(
                    f"storm {self.story.storms}: {self.story.products} products agree; "
                    f"{sum(self.story.blows.values())} blows so far"
                )
        return self.story

    def _storm(self, config: Path, seconds: float) -> None:
        self.story.storms += 1
        daemon = DaemonProcess(config)
        daemon.start()
        try:
            self._until_it_holds(daemon)
            ends_at = time.monotonic() + seconds
            while time.monotonic() < ends_at:
                spell = self._weather.next_spell(self._some_ids())
                self._one_spell(spell, daemon)
                self.story.spells += 1
                if self._weather.place(8) == 0:
                    self._scheme.turn()
                    self.story.deeds["look-up table"] += 1
                if daemon.poll() is not None:
                    daemon.kill()
                    daemon.start()
                    if self._weather.place(4):  # mostly: a spell would be over before a busy machine is ready
                        self._until_it_holds(daemon)
        finally:
            daemon.kill()

    def _one_spell(self, spell: Spell, daemon: DaemonProcess) -> None:
        for fault in spell.faults:
            self._simulated.control("POST", "/faults", fault)
            self.story.faults[fault["name"]] += 1
        for deed in spell.deeds:
            self._do(deed)
        if spell.unplugged is not None:
            self._simulated.control("POST", "/plug", {"vendor": spell.unplugged, "in": False})
            self.story.faults[f"{spell.unplugged} unplugged"] += 1
        time.sleep(spell.blow_after)
        self.story.blows[spell.blow] += 1
        match spell.blow:
            case Blow.KILL:
                daemon.kill()
            case Blow.TERMINATE:
                status = daemon.terminate(30)
                if status not in (143, -signal.SIGTERM):  # the latter: told to stop while it still loaded
                    raise SoakError(f"a clean stop ended with exit status {status}; see {daemon.log}")
            case Blow.FREEZE:
                os.kill(daemon.pid, signal.SIGSTOP)
            case Blow.NONE:
                if daemon.poll() is not None:
                    raise SoakError(f"the daemon ended by itself ({daemon.poll()}); see {daemon.log}")
        time.sleep(spell.seconds - spell.blow_after)
        if spell.blow is Blow.FREEZE:
            os.kill(daemon.pid, signal.SIGCONT)
        if spell.unplugged is not None:
            self._simulated.control("POST", "/plug", {"vendor": spell.unplugged})
        for fault in self._simulated.control("GET", "/faults"):
            self.story.struck[fault["name"]] += fault["struck"]
        self._simulated.clear_faults()

    def _do(self, deed: Deed) -> None:
        try:
            self._simulated.control("POST", deed.path, deed.body)
        except ControlError:
            self.story.deeds["refused"] += 1  # the product it names has lost its number, or is gone
        else:
            self.story.deeds[deed.path.removeprefix("/")] += 1

    def _some_ids(self) -> list[int]:
        total = int(self._simulated.control("GET", "/")["products"])
        offset = self._weather.place(max(1, total - 50))
        shown = self._simulated.control("GET", f"/products?offset={offset}&limit=50")
        return [int(each["fields"]["product_id"]) for each in shown]

    def _calm(self, config: Path) -> None:
        """All faults are gone: a person asks once for another try, the daemon does the rest."""
        for method, path, body in _MENDED:
            self._simulated.control(method, path, body)
        with DaemonProcess(config) as daemon:
            self._until_it_holds(daemon)
            self._command(config, "failures", "retry", "--all")
            fewest, deadline = math.inf, time.monotonic() + _CALM_SECONDS
            while True:
                problems = self._problems()
                if not problems:
                    break
                # On a busy machine thousands of updates take their time: given up is what no longer moves.
                waiting = sum(found for found in problems.values() if isinstance(found, int))
                if waiting < fewest:
                    fewest, deadline = waiting, time.monotonic() + _CALM_SECONDS
                if daemon.poll() is not None:
                    raise SoakError(f"the daemon ended by itself ({daemon.poll()}); see {daemon.log}")
                if time.monotonic() > deadline:
                    raise SoakError(self._evidence(problems))
                self._command(config, "failures", "retry", "--all")
                time.sleep(2)
            status = daemon.terminate(30)
            if status != 143:
                raise SoakError(f"a clean stop ended with exit status {status}; see {daemon.log}")
        if left := self._problems():
            raise SoakError(self._evidence(left))
        checked = self._command(config, "ledger", "check")
        if checked.returncode != 0:
            raise SoakError(f"the ledger contradicts itself:\n{checked.stdout}{checked.stderr}")
        self._tell()

    def _until_it_holds(self, daemon: DaemonProcess) -> None:
        """A command that is quicker would hold the ledger itself, for longer than a daemon waits for it."""
        lock = self._folder / "xmsyncd.db.lock"
        deadline = time.monotonic() + _CALM_SECONDS
        while not lock.exists() or lock.read_text(encoding="ascii").strip() != str(daemon.pid):
            if daemon.poll() is not None or time.monotonic() > deadline:
                raise SoakError(f"the daemon did not begin ({daemon.poll()}); see {daemon.log}")
            time.sleep(0.1)

    def _problems(self) -> dict[str, Any]:
        """What is not as promised at this moment; empty when all is well."""
        verdict = self._simulated.oracle()
        # A product that is listed, because its new number is another's or because it is rejected, stands in
        # Yida with what was delivered last, under the number it had then: also where that is another's now.
        # So does one that OKKI has let go, or that the filter leaves out by now.
        listed = self._listed_keys()
        differences = {
            "missing": [key for key in verdict["missing"] if key not in listed],
            "doubled": [key for key in verdict["doubled"] if not self._is_old_number(key)],
            "different": [each for each in verdict["different"] if each["key"] not in listed],
            "extra": [key for key in verdict["extra"] if key not in listed],
        }
        problems: dict[str, Any] = {name: found for name, found in differences.items() if found}
        states = self._states()
        for state in ("pending", "sending", "undecided", "parked", "held"):
            if number := sum(count for (one, _), count in states.items() if one == state):
                problems[state] = number
        if not problems and (wrong := self._wrongly_mapped()):
            problems["wrongly mapped"] = wrong
        unlisted = {str(each) for each in verdict["rejected"]} - self._listed()
        if unlisted:
            problems["rejected and not listed"] = sorted(unlisted)
        self.story.products = verdict["products"]
        return problems

    def _wrongly_mapped(self) -> list[dict[str, Any]]:
        """Of some products, and of those that a word of their remark keeps back: what our own judge finds."""
        total = int(self._simulated.control("GET", "/")["products"])
        wrong = []
        for offset in range(0, total, max(_SAMPLE, total // 6)):
            for each in self._simulated.control("GET", f"/products?offset={offset}&limit={_SAMPLE}"):
                wrong += self._faults_of(each["fields"])
        return wrong

    def _faults_of(self, product: dict[str, Any]) -> list[dict[str, Any]]:
        found = self._query(
            """SELECT state, filtered_by IS NOT NULL, instance_id, deleted_ms IS NOT NULL FROM records
               WHERE source_id = ?""",
            str(product["product_id"]),
        )
        if not found or found[0][3]:
            return []  # OKKI has let it go; what is missing is the other judge's
        state, is_left_out, instance_id, _ = found[0]
        told = {"product": product["product_id"], "state": state}
        if is_left_out != self._scheme.is_left_out(product):
            return [{**told, "left out": bool(is_left_out)}]
        if is_left_out:
            return []
        if self._scheme.is_refused(product) and state != "rejected":
            return [{**told, "rejected": False}]
        if state != "delivered":
            return []
        [instance] = self._simulated.control("GET", f"/instances?id={instance_id}")
        faults = self._scheme.faults_of(product, instance["versions"][-1]["data"])
        return [{**told, "expected": faults, "found": instance["versions"][-1]["data"]}] if faults else []

    def _tell(self) -> None:
        self.story.listed = Counter(
            {reason: count for (state, reason), count in self._states().items() if state != "delivered"}
        )
        self.story.calls = Counter(self._simulated.counters()["calls"])

    def _states(self) -> dict[tuple[str, str], int]:
        rows = self._query(
            """SELECT state, COALESCE(NULLIF(block_reason, ''), rejection, '') AS reason, count(*) AS number
               FROM records GROUP BY 1, 2"""
        )
        return {(row[0], row[1]): row[2] for row in rows}

    def _is_old_number(self, key: str) -> bool:
        """Whether all but one of the instances with this number belong to products that are listed."""
        shown = self._simulated.control("GET", "/instances?key=" + quote(key))
        ids = [each["id"] for each in shown if not each["deleted"] and _number_of(each) == key]
        states = [
            state
            for one in ids
            for (state,) in self._query(
                """SELECT CASE WHEN coalesce(r.deleted_ms, r.filtered_by) IS NULL
                          THEN r.state ELSE 'let go' END
                   FROM instances i JOIN records r ON r.instance_id = i.instance_id
                   WHERE i.instance_id = ? AND i.role = 'bound'""",
                one,
            )
        ]
        return len(states) == len(ids) and sum(state == "delivered" for state in states) <= 1

    def _listed_keys(self) -> set[str]:
        rows = self._query(
            """SELECT key FROM records WHERE key IS NOT NULL
                   AND (state IN ('waiting', 'rejected') OR filtered_by IS NOT NULL)
               UNION SELECT i.key FROM instances i JOIN records r ON r.id = i.record_id
                   WHERE (r.state IN ('waiting', 'rejected') OR r.deleted_ms IS NOT NULL
                           OR r.filtered_by IS NOT NULL)
                       AND i.role = 'bound'"""
        )
        return {row[0] for row in rows}

    def _listed(self) -> set[str]:
        return {row[0] for row in self._query("SELECT source_id FROM records WHERE state = 'rejected'")}

    def _query(self, sql: str, *values: str) -> list[Any]:
        ledger = self._folder / "xmsyncd.db"
        connection = sqlite3.connect(f"file:{ledger}?mode=ro", uri=True, timeout=30)
        try:
            return connection.execute(sql, values).fetchall()
        finally:
            connection.close()

    def _command(self, config: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A person's command, and how it ended."""
        return subprocess.run(
            [sys.executable, "-m", "xmsyncd", *arguments, "--config", str(config)],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def _evidence(self, problems: dict[str, Any]) -> str:
        """The problems, and the life of the first keys among them on both sides."""
        keys = [
            each["key"] if isinstance(each, dict) else str(each)
            for name in ("doubled", "missing", "different", "extra")
            for each in problems.get(name, [])
        ][:5]
        parts = [json.dumps(problems, ensure_ascii=False, default=str)[:4000]]
        for key in keys:
            parts.append(f"-- {key}: in Yida")
            shown = self._simulated.control("GET", "/instances?key=" + quote(key))
            parts.append(json.dumps(shown, ensure_ascii=False, indent=1)[:4000])
            parts.append(f"-- {key}: in the ledger")
            parts += [
                str(row)
                for row in self._query(
                    "SELECT h.at_ms, h.record_id, h.event, h.detail FROM history h JOIN records r"
                    " ON r.id = h.record_id WHERE r.key = ? OR r.sent_key = ? ORDER BY h.id",
                    key,
                    key,
                )
            ]
        evidence = self._folder / "evidence.txt"
        evidence.write_text("\n".join(parts), encoding="utf-8")
        return f"{parts[0]}\nthe evidence: {evidence}"


def _number_of(instance: dict[str, Any]) -> str:
    return str(instance["versions"][-1]["data"].get(KEY, ""))


def main(arguments: list[str]) -> int:
    """Run one soak and print its story; exit status 1 when the promise was broken."""
    seed = int(arguments[0]) if arguments else 1
    minutes = float(arguments[1]) if len(arguments) > 1 else 10.0
    products = int(arguments[2]) if len(arguments) > 2 else 5000
    folder = Path(tempfile.mkdtemp(prefix="xmsyncd-soak-"))
    started = time.monotonic()

    def say(line: str) -> None:
        sys.stdout.write(f"{(time.monotonic() - started) / 60:6.1f} min  {line}\n")
        sys.stdout.flush()

    say(f"soak with seed {seed}, {minutes:g} minutes, {products} products, in {folder}")
    soak = Soak(folder, seed=seed, products=products, say=say)
    try:
        soak.run(minutes=minutes, storm_seconds=60)
    except SoakError as error:
        say(f"BROKEN: {error}")
        return 1
    finally:
        for line in soak.story.lines():
            say(line)
    say("0 lost, 0 doubled: each product is in Yida once with its latest content, or listed with its reason")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
