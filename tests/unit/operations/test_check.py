"""A check asks both vendors what can be asked without writing, and says what is wrong with each answer."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from tests.unit.ledger.opened import opened as opened_file
from tests.unit.ledger.sample import NOW, open_pipeline
from tests.unit.operations.doubles import settings_for
from xmsyncd.errors import CannotWorkError, RefusedError, TryLaterError
from xmsyncd.ledger import pipelines
from xmsyncd.ledger.lock import LedgerLock
from xmsyncd.okki.groups import Group, GroupTree
from xmsyncd.okki.wire import Page
from xmsyncd.operations.check import check
from xmsyncd.operations.findings import Finding, FindingState
from xmsyncd.operations.known import Known, load_known
from xmsyncd.operations.robots import robot_findings
from xmsyncd.operations.vendors import Vendors, mapping_of, needed_scopes
from xmsyncd.records import ContentHash, Item, SourceId, StopReason
from xmsyncd.settings import DeriveSettings, FieldSettings, OnDelete, Settings
from xmsyncd.settings.notify import NotifySettings
from xmsyncd.settings.pipelines import DeletedMarkSettings
from xmsyncd.transform.custom_fields import CustomField, FieldDictionary
from xmsyncd.yida.answers import ApprovalNode, Component

FORM = (
    Component("textField_key", "TextField", "产品编码", ""),
    Component("textField_g", "TextField", "", ""),
)
WRONG_SECRET = CannotWorkError("invalid_client", reason=StopReason.CREDENTIALS)


def product(**raw: Any) -> Item:
    return Item(SourceId("17"), NOW, {"product_id": 17, "no": "A", **raw}, ContentHash("h"))


@dataclass
class Okki:
    """Answers as told; an error is raised."""

    token: Exception | None = None
    page: Page | Exception = field(default_factory=lambda: Page((product(),), (), 300, None))
    groups: GroupTree | Exception = field(default_factory=lambda: GroupTree([Group("1", "灯", None)]))
    fields: FieldDictionary | Exception = field(
        default_factory=lambda: FieldDictionary([CustomField("30001", "保修期")])
    )
    detail: dict[str, Any] | Exception = field(default_factory=dict)
    clock_offset: timedelta | None = timedelta(0)
    asked: list[str] = field(default_factory=list)
    params: list[Any] = field(default_factory=list)

    async def authenticate(self) -> None:
        _answer("token", self.token, self.asked)

    async def fetch_page(self, resource: Any, params: Any, **_: Any) -> Any:
        self.params.append(params)
        return _answer("list", self.page, self.asked)

    async def fetch_groups(self, resource: Any) -> Any:
        return _answer("groups", self.groups, self.asked)

    async def fetch_fields(self, resource: Any) -> Any:
        return _answer("fields", self.fields, self.asked)

    async def fetch_detail(self, resource: Any, source_id: Any) -> Any:
        return _answer("detail", self.detail, self.asked)


@dataclass
class Yida:
    """Answers as told; an error is raised."""

    token: Exception | None = None
    form: Any = FORM
    instances: Any = 0
    nodes: Any = (ApprovalNode("发起", ("同步 (user)",)), ApprovalNode("审批", ("张三 (boss)",)))
    asked: list[str] = field(default_factory=list)

    async def authenticate(self) -> None:
        _answer("token", self.token, self.asked)

    async def definitions(self) -> Any:
        return _answer("definitions", self.form, self.asked)

    async def count_instances(self) -> Any:
        return _answer("count", self.instances, self.asked)

    async def preview(self, content: Any) -> Any:
        self.previewed = content
        return _answer("preview", self.nodes, self.asked)


def _answer(name: str, answer: Any, asked: list[str]) -> Any:
    asked.append(name)
    if isinstance(answer, Exception):
        raise answer
    return answer


def settings_with(folder: Path, *fields: str, **source: Any) -> Settings:
    """One more field for each template, all in the second component."""
    settings = settings_for(folder / "xmsyncd.db")
    pipeline = settings.pipelines["products"]
    more = [FieldSettings(field="textField_g", value=value) for value in fields]
    changed = pipeline.model_copy(
        update={
            "fields": [*pipeline.fields, *more],
            "source": pipeline.source.model_copy(update=source),
        }
    )
    return settings.model_copy(update={"pipelines": {"products": changed}})


async def checked(
    settings: Settings, okki: Okki, yida: Yida, known: dict[str, Known] | None = None
) -> dict[str, Any]:
    mappings = {name: mapping_of(name, one) for name, one in settings.pipelines.items()}
    vendors = Vendors(
        cast(Any, {"main": okki}),
        cast(Any, {"main": yida}),
        mappings,
        cast(Any, {"products": yida}),
        {"main": Counter(a=2)},
    )
    return await check(settings, vendors, {} if known is None else known, NOW)


def of(result: dict[str, Any], what: str) -> dict[str, Any]:
    (found,) = [one for one in result["findings"] if one["what"].endswith(what)]
    return cast(dict[str, Any], found)


async def test_all_is_well(tmp_path: Path):
    result = await checked(settings_with(tmp_path), Okki(), Yida())
    assert {one["state"] for one in result["findings"] if one["what"] != "notify"} == {"ok"}
    assert (result["failed"], result["warnings"], result["metered_calls"]) == (0, 0, 2)


async def test_who_is_told_by_dingtalk_is_said_and_nothing_is_sent(tmp_path: Path):
    settings = settings_with(tmp_path)
    alone = of(await checked(settings, Okki(), Yida()), "notify")
    assert alone["state"] == "note"
    assert "no robot" in alone["found"]
    webhook = "https://oapi.dingtalk.com/robot/send?access_token=a-token-of-a-robot"
    robots = {
        "ops": {"webhook": webhook, "secret": "SEC-of-a-robot"},
        "sales": {"webhook": webhook, "keyword": "同步", "messages_per_minute": 3},
        "open": {"webhook": webhook},
    }

    def told(**changes: Any) -> list[Finding]:
        chosen = NotifySettings.model_validate({"robots": robots, **changes})
        return robot_findings(settings.model_copy(update={"notify": chosen}))

    first, ops, sales, unguarded = told()
    assert first.state is FindingState.OK
    assert "problems and recoveries, a digest at 09:00 (Asia/Shanghai)" in first.found
    assert "signs its messages; at most 6 messages a minute; nothing was sent" in ops.found
    assert "keyword 同步; at most 3 messages" in sales.found
    assert "neither secret nor keyword" in unguarded.found
    assert ops.advice == "`xmsyncd notify test ops` sends a message"
    assert not any("a-token" in str(one) or "SEC-" in str(one) for one in (ops, sales, unguarded))
    assert "Alertmanager's alerts" in told(hook_token="token")[0].found
    assert told(state_changes="never", digest_at="")[0].state is FindingState.WARNING


async def test_a_configured_scope_that_a_pipeline_is_not_served_with_is_told(tmp_path: Path):
    settings = settings_with(tmp_path, resource="order")
    assert needed_scopes(settings, "main") == ("invoices",)
    told = settings.okki["main"].model_copy(update={"scope": "product company"})
    result = await checked(settings.model_copy(update={"okki": {"main": told}}), Okki(), Yida())
    finding = of(result, "okki.main.scope")
    assert finding["state"] == "warning"
    assert "invoices" in finding["expected"]
    told = told.model_copy(update={"scope": "product invoices"})
    result = await checked(settings.model_copy(update={"okki": {"main": told}}), Okki(), Yida())
    assert not any(one["what"].endswith("scope") for one in result["findings"])


async def test_findings_name_what_the_list_holds(tmp_path: Path):
    settings = settings_with(tmp_path, "{serial_no}", resource="order")
    okki = Okki(page=Page((product(),), (), 7, None))
    result = await checked(settings, okki, Yida())
    assert of(result, "source list")["found"] == "OKKI lists 7 orders"
    told = " ".join(one["found"] for one in result["findings"] if one["what"].endswith("fields"))
    assert "{serial_no}, which no order on OKKI's first page has" in told
    empty = await checked(settings, Okki(page=Page((), (), 0, None)), Yida())
    assert of(empty, "source list")["found"] == "OKKI lists no order"


async def test_who_would_get_a_task_is_named(tmp_path: Path):
    yida = Yida()
    result = await checked(settings_with(tmp_path, "{x}"), Okki(), yida)
    found = of(result, "approval")
    assert (found["state"], found["found"]) == (
        "ok",
        "each new instance is a task for 张三 (boss): 发起 (同步 (user)) → 审批 (张三 (boss))",
    )
    assert set(yida.previewed) == {"textField_key", "textField_g"}


@pytest.mark.parametrize("error", [TryLaterError("away"), RefusedError("a required component"), WRONG_SECRET])
async def test_a_preview_that_is_refused_is_a_note(tmp_path: Path, error):
    result = await checked(settings_with(tmp_path), Okki(), Yida(nodes=error))
    assert of(result, "approval")["state"] == "note"
    assert str(error) in of(result, "approval")["found"]
    assert (result["failed"], result["warnings"]) == (0, 0)


async def test_a_form_that_does_not_fit_is_not_previewed(tmp_path: Path):
    yida = Yida(form=FORM[1:])
    result = await checked(settings_with(tmp_path), Okki(), yida)
    assert result["failed"] == 1
    assert "preview" not in yida.asked


async def test_one_page_with_the_further_parameters_is_asked_for(tmp_path: Path):
    okki = Okki()
    await checked(settings_with(tmp_path, params={"source_type": "3"}), okki, Yida())
    assert okki.params == [{"start_index": "1", "count": "20", "source_type": "3"}]


async def test_groups_and_detail_are_asked_for_only_if_the_mapping_needs_them(tmp_path: Path):
    okki = Okki()
    await checked(settings_with(tmp_path), okki, Yida())
    assert okki.asked == ["token", "list"]
    okki = Okki(detail={"product_type": "1"})
    await checked(settings_with(tmp_path, "{{一级分组}}{product_type}"), okki, Yida())
    assert okki.asked == ["token", "list", "groups", "detail"]


async def test_wrong_credentials_of_one_vendor_do_not_hide_the_other(tmp_path: Path):
    okki, yida = Okki(token=WRONG_SECRET), Yida(form=RefusedError("no such form"))
    result = await checked(settings_with(tmp_path), okki, yida)
    assert result["failed"] == 2
    assert okki.asked == ["token"], "what cannot work is not asked"
    token = of(result, "okki.main token")
    assert "credentials" in token["found"]
    assert "client_id" in token["advice"]
    assert "no such form" in of(result, "target form")["found"]


@pytest.mark.parametrize("error", [TryLaterError("away"), RefusedError("refused"), WRONG_SECRET])
async def test_every_answer_of_a_vendor_becomes_a_finding(tmp_path: Path, error):
    settings = settings_with(tmp_path, "{{一级分组}}{product_type}")
    assert (await checked(settings, Okki(page=error), Yida()))["failed"] == 1
    assert (await checked(settings, Okki(groups=error), Yida()))["failed"] == 1
    assert (await checked(settings, Okki(detail=error), Yida()))["failed"] == 1
    assert (await checked(settings, Okki(), Yida(token=error)))["failed"] == 1
    assert (await checked(settings, Okki(), Yida(form=error)))["failed"] == 1
    assert (await checked(settings, Okki(), Yida(instances=error)))["failed"] == 1


async def test_an_empty_tree_is_a_warning_where_group_levels_are_mapped(tmp_path: Path):
    settings = settings_with(tmp_path, "{{一级分组}}")
    result = await checked(settings, Okki(groups=GroupTree([])), Yida())
    assert of(result, "product groups")["state"] == "warning"


async def test_a_mistyped_field_is_named_with_the_nearest(tmp_path: Path):
    okki = Okki(page=Page((product(product_remark="x"),), (), 1, None))
    result = await checked(settings_with(tmp_path, "{product_remrk}"), okki, Yida())
    (warned,) = [one for one in result["findings"] if one["state"] == "warning"]
    assert "{product_remrk}" in warned["found"]
    assert "product_remark" in warned["expected"]


async def test_beside_a_function_a_field_that_okki_does_not_show_is_a_note(tmp_path: Path):
    """The function may make it: only a product's preview can tell."""
    settings = settings_with(tmp_path, "{尺寸}")
    changed = settings.pipelines["products"].model_copy(update={"transform": "mine:clean"})
    settings = settings.model_copy(update={"pipelines": {"products": changed}})
    okki = Okki(page=Page((product(),), (), 1, None))
    result = await checked(settings, okki, Yida())
    assert result["warnings"] == 0
    (noted,) = [one for one in result["findings"] if "{尺寸}" in one["found"]]
    assert noted["state"] == "note"
    assert "transform" in noted["advice"]


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (Page((), (), 0, None), "no product"),
        (Page((), ({"name": "x"},), 1, None), "without a readable product_id"),
        (Page((Item(SourceId("1"), None, {"no": "A"}, ContentHash("h")),), (), 1, None), "update_time"),
    ],
)
async def test_what_is_odd_about_the_list_is_a_warning(tmp_path: Path, page, said):
    result = await checked(settings_with(tmp_path), Okki(page=page), Yida())
    assert of(result, "source list")["state"] == "warning"
    assert said in of(result, "source list")["found"]


async def test_clocks_that_are_apart_are_a_warning(tmp_path: Path):
    result = await checked(settings_with(tmp_path), Okki(clock_offset=timedelta(minutes=-3)), Yida())
    assert "180 s apart" in of(result, "clock")["found"]


@pytest.mark.parametrize(
    ("known", "state"),
    [
        ({}, "warning"),
        (
            {"products": Known("APP/FORM", "textField_key", may_create=False, knows_instances=False)},
            "warning",
        ),
        ({"products": Known("APP/FORM", "textField_key", may_create=True, knows_instances=False)}, "ok"),
        ({"products": Known("APP/FORM", "textField_key", may_create=False, knows_instances=True)}, "ok"),
    ],
)
async def test_a_new_ledger_before_a_full_form_is_told_that_sync_will_refuse(tmp_path: Path, known, state):
    result = await checked(settings_with(tmp_path), Okki(), Yida(instances=7), known)
    found = of(result, "target search")
    assert found["state"] == state
    assert "7 instances" in found["found"]
    assert ("--bootstrap" in found["advice"]) == (state == "warning")


async def test_a_ledger_of_another_form_is_refused(tmp_path: Path):
    known = {"products": Known("APP/OTHER", "textField_key", may_create=True, knows_instances=True)}
    result = await checked(settings_with(tmp_path), Okki(), Yida(), known)
    assert "APP/OTHER" in of(result, "pipelines.products.target")["expected"]


def test_what_the_ledger_knows_is_read_without_writing(tmp_path: Path):
    path = tmp_path / "xmsyncd.db"
    assert load_known(path) == {}
    assert not path.exists(), "a check makes no ledger"
    with opened_file(path) as connection:
        open_pipeline(connection)
        pipelines.bootstrap(connection, "products", NOW, 0)
    found = load_known(path)
    assert found == {"products": Known("APP/FORM", "textField_key", may_create=True, knows_instances=False)}


def test_a_held_ledger_is_not_asked(tmp_path: Path):
    path = tmp_path / "xmsyncd.db"
    path.touch()
    with LedgerLock(path):
        assert load_known(path) is None
    assert load_known(path) == {}, "an empty file knows nothing"


def with_custom_field(settings: Settings, name: str) -> Settings:
    pipeline = settings.pipelines["products"]
    changed = pipeline.model_copy(update={"derive": {"保修": DeriveSettings(custom=name)}})
    return settings.model_copy(update={"pipelines": {"products": changed}})


async def test_a_custom_field_that_okki_has_is_told_and_never_warned_of(tmp_path):
    settings = with_custom_field(settings_with(tmp_path, "{保修}"), "保修期")
    shapes: tuple[dict[str, Any], ...] = ({"external_field_data": []}, {"30001": "2年"})
    for shown in shapes:
        okki = Okki(page=Page((product(**shown),), (), 300, None))
        result = await checked(settings, okki, Yida())
        assert "保修期" in of(result, "source fields")["found"]
        assert not [one for one in result["findings"] if "external_field_data" in one["found"]]
        assert not [one for one in result["findings"] if "30001" in one["found"]]


async def test_a_custom_field_that_okki_does_not_have_fails_with_the_nearest_name(tmp_path):
    settings = with_custom_field(settings_with(tmp_path, "{保修}"), "保修日期")
    found = of(await checked(settings, Okki(), Yida()), "derive.保修.custom")
    assert found["state"] == "failed"
    assert "保修日期" in found["found"]
    assert "保修期" in found["expected"]


async def test_without_custom_fields_the_dictionary_is_not_asked_for(tmp_path):
    okki = Okki()
    await checked(settings_with(tmp_path, "{no}"), okki, Yida())
    assert "fields" not in okki.asked


@pytest.mark.parametrize("knows_instances", [True, False])
async def test_a_mark_of_the_deleted_says_that_it_updates_every_record_once(
    tmp_path: Path, knows_instances: bool
):
    settings = settings_with(tmp_path)
    pipeline = settings.pipelines["products"]
    mark = DeletedMarkSettings(field="textField_g", value="已删除")
    target = pipeline.target.model_copy(update={"on_delete": OnDelete.MARK, "deleted_mark": mark})
    marked = pipeline.model_copy(update={"target": target})
    settings = settings.model_copy(update={"pipelines": {"products": marked}})
    known = {"products": Known(target.form, target.key, may_create=True, knows_instances=knows_instances)}
    result = await checked(settings, Okki(), Yida(), known=known)
    told = [one for one in result["findings"] if one["what"].endswith("deleted_mark")]
    assert [one["state"] for one in told] == (["note"] if knows_instances else [])
    assert all("updates every record in Yida once" in one["advice"] for one in told)
    assert result["warnings"] == 0
