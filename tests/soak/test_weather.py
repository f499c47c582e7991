"""The soak's weather as data: what it may bring is everything that the simulation can do to the daemon."""

from __future__ import annotations

from itertools import islice

from tests.soak.weather import Spell, Weather, spells
from xmsyncd.simulator.counters import Vendor
from xmsyncd.simulator.faults import FaultName, fault_from_mapping


def _drawn(weather: Weather, number: int) -> list[Spell]:
    ids = list(range(1, 51))
    return list(islice(iter(lambda: weather.next_spell(ids), None), number))


def test_every_fault_of_the_simulation_comes_up_in_the_hour_of_a_soak():
    """About 1,000 spells; each fault is one that the simulation takes as it stands."""
    drawn = _drawn(spells(31), 1000)
    faults = [fault_from_mapping(fault) for spell in drawn for fault in spell.faults]
    assert {fault.name for fault in faults} == set(FaultName)
    assert {spell.unplugged for spell in drawn} == {None, *Vendor}


def test_the_same_seed_brings_the_same_weather():
    assert _drawn(spells(7), 50) == _drawn(spells(7), 50)
    assert _drawn(spells(7), 50) != _drawn(spells(8), 50)
