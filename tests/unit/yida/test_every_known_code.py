"""Every code that is known of DingTalk and Yida, and what it means for each kind of call.

The list is written anew from the vendor's pages and public logs, not from the table: it is what the table is
held against. D delivered, T throttled, L try later, U undecided, A new token, R refused, G gone, S stop.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
import pytest

from xmsyncd.records import Family, StopReason
from xmsyncd.transport.classify import Verdict, classify
from xmsyncd.transport.reply import Reply
from xmsyncd.yida.answers import has_succeeded, vendor_words
from xmsyncd.yida.codes import DEFAULTS, TABLES, Table

LETTERS = {
    "D": Family.DELIVERED,
    "T": Family.THROTTLED,
    "L": Family.TRY_LATER,
    "U": Family.UNDECIDED,
    "A": Family.REAUTHENTICATE,
    "R": Family.REFUSED,
    "G": Family.GONE,
    "S": Family.STOP,
}
ORDER = (Table.START, Table.UPDATE, Table.GET, Table.READ, Table.TOKEN)
GATEWAY = "Forbidden.AccessDenied."

# Status, code, and the family for start, update, get, search, token; "-" where the call cannot say it.
CODES = [
    # The gateway's limits: one app and API, all tenants, a minute, an ISV's customer.
    (403, GATEWAY + "QpsLimitForAppkeyAndApi", "TTTTT"),
    (403, GATEWAY + "QpsLimitForApi", "TTTTT"),
    (403, GATEWAY + "QpmLimitForAppkeyAndApi", "TTTTT"),
    (403, GATEWAY + "QpmLimitForApi", "TTTTT"),
    (403, GATEWAY + "QpsLimitForSuitekeyAndOrgAndApi", "TTTTT"),
    (403, GATEWAY + "QpmLimitForSuitekeyAndOrgAndApi", "TTTTT"),
    (429, "system.busy", "TTTTT"),
    (429, "systemBusy", "TTTTT"),
    # Yida's own, under either status.
    (400, "failure.operation.requestTooFast", "TTTT-"),
    (500, "failure.operation.requestTooFast", "TTTT-"),
    (400, "failure.operation.tooManyVisitors", "TTTT-"),
    (500, "failure.operation.tooManyVisitors", "TTTT-"),
    (400, "failure.operation.operatingFrequencyTooFast", "TTTT-"),
    # A form that is busy for minutes.
    (400, "invalidState.openSearch.currentFormIsRebuilding", "LLLL-"),
    (400, "failure.operation.operationDeniedDuringThePublishPeriod", "LLLL-"),
    (400, "failure.operation.operationDeniedDuringTheRollbackPeriod", "LLLL-"),
    (400, "invalidState.batchOperation.previousBatchUpdatingIsRunning", "LLLL-"),
    (400, "failure.batchOperation.currentFormIsExecutingBatchDeleting", "LLLL-"),
    (400, "failure.batchOperation.batchDeletingSequenceIsPerforming", "LLLL-"),
    (400, "invalidState.batchOperation.runningImportTaskExceedLimit", "LLLL-"),
    (400, "failure.operation.canNotModify", "LLLL-"),
    # May have been carried out.
    (500, "innerError", "UULLL"),
    (500, "unclassifiedError", "UULLL"),
    (500, "failure.businessError.businessException", "UULL-"),
    (400, "systemRuntimeException.exception.systemException", "UULL-"),
    (400, "failure.service.failedToInvokeHsf", "UULL-"),
    (400, "failure.process.failedToCreateProcess", "UULL-"),
    (400, "failure.serviceCallBack.failedToInvokeService", "UULL-"),
    (400, "failure.operation.logicServiceFail", "UULL-"),
    (400, "invalidState.openSearch.failToSaveData", "UULL-"),
    (503, "ServiceUnavailable", "UULLL"),
    (500, "system.error", "UULLL"),
    (500, "unknownError", "UULLL"),
    (502, "", "UULLL"),
    (503, "", "UULLL"),
    (504, "", "UULLL"),
    (400, "invalidState.key.keyCorrespondingToDataAlreadyExists", "UULL-"),
    # The token.
    (400, "InvalidAuthentication", "AAAA-"),
    (400, "AuthenticationFailed.MissingParameter", "AAAA-"),
    (401, "", "AAAAS"),
    (401, "Unauthorized", "AAAAS"),
    # What only a person can mend.
    (403, GATEWAY + "AccessTokenPermissionDenied", "SSSSS"),
    (403, GATEWAY + "IpNotInWhiteList", "SSSSS"),
    (403, GATEWAY + "ApiCountLimitForOrg", "SSSSS"),
    (400, "invalidClientIdOrSecret", "SSSSS"),
    (400, "applicationNotExist.application.notExits", "SSSS-"),
    (400, "invalidParameter.parameter.accessKeyNotMatch", "SSSS-"),
    (400, "failure.operation.saasApplicationNotFound", "SSSS-"),
    (400, "invalidState.authorization.invalidAuthorizationInformation", "SSSS-"),
    (400, "invalidState.account.accountNotAuthorized", "SSSS-"),
    (400, "failure.operation.theSubmissionRecordExceed", "SSSS-"),
    (400, "resourceCapacity.resource.resourceReachedLimit", "SSSS-"),
    (400, "noPermission.permission.deny", "SSSS-"),
    (400, "failure.user.userNotExist", "SSSS-"),
    (400, "invalidParameter.parameter.incorrectFormUuid", "SSSS-"),
    (400, "invalidState.form.formNotExist", "SSSS-"),
    (400, "invalidState.form.pageNotFound", "SSSS-"),
    (400, "invalidState.form.publishedPageNotFound", "SSSS-"),
    (400, "invalidState.process.processDefinitionNotExist", "SSSS-"),
    (400, "invalidState.process.processHasBeenEnabledOrDisabled", "SSSS-"),
    (400, "invalidState.processConfig.processConfigIsWrong", "SSSS-"),
    (400, "failure.operation.processFormCanNotSaveReceiptFormData", "SSSS-"),
    (400, "failure.operation.receiptFormCanNotStartInstance", "SSSS-"),
    (400, "MissinguserId", "SSSSS"),
    (400, "MissingformUuid", "SSSSS"),
    (404, "InvalidAction.NotFound", "SSSSS"),
    # This record.
    (400, "invalidState.form.invalidFormData", "RR---"),
    (400, "failure.form.canNotPaasSubmissionRulesCheck", "RR---"),
    (400, "invalidState.form.formDataIsBlank", "RR---"),
    (400, "invalidState.form.invalidComponentID", "RR---"),
    (400, "invalidState.form.componentIsDeleted", "RR---"),
    (400, "invalidState.form.componentActingAsApprovalConditionNotFilled", "RR---"),
    (400, "invalidParameter.parameter.exceedLengthLimit", "RRRR-"),
    (400, "invalidParameter.parameter.expectDoubleButNonNumeric", "RRRR-"),
    (400, "invalidParameter.validation.parameterValidationFailed", "RRRR-"),
    (400, "invalidParameter.methodInputs.invalidFormat", "RRRR-"),
    (400, "invalidParameter.parameter.blankDataTitle", "RRRR-"),
    (400, "invalidData.data.dataIsInvalid", "RR---"),
    (400, "failure.expression.expressionEvaluateFail", "RR---"),
    # Of insertOrUpdate, on every page.
    (400, "failure.batchOperation.sameComponentInConditionAndUpdateTarget", "SSSS-"),
    (400, "invalidState.batchOperation.duplicateConditionExist", "SSSS-"),
    (400, "invalidState.batchOperation.onlyTheFrontPortionCanBeUpdated", "SSSS-"),
    # Of searches.
    (400, "invalidParameter.json.componentValuesEmptyInSearchFieldJson", "---R-"),
    (400, "invalidState.openSearch.simultaneousFuzzySearchAndPreciseSearch", "---S-"),
    (400, "invalidState.openSearch.componentCanNotSupportThisOperatorType", "---S-"),
    (400, "invalidState.openSearch.openSearchQueryFail", "--LL-"),
    (400, "failure.operation.exceptionOccurredInSearch", "--LL-"),
]

# Answers that are told by their form.
FORMS: list[tuple[str, int, Any, str]] = [
    (
        "the address block as JSON",
        200,
        {"status": 1111, "wait": 5, "source": "x5", "punish": "deny"},
        "TTTTT",
    ),
    ("the address block as a page", 200, "<html>punish?x5secdata=deny</html>", "TTTTT"),
    ("a page with 403", 403, "<html>denied</html>", "TTTTT"),
    ("a page with 502", 502, "<html>Bad Gateway</html>", "UULLL"),
    ("a page with 200", 200, "<html>welcome</html>", "UULLL"),
    ("a page with 404", 404, "<html>not found</html>", "SSSSS"),
    ("half of a JSON text", 200, '{"result":"1a', "UULLL"),
    ("an empty body with 500", 500, "", "UULLL"),
    ("an empty body with 200", 200, "", "UDLLL"),
    ("bare success false", 200, {"success": False}, "UULLL"),
    ("success false with a code", 200, {"success": False, "errorCode": "TIANSHU_000029"}, "UULLL"),
    ("legacy busy", 200, {"errcode": -1, "errmsg": "系统繁忙"}, "UULLL"),
    ("legacy unknown", 200, {"errcode": 12345, "errmsg": "?"}, "UULLL"),
    ("legacy stale token", 200, {"errcode": 88, "sub_code": "40014", "sub_msg": "不合法"}, "AAAA-"),
    ("legacy wrong secret", 200, {"errcode": 40096, "errmsg": "x"}, "SSSSS"),
    ("legacy limit of the app", 200, {"errcode": 90018, "errmsg": "x"}, "TTTTT"),
    ("legacy limit of all", 200, {"errcode": 90002, "errmsg": "x"}, "TTTTT"),
    ("legacy limit of a suite", 200, {"errcode": 90019, "errmsg": "x"}, "TTTTT"),
    ("legacy month", 200, {"errcode": 90020, "errmsg": "x"}, "SSSSS"),
    ("legacy no such path", 200, {"errcode": 404, "errmsg": "请求的URI地址不存在"}, "SSSSS"),
    ("an unknown code", 400, {"code": "brand.new", "message": "?"}, "UULLL"),
    ("no code at all", 400, {"unexpected": 1}, "UULLL"),
]

UNKNOWN = {
    "a page with 200",
    "half of a JSON text",
    "an empty body with 200",
    "bare success false",
    "success false with a code",
    "legacy unknown",
    "an unknown code",
    "no code at all",
}


def judge(table: Table, status: int, body: Any) -> Verdict:
    if isinstance(body, str):
        reply = Reply(status=status, text=body)
    else:
        reply = Reply(status=status, body=body, is_json=True, text=orjson.dumps(body).decode())
    if has_succeeded(reply, may_be_empty=table is Table.UPDATE):
        return Verdict(Family.DELIVERED)
    return classify(reply, vendor_words(reply), TABLES[table], DEFAULTS[table])


def cells() -> list[Any]:
    found = []
    for status, code, letters in CODES:
        for table, letter in zip(ORDER, letters, strict=True):
            if letter != "-":
                body = {"code": code, "message": "说明", "requestid": "R"} if code else {"message": "说明"}
                found.append(pytest.param(table, status, body, letter, id=f"{table}-{status}-{code}"))
    for name, status, body, letters in FORMS:
        for table, letter in zip(ORDER, letters, strict=True):
            if letter != "-":
                found.append(pytest.param(table, status, body, letter, id=f"{table}-{name}"))
    return found


@pytest.mark.parametrize(("table", "status", "body", "letter"), cells())
def test_what_it_means(table: Table, status: int, body: Any, letter: str) -> None:
    assert judge(table, status, body).family is LETTERS[letter]


def test_every_code_of_the_list_is_known_by_a_row() -> None:
    for status, code, letters in CODES:
        for table, letter in zip(ORDER, letters, strict=True):
            if letter != "-" and code:
                verdict = judge(table, status, {"code": code})
                assert not verdict.is_unknown, (table, code)


def test_exactly_the_unknown_is_known_as_unknown() -> None:
    for name, status, body, letters in FORMS:
        for table, letter in zip(ORDER, letters, strict=True):
            if letter not in "-D":
                assert judge(table, status, body).is_unknown == (name in UNKNOWN), (name, table)


@pytest.mark.parametrize("table", ORDER)
def test_the_block_of_an_address_lasts_five_minutes_and_a_second_is_a_second(table: Table) -> None:
    blocked = judge(table, 200, {"status": 1111, "wait": 5})
    second = judge(table, 403, {"code": GATEWAY + "QpsLimitForApi"})
    minute = judge(table, 403, {"code": GATEWAY + "QpmLimitForAppkeyAndApi"})
    waits = [verdict.wait for verdict in (blocked, second, minute)]
    assert waits == [timedelta(minutes=5), timedelta(seconds=1), timedelta(minutes=1)]


def test_every_stop_names_its_reason() -> None:
    for status, code, letters in CODES:
        for table, letter in zip(ORDER, letters, strict=True):
            if letter == "S":
                assert isinstance(judge(table, status, {"code": code}).stop_reason, StopReason)


def test_an_unknown_answer_to_a_write_is_undecided_and_to_a_read_tried_later() -> None:
    assert {DEFAULTS[table] for table in (Table.START, Table.UPDATE)} == {Family.UNDECIDED}
    assert {DEFAULTS[table] for table in (Table.GET, Table.READ, Table.TOKEN)} == {Family.TRY_LATER}
