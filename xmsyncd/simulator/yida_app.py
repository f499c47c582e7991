"""One Yida app: its forms with their instances, and what each call of the API does to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, assert_never

import orjson

from xmsyncd.simulator.forms import Form
from xmsyncd.simulator.instances import Instance, InstanceStore, SearchIndex, Version
from xmsyncd.simulator.options import (
    BlankText,
    Component,
    EqMeaning,
    FormKind,
    InstanceTimes,
    SimulatorOptions,
)
from xmsyncd.simulator.refusals import RefusedError, gone
from xmsyncd.simulator.searching import Row, filter_tests, find, paging, parse_search
from xmsyncd.simulator.times import SimulatedClock


@dataclass(frozen=True, slots=True)
class Arguments:
    """A request that was read: query, path and JSON body together, by parameter name."""

    given: Mapping[str, Any]
    unreadable: bool = False

    def get(self, name: str) -> Any:
        return self.given.get(name)

    def text(self, name: str) -> str:
        """A parameter that has to be a text; RefusedError when it is not."""
        value = self.given.get(name)
        if not isinstance(value, str):
            raise RefusedError("invalidParameter.methodInputs.invalidFormat", f"{name} 必须是字符串")
        return value


class YidaApp:
    """Forms by their id; `searchable` may be changed while it runs."""

    def __init__(self, options: SimulatorOptions, clock: SimulatedClock) -> None:
        self.options = options
        self.clock = clock
        self.searchable = options.searchable
        self.index = SearchIndex(
            lag=options.index_lag, jitter=options.index_jitter, monotonic=clock.monotonic, seed=options.seed
        )
        if options.index_frozen:
            self.index.freeze()
        self.forms: dict[str, Form] = {}
        self.form = self.add_form(
            options.form_uuid,
            kind=options.form_kind,
            process_code=options.process_code,
            components=options.components,
            blank_text=options.blank_text,
            composed_as_text=options.composed_as_text,
            options_by_value=options.options_by_value,
        )

    def add_form(
        self,
        form_uuid: str,
        *,
        kind: FormKind,
        components: Iterable[Component],
        process_code: str = "",
        blank_text: BlankText = BlankText.SHOWN,
        composed_as_text: bool = False,
        options_by_value: bool = False,
    ) -> Form:
        """Another form of the same app, with a store of its own and the same index."""
        store = InstanceStore(index=self.index, wall=self.clock.wall, fold=self._fold)
        form = Form(
            form_uuid=form_uuid,
            kind=kind,
            process_code=process_code,
            components=components,
            store=store,
            blank_text=blank_text,
            composed_as_text=composed_as_text,
            options_by_value=options_by_value,
        )
        self.forms[form_uuid] = form
        return form

    def find_instance(self, instance_id: str) -> tuple[Form, Instance] | None:
        """An instance that exists, in whichever form it is."""
        for form in self.forms.values():
            instance = form.store.get(instance_id)
            if instance is not None:
                return form, instance
        return None

    def text_of(self, instance_id: str, field_id: str) -> Any:
        """What a component of an instance holds now; None without the instance or the component."""
        found = self.find_instance(instance_id)
        return None if found is None else found[1].latest.data().get(field_id)

    def _fold(self, text: str) -> str:
        meaning = self.options.eq_meaning
        match meaning:
            case EqMeaning.EXACT | EqMeaning.SUBSTRING:
                return text
            case EqMeaning.IGNORE_CASE:
                return text.casefold()
            case EqMeaning.TRIMMED:
                return text.strip()
            case _:
                assert_never(meaning)

    def _existing(self, instance_id: str) -> tuple[Form, Instance]:
        found = self.find_instance(instance_id)
        if found is None:
            raise gone(instance_id)
        return found

    # Process forms

    def start(self, arguments: Arguments) -> dict[str, Any]:
        form = self.forms[arguments.text("formUuid")]
        if form.kind is not FormKind.PROCESS:
            raise RefusedError("failure.operation.receiptFormCanNotStartInstance", "单据表单不能发起流程")
        self._check_process(form, arguments)
        data = form.parsed(arguments.get("formDataJson"), "formDataJson")
        form.check(data, complete=True)
        instance = form.store.create(
            data, user_id=arguments.text("userId"), status=self.options.instance_status
        )
        return {"result": instance.id}

    def preview(self, arguments: Arguments) -> dict[str, Any]:
        """The nodes that a start would pass; nothing is written."""
        form = self.forms[arguments.text("formUuid")]
        self._check_process(form, arguments)
        form.check(form.parsed(arguments.get("formDataJson"), "formDataJson"), complete=True)
        nodes = [_node("node_start", "发起", arguments.text("userId"), "同步账号")]
        if self.options.approver:
            nodes.append(_node("node_approve", "审批", self.options.approver, "审批人"))
        return {"result": nodes}

    @staticmethod
    def _check_process(form: Form, arguments: Arguments) -> None:
        if arguments.get("processCode") not in (None, "", form.process_code):
            raise RefusedError("invalidState.process.processDefinitionNotExist", "原流程定义不存在")

    def search(self, arguments: Arguments) -> dict[str, Any]:
        form, number, rows, total = self._found(arguments, default_size=20)
        shown = [self._process_row(form, row.instance, row.version) for row in rows]
        if not self.options.search_shows_tables:
            for each in shown:
                each["data"] = form.without_tables(each["data"])
        return {"totalCount": total, "pageNumber": number, "data": shown}

    def ids(self, arguments: Arguments) -> dict[str, Any]:
        _, number, rows, total = self._found(arguments, default_size=10)
        return {"totalCount": total, "pageNumber": number, "data": [row.instance.id for row in rows]}

    def _found(self, arguments: Arguments, *, default_size: int) -> tuple[Form, int, list[Row], int]:
        form = self.forms[arguments.text("formUuid")]
        number, size = paging(
            arguments.get("pageNumber"),
            arguments.get("pageSize"),
            default_size=default_size,
            depth=self.options.search_depth,
        )
        search = parse_search(
            form,
            arguments.get("searchFieldJson"),
            fold=self._fold,
            searchable=self.searchable,
            eq_is_substring=self.options.eq_meaning is EqMeaning.SUBSTRING,
        )
        rows, total = find(
            form,
            search,
            filter_tests(arguments.given, self.clock),
            order=arguments.get("orderConfigJson"),
            number=number,
            size=size,
        )
        return form, number, rows, total

    def get(self, arguments: Arguments) -> dict[str, Any]:
        form, instance = self._existing(arguments.text("id"))
        return self._process_row(form, instance, instance.latest)

    def get_many(self, arguments: Arguments) -> dict[str, Any]:
        wanted = arguments.text("processInstanceIds").split(",")
        found = [self.find_instance(each.strip()) for each in wanted]
        rows = [self._process_row(form, instance, instance.latest) for form, instance in filter(None, found)]
        return {"result": rows}

    def update_process(self, arguments: Arguments) -> dict[str, Any]:
        """An empty object, not the documented empty body: the vendor's SDK cannot read that one here."""
        form, instance = self._existing(arguments.text("processInstanceId"))
        if not self.options.process_update_lost:
            self._update(form, instance, arguments)
        return {}

    def _update(self, form: Form, instance: Instance, arguments: Arguments) -> None:
        changes = form.parsed(arguments.get("updateFormDataJson"), "updateFormDataJson")
        form.check(changes, complete=False)
        form.store.update(instance, changes)

    def terminate(self, arguments: Arguments) -> None:
        _, instance = self._existing(arguments.text("processInstanceId"))
        instance.status = "TERMINATED"

    def delete(self, arguments: Arguments) -> None:
        form, instance = self._existing(arguments.text("processInstanceId"))
        form.store.delete(instance)

    def _time_text(self, epoch_seconds: float) -> str:
        match self.options.instance_times:
            case InstanceTimes.UTC:
                return self.clock.minute_text(epoch_seconds)
            case InstanceTimes.LOCAL:
                return self.clock.text(epoch_seconds)
            case InstanceTimes.UNMARKED_UTC:
                return self.clock.minute_text(epoch_seconds).removesuffix("Z")

    def _process_row(self, form: Form, instance: Instance, version: Version) -> dict[str, Any]:
        person = _person(instance.user_id)
        return {
            "processInstanceId": instance.id,
            "title": f"{instance.user_id}发起的流程",
            "formUuid": form.form_uuid,
            "processCode": form.process_code,
            "instanceStatus": instance.status,
            "approvedResult": "agree" if instance.status == "COMPLETED" else "",
            "createTimeGMT": self._time_text(instance.created_at),
            "modifiedTimeGMT": self._time_text(version.written_at),
            "version": instance.versions.index(version) + 1,
            "data": form.shown(version.data()),
            "originator": person,
            "actionExecutor": [person] if instance.status == "RUNNING" else [],
        }

    # Ordinary forms

    def save(self, arguments: Arguments) -> dict[str, Any]:
        form = self.forms[arguments.text("formUuid")]
        if form.kind is not FormKind.FORM:
            raise RefusedError(
                "failure.operation.processFormCanNotSaveReceiptFormData", "流程表单不能保存单据数据"
            )
        data = form.parsed(arguments.get("formDataJson"), "formDataJson")
        form.check(data, complete=True)
        instance = form.store.create(
            data, user_id=arguments.text("userId"), status="COMPLETED", id_prefix="FINST-"
        )
        return {"result": instance.id}

    def update_form(self, arguments: Arguments) -> None:
        form, instance = self._existing(arguments.text("formInstanceId"))
        if form.kind is FormKind.PROCESS and not self.options.forms_update_on_process:
            raise RefusedError(
                "failure.operation.processFormCanNotSaveReceiptFormData", "流程表单不能保存单据数据"
            )
        self._update(form, instance, arguments)

    def get_form_data(self, arguments: Arguments) -> dict[str, Any]:
        form, instance = self._existing(arguments.text("id"))
        return {
            "formInstId": instance.id,
            "formData": form.shown(instance.latest.data()),
            "modifiedTimeGMT": self._time_text(instance.latest.written_at),
            "originator": _person(instance.user_id),
        }

    # What there is

    def definitions(self, arguments: Arguments) -> dict[str, Any]:
        return {"result": self.forms[arguments.text("formUuid")].definitions()}

    def list_forms(self, arguments: Arguments) -> dict[str, Any]:
        kinds = {"process": FormKind.PROCESS, "receipt": FormKind.FORM}
        asked = str(arguments.get("formTypes") or "receipt,process").split(",")
        wanted = {kinds[each] for each in asked if each in kinds}
        rows = [
            {
                "formUuid": form.form_uuid,
                "formType": "process" if form.kind is FormKind.PROCESS else "receipt",
                "title": {"zhCN": "产品档案", "enUS": "Products"},
                "creator": self.options.user_id,
                "gmtCreate": self.clock.text(1_700_000_000),
            }
            for form in self.forms.values()
            if form.kind in wanted
        ]
        number, size = paging(
            arguments.get("pageNumber"),
            arguments.get("pageSize"),
            default_size=100,
            depth=self.options.search_depth,
        )
        data = rows[(number - 1) * size : number * size]
        return {"success": True, "result": {"data": data, "totalCount": len(rows), "currentPage": number}}


def loaded(text: Any) -> Any:
    """The parsed JSON of a text, None for anything else."""
    try:
        return orjson.loads(text) if isinstance(text, str) else None
    except orjson.JSONDecodeError:
        return None


def _node(activity_id: str, name: str, user_id: str, person: str) -> dict[str, Any]:
    return {
        "activityId": activity_id,
        "showName": name,
        "operatorUserId": user_id,
        "operatorName": person,
        "operatorDisplayName": person,
        "type": "TODO",
        "size": 1,
    }


def _person(user_id: str) -> dict[str, Any]:
    name = {"nameInChinese": "同步账号", "nameInEnglish": "Sync Account", "type": "i18n"}
    return {"userId": user_id, "name": name, "deptName": "信息部", "email": ""}
