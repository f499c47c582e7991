"""The mapping of this moment: made anew only when what it is made of is another."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from xmsyncd.clock import SystemClock
from xmsyncd.cycle.current_mapping import CurrentMapping
from xmsyncd.errors import ConfigurationError, Fault, TryLaterError, UnusableMappingError
from xmsyncd.transform.custom_fields import CustomField, FieldDictionary
from xmsyncd.transform.derivation_specs import CustomSpec, LookupSpec
from xmsyncd.transform.mapping import FieldMapping, FieldSpec
from xmsyncd.transform.tables import LookupTable, Tables

RED = LookupTable("colours", {"R": "红"})
DICTIONARY = FieldDictionary([CustomField("30001", "保修期")])


class Clock(SystemClock):
    """Stands where a test has put it."""

    time = 0.0

    def monotonic(self) -> float:
        return self.time


class Inputs:
    """What the mapping is made of, and how often it was asked for and made."""

    def __init__(self) -> None:
        self.tables: Tables | Exception = {"colours": RED}
        self.fields: FieldDictionary | Exception = DICTIONARY
        self.read: list[frozenset[str]] = []
        self.fetched = 0
        self.made = 0
        self.clock = Clock()

    def make(self, tables: Tables, fields: FieldDictionary | None) -> FieldMapping:
        self.made += 1
        return FieldMapping(
            [FieldSpec("textField_key", value="{{色}}-{{保修}}")],
            (),
            "textField_key",
            lambda _component, _type, value: value,
            derive=[LookupSpec("色", "colours", "{colour}"), CustomSpec("保修", "保修期")],
            tables=tables,
            custom_fields=fields,
        )

    def read_tables(self, used: frozenset[str]) -> Tables:
        self.read.append(used)
        if isinstance(self.tables, Exception):
            raise self.tables
        return self.tables

    async def fetch_fields(self) -> FieldDictionary:
        self.fetched += 1
        if isinstance(self.fields, Exception):
            raise self.fields
        return self.fields

    def current(self, **changes: Any) -> CurrentMapping:
        return CurrentMapping(
            self.make,
            tables={"colours": RED, "unused": RED},
            read_tables=self.read_tables,
            fetch_fields=self.fetch_fields,
            keep_fields=timedelta(minutes=10),
            clock=self.clock,
            **changes,
        )


async def test_it_is_made_again_only_when_something_is_other():
    inputs = Inputs()
    current = inputs.current()
    assert (inputs.made, inputs.fetched) == (1, 0)
    await current.refresh()
    assert (inputs.made, inputs.fetched) == (2, 1), "the dictionary is known now"
    first = current.mapping
    await current.refresh()
    assert current.mapping is first
    inputs.tables = {"colours": LookupTable("colours", {"R": "赤"})}
    await current.refresh()
    assert current.mapping.spec_hash != first.spec_hash
    assert inputs.read == [frozenset({"colours"})] * 3, "only what is used is read"


async def test_the_dictionary_is_kept_for_its_time_and_its_change_is_another_mapping():
    inputs = Inputs()
    current = inputs.current()
    await current.refresh()
    first = current.mapping.spec_hash
    inputs.fields = FieldDictionary([CustomField("30009", "保修期")])
    inputs.clock.time = 599
    await current.refresh()
    assert (inputs.fetched, current.mapping.spec_hash) == (1, first)
    inputs.clock.time = 600
    await current.refresh()
    assert inputs.fetched == 2
    assert current.mapping.spec_hash != first


async def test_what_cannot_be_used_is_told_and_the_mapping_stays():
    inputs = Inputs()
    current = inputs.current()
    await current.refresh()
    before = current.mapping
    inputs.tables = ConfigurationError([Fault("lookups.colours.file (colours.csv, line 3)", "a", "b")])
    with pytest.raises(UnusableMappingError, match=r"colours\.csv, line 3"):
        await current.refresh()
    inputs.tables = {"colours": RED}
    inputs.fields = FieldDictionary([CustomField("30001", "质保")])
    inputs.clock.time = 600
    for _ in range(2):
        with pytest.raises(UnusableMappingError, match="保修期"):
            await current.refresh()
    assert inputs.fetched == 3, "what could not be used is asked for again at once"
    assert current.mapping is before
    inputs.fields = DICTIONARY
    await current.refresh()
    assert current.mapping.spec_hash == before.spec_hash


async def test_what_okki_answers_is_passed_on():
    inputs = Inputs()
    inputs.fields = TryLaterError("away")
    with pytest.raises(TryLaterError):
        await inputs.current().refresh()


async def test_before_the_first_cycle_the_dictionary_is_fetched_when_it_is_needed():
    inputs = Inputs()
    current = inputs.current()
    await current.ready()
    await current.ready()
    assert inputs.fetched == 1
    assert current.mapping.custom_fields[0].id == "30001"


async def test_a_remembered_dictionary_is_used_without_asking():
    inputs = Inputs()
    current = inputs.current()
    current.use(DICTIONARY)
    await current.ready()
    assert inputs.fetched == 0
    with pytest.raises(UnusableMappingError):
        current.use(FieldDictionary(()))
