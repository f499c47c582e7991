"""The table of lists, and that nothing which writes in OKKI can be reached."""

from __future__ import annotations

import re

import pytest

from xmsyncd.okki.resources import ALLOWED, RESOURCES, TOKEN_PATH, Resource, resource_of
from xmsyncd.settings import ResourceName, SourceSettings

ROWS = list(RESOURCES.values())
READING = ("list", "info", "groups", "fields")
"""The last parts of paths that read, by the vendor's pages; all others there push, remove or move."""


def test_only_the_token_is_posted_and_every_other_path_reads():
    assert {path for method, path in ALLOWED if method != "GET"} == {TOKEN_PATH}
    gets = [path for method, path in ALLOWED if method == "GET"]
    assert [path for path in gets if path.rpartition("/")[2] not in READING] == []
    assert [path for path in gets if re.search(r"remove|push|delete|move|edit|create", path, re.I)] == []


def test_the_allowed_paths_and_the_rows_are_the_same_ones():
    of_rows = {
        path for row in ROWS for path in (row.path, row.detail_path, row.groups_path, row.fields_path) if path
    }
    assert of_rows == {path for method, path in ALLOWED if method == "GET"}


def test_every_resource_that_can_be_chosen_has_its_row():
    assert list(RESOURCES) == [name.value for name in ResourceName]
    assert len({row.path for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_is_complete(row: Resource):
    assert row.path.endswith("/list")
    assert row.id_field
    assert row.number_field
    assert row.scope
    assert row.noun.one
    assert row.noun.many
    assert row.noun.chinese
    assert set(row.total_keys) >= {"count", "totalItem"}
    assert row.confidence.value == "doc" or row.doubts, "what is not declared has its doubt told"
    page = row.page(3, 50)
    assert page["start_index"] == "3"
    assert page["count"] == "50"
    assert page.keys() - row.params.keys() <= row.own_parameters


def test_suppliers_are_asked_by_both_pairs_of_page_parameters():
    page = RESOURCES["supplier"].page(2, 20)
    assert page == {"start_index": "2", "page_no": "2", "count": "20", "page_size": "20"}


def test_the_settings_win_over_the_names_of_the_row():
    source = SourceSettings(
        resource="supplier", id_field="id", number_field="code", updated_field="edit_time"
    )
    row = resource_of(source)
    assert (row.id_field, row.number_field, row.updated_field) == ("id", "code", "edit_time")
    assert row.path == RESOURCES["supplier"].path
    assert resource_of(SourceSettings(resource="order")) == RESOURCES["order"]
