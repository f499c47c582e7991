"""The paths of Yida's API (vendor doc and SDK): parameters and permission of each, and what executes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from xmsyncd.simulator.counters import Operation
from xmsyncd.simulator.yida_app import Arguments, YidaApp


@dataclass(frozen=True, slots=True)
class Api:
    """One path of the API: what it wants, and what it does; a `closed` one is refused: no permission."""

    method: str
    path: str
    operation: Operation
    execute: Callable[[Arguments], Any]
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    scope: str = "Yida.Process.Write"
    closed: bool = False


def apis(app: YidaApp) -> Iterator[Api]:
    """Everything that is simulated; of the two versions of a path, both."""
    common = ("appType", "systemToken", "userId")
    formed = (*common, "formUuid")
    looks = (
        *("language", "env", "searchFieldJson", "originatorId", "instanceStatus", "approvedResult", "taskId"),
        *("createFromTimeGMT", "createToTimeGMT", "modifiedFromTimeGMT", "modifiedToTimeGMT"),
        *("pageNumber", "pageSize"),
    )
    starts = ("language", "processCode", "departmentId", "processData")
    read, edit, look = "Yida.Process.Read", "Yida.Form.Write", "Yida.Form.Read"

    versions: tuple[tuple[str, tuple[str, ...]], ...] = (("v1.0", ()), ("v2.0", ("useAlias", "env")))
    for version, more in versions:
        yield Api(
            "POST",
            f"/{version}/yida/processes/instances/start",
            Operation.START,
            app.start,
            (*formed, "formDataJson"),
            starts + more,
            closed=version == "v1.0" and app.options.start_v1_refused,
        )
        yield Api(
            "POST",
            f"/{version}/yida/processes/instances",
            Operation.SEARCH,
            app.search,
            formed,
            (*looks, "orderConfigJson", *more),
            read,
        )
        yield Api(
            "POST",
            f"/{version}/yida/processes/instanceIds",
            Operation.IDS,
            app.ids,
            formed,
            looks + more,
            read,
        )
        yield Api(
            "GET",
            f"/{version}/yida/processes/instancesInfos/{{id}}",
            Operation.GET,
            app.get,
            (*common, "id"),
            ("language", "formUuid", *more),
            read,
        )
        yield Api(
            "POST",
            f"/{version}/yida/forms/instances",
            Operation.SAVE,
            app.save,
            (*formed, "formDataJson"),
            ("language", *more),
            edit,
        )
        yield Api(
            "PUT",
            f"/{version}/yida/forms/instances",
            Operation.UPDATE,
            app.update_form,
            (*common, "formInstanceId", "updateFormDataJson"),
            ("language", "useLatestVersion", "env", "formUuid", *more),
            edit,
        )
        yield Api(
            "GET",
            f"/{version}/yida/forms/instances/{{id}}",
            Operation.GET,
            app.get_form_data,
            (*common, "id"),
            ("language", "formUuid", *more),
            look,
        )
    yield Api(
        "GET",
        "/v1.0/yida/processes/instances/searchWithIds",
        Operation.GET_MANY,
        app.get_many,
        (*common, "processInstanceIds"),
        ("language", "env", "formUuid"),
        read,
    )
    yield Api(
        "PUT",
        "/v1.0/yida/processes/instances",
        Operation.UPDATE,
        app.update_process,
        (*common, "processInstanceId", "updateFormDataJson"),
        ("language",),
        closed=app.options.process_update_refused,
    )
    single = (*common, "processInstanceId")
    yield Api(
        "PUT",
        "/v1.0/yida/processes/instances/terminate",
        Operation.TERMINATE,
        app.terminate,
        single,
        ("language", "env"),
    )
    yield Api(
        "DELETE",
        "/v1.0/yida/processes/instances",
        Operation.DELETE,
        app.delete,
        single,
        ("language", "env"),
        closed=app.options.delete_refused,
    )
    yield Api(
        "POST",
        "/v1.0/yida/processes/preview",
        Operation.PREVIEW,
        app.preview,
        (*formed, "formDataJson"),
        ("language", "processCode", "departmentId", "env"),
        read,
        closed=app.options.preview_refused,
    )
    yield Api(
        "GET",
        "/v1.0/yida/forms/definitions/{appType}/{formUuid}",
        Operation.DEFINITIONS,
        app.definitions,
        formed,
        ("language", "version"),
        look,
    )
    yield Api(
        "GET",
        "/v1.0/yida/forms",
        Operation.FORMS,
        app.list_forms,
        common,
        ("formTypes", "pageNumber", "pageSize"),
        look,
    )
