"""What DingTalk and Yida answer, read as pure functions over a :class:`Reply` (step 5).

Shapes follow the vendor's pages and SDK, not verified on a tenant. Whatever does not have its documented
shape is ``None`` or raises UnreadableError here; it is never taken for "nothing found".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from xmsyncd.records import Found, InstanceId
from xmsyncd.showing import cut_to
from xmsyncd.transform.hashes import content_hash
from xmsyncd.transport.classify import VendorWords
from xmsyncd.transport.masking import Mask
from xmsyncd.transport.reply import Reply
from xmsyncd.yida.codes import EMPTY_BODY, NO_CODE, NOT_JSON
from xmsyncd.yida.kinds import Shape
from xmsyncd.yida.times import moment_or_none
from xmsyncd.yida.values import normalise

TOKEN_LIFE = timedelta(seconds=7200)
"""The documented life of a token, for an answer that does not tell it."""

MASK = "•••"

_MESSAGE_CHARACTERS = 300
_CODE_CHARACTERS = 120
_IP_BLOCK_STATUS = 1111
_SUCCESS_CODES = frozenset({"", "0", "200", "ok", "success"})
_EXTRA_FIELDS = (
    "title",
    "processCode",
    "approvedResult",
    "createTimeGMT",
    "createdTimeGMT",
    "modifiedTimeGMT",
    "version",
)


class UnreadableError(ValueError):
    """An answer that says success in another shape than the documented one."""


@dataclass(frozen=True, slots=True)
class Component:
    """One component of a form; ``parent_id`` is "" outside sub-tables."""

    field_id: str
    component_name: str
    label: str
    parent_id: str


@dataclass(frozen=True, slots=True)
class ApprovalNode:
    """One node that a started instance would pass; ``people`` as "name (user id)", where Yida tells them."""

    name: str
    people: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InstancePage:
    """One page of a process search; ``total`` is None where Yida does not tell it."""

    rows: tuple[Mapping[str, Any], ...]
    total: int | None


def has_succeeded(reply: Reply, *, may_be_empty: bool = False) -> bool:
    """Whether the answer reports no failure: 2xx, no error code, no ``success: false``, no error page.

    ``may_be_empty``: an empty body is a success too. Yida answers an update with one, and nothing else.
    """
    if reply.status is None or not 200 <= reply.status < 300:
        return False
    if not reply.is_json:
        return may_be_empty and not reply.text.strip()
    body = reply.body
    if not isinstance(body, Mapping):
        return True
    if str(body.get("success", True)).lower() == "false" or body.get("status") == _IP_BLOCK_STATUS:
        return False
    return all(_text(body, name).lower() in _SUCCESS_CODES for name in ("code", "errcode", "errorCode"))


def vendor_words(reply: Reply, secrets: Sequence[str] = ()) -> VendorWords:
    """The vendor's code, message and request id, without secrets and cut to a length for logs."""
    if not reply.is_json:
        text = " ".join(reply.text.split())
        return VendorWords(code=NOT_JSON if text else EMPTY_BODY, message=_masked(text, secrets))
    body = reply.body
    if not isinstance(body, Mapping):
        return VendorWords(code=NO_CODE)
    message = _first_text(body, "message", "errmsg", "errorMsg", "msg")
    sub_message = _text(body, "sub_msg")
    if sub_message and sub_message != message:
        message = f"{message} ({sub_message})"
    scopes = _required_scopes(body)
    if scopes:
        message = f"{message} (needs: {scopes})"
    return VendorWords(
        code=_masked(_code_of(body), secrets)[:_CODE_CHARACTERS],
        message=_masked(message, secrets),
        request_id=_masked(_first_text(body, "requestid", "requestId", "request_id", "RequestId"), secrets)[
            :_CODE_CHARACTERS
        ],
    )


def token_of(body: Any) -> tuple[str, timedelta]:
    """Token and life time. Raises UnreadableError."""
    token = _text(body, "accessToken") if isinstance(body, Mapping) else ""
    if not token:
        raise UnreadableError("no accessToken in the answer")
    seconds = _whole(body.get("expireIn"))
    return token, timedelta(seconds=seconds) if seconds else TOKEN_LIFE


def instance_id_of(body: Any) -> InstanceId | None:
    """The id of a started instance: ``{"result": "<id>"}``."""
    result = body.get("result") if isinstance(body, Mapping) else None
    if isinstance(result, int) and not isinstance(result, bool):
        result = str(result)
    return InstanceId(result.strip()) if isinstance(result, str) and result.strip() else None


def page_of(body: Any) -> InstancePage:
    """One page of a search: ``{"totalCount", "pageNumber", "data": [...]}``. Raises UnreadableError."""
    if not isinstance(body, Mapping):
        raise UnreadableError("a search answer that is no object")
    total = _whole(body.get("totalCount"))
    rows = body.get("data")
    if rows is None and total == 0:
        rows = []
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise UnreadableError("a search answer without a list of instances")
    return InstancePage(rows=tuple(rows), total=total)


def found_of(
    row: Any,
    shapes: Mapping[str, Shape],
    key_component: str,
    zone: ZoneInfo,
    volatile: frozenset[str] = frozenset(),
) -> Found:
    """One instance of a search or a get. ``key`` is the text shown in the key component, as it is.

    What a ``volatile`` component shows does not make it look different from what was sent.

    Raises UnreadableError where the id or the form data is missing: blanks would look like another key.
    """
    if not isinstance(row, Mapping):
        raise UnreadableError("an instance that is no object")
    instance_id = _first_text(row, "processInstanceId", "formInstanceId")
    data = form_data_of(row)
    if not instance_id or data is None:
        raise UnreadableError("an instance without its id or its form data")
    content = normalise(shapes, data)
    shown_key = data.get(key_component)
    return Found(
        instance_id=InstanceId(instance_id),
        key="" if shown_key is None else str(shown_key),
        content=content,
        content_hash=content_hash(content, volatile),
        created_at=moment_or_none(_first_text(row, "createTimeGMT", "createdTimeGMT"), zone),
        status=_text(row, "instanceStatus"),
        extra={name: row[name] for name in _EXTRA_FIELDS if row.get(name) is not None},
    )


def form_data_of(row: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The form data of an instance as they are shown, also where they come as JSON text."""
    data = row.get("data")
    if data is None:
        data = row.get("formData")
    if isinstance(data, str):
        try:
            data = orjson.loads(data)
        except ValueError:
            return None
    return data if isinstance(data, Mapping) else None


def components_of(body: Any) -> tuple[Component, ...]:
    """The components of a form: ``{"result": [{"fieldId", "componentName", "label", "parentId"}]}``.

    Raises UnreadableError.
    """
    entries = body.get("result") if isinstance(body, Mapping) else None
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        raise UnreadableError("a form definition without a list of components")
    return tuple(
        Component(
            field_id=_text(entry, "fieldId"),
            component_name=_text(entry, "componentName"),
            label=_label(entry.get("label")),
            parent_id=_text(entry, "parentId"),
        )
        for entry in entries
        if _text(entry, "fieldId")
    )


def nodes_of(body: Any) -> tuple[ApprovalNode, ...]:
    """The nodes of a preview, in order: ``{"result": [{"showName", "operatorName", "operatorUserId", …}]}``.

    A node with several people names them under ``domains``, in entries of the same shape (inferred: the
    vendor's page does not say what stands there). Raises UnreadableError.
    """
    entries = body.get("result") if isinstance(body, Mapping) else None
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        raise UnreadableError("a preview without a list of nodes")
    return tuple(
        ApprovalNode(
            _first_text(entry, "showName", "activityName", "activityId"),
            tuple(dict.fromkeys(person for each in _several(entry) if (person := _person(each)))),
        )
        for entry in entries
    )


def _several(entry: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    domains = entry.get("domains")
    more = [each for each in domains if isinstance(each, Mapping)] if isinstance(domains, list) else []
    return [entry, *more]


def _person(entry: Mapping[str, Any]) -> str:
    name = _first_text(entry, "operatorDisplayName", "operatorName", "operatorNickName")
    user_id = _text(entry, "operatorUserId")
    return f"{name} ({user_id})" if name and user_id else name or user_id


def _code_of(body: Mapping[str, Any]) -> str:
    code = _text(body, "code")
    if code.lower() not in _SUCCESS_CODES:
        return code
    code = _first_text(body, "errcode", "errorCode")
    if code.lower() not in _SUCCESS_CODES:
        sub_code = _text(body, "sub_code")
        return f"{code}.{sub_code}" if sub_code else code
    return str(_IP_BLOCK_STATUS) if body.get("status") == _IP_BLOCK_STATUS else NO_CODE


def _required_scopes(body: Mapping[str, Any]) -> str:
    detail = body.get("accessdenieddetail")
    scopes = detail.get("requiredScopes") if isinstance(detail, Mapping) else None
    return ", ".join(str(scope) for scope in scopes) if isinstance(scopes, list) else ""


def _label(value: object) -> str:
    """A label is text, or an object by language (the sibling call for form fields shows such)."""
    if isinstance(value, Mapping):
        return _first_text(value, "zh_CN", "zhCN", "en_US", "enUS")
    return value.strip() if isinstance(value, str) else ""


def _masked(text: str, secrets: Sequence[str]) -> str:
    return cut_to(Mask(secrets, MASK).cut_text(text), _MESSAGE_CHARACTERS)


def _first_text(body: Mapping[str, Any], *names: str) -> str:
    return next((text for name in names if (text := _text(body, name))), "")


def _text(body: Mapping[str, Any], name: str) -> str:
    """The text or number under ``name``; "" for anything else."""
    value: object = body.get(name)
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else ""


def _whole(value: Any) -> int | None:
    """A count, also as text; None for anything else."""
    if isinstance(value, str) and value.strip().isdecimal():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
