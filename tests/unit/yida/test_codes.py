"""The tables of answers: what each documented code means for each kind of call."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
import pytest

from xmsyncd.records import Family, StopReason
from xmsyncd.transport.classify import Verdict, classify
from xmsyncd.transport.reply import Fault, Reply
from xmsyncd.yida.answers import vendor_words
from xmsyncd.yida.codes import DEFAULTS, TABLES, Table

WRITES = [Table.START, Table.UPDATE]
READS = [Table.GET, Table.READ]
CALLS = WRITES + READS


def judge(table: Table, status: int, body: Any, **more: Any) -> Verdict:
    if isinstance(body, str):
        reply = Reply(status=status, text=body, **more)
    else:
        reply = Reply(status=status, body=body, is_json=True, text=orjson.dumps(body).decode()[:200], **more)
    return classify(reply, vendor_words(reply), TABLES[table], DEFAULTS[table])


def coded(code: str, message: str = "消息") -> dict[str, str]:
    return {"code": code, "message": message, "requestid": "R-1"}


@pytest.mark.parametrize("table", CALLS)
@pytest.mark.parametrize(
    ("status", "code", "wait"),
    [
        (403, "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi", 1),
        (403, "Forbidden.AccessDenied.QpsLimitForApi", 1),
        (403, "Forbidden.AccessDenied.QpsLimitForSuitekeyAndOrgAndApi", 1),
        (403, "Forbidden.AccessDenied.QpmLimitForAppkeyAndApi", 60),
        (400, "failure.operation.requestTooFast", 1),
        (400, "failure.operation.tooManyVisitors", 1),
        (500, "failure.operation.tooManyVisitors", 1),
        (400, "failure.operation.operatingFrequencyTooFast", 1),
        (429, "system.busy", 1),
        (429, "systemBusy", 1),
    ],
)
def test_a_throttle_was_not_executed_whatever_its_status(
    table: Table, status: int, code: str, wait: int
) -> None:
    verdict = judge(table, status, coded(code))
    assert (verdict.family, verdict.wait) == (Family.THROTTLED, timedelta(seconds=wait))
    assert (verdict.code, verdict.message, verdict.request_id) == (code, "消息", "R-1")


@pytest.mark.parametrize("table", [*CALLS, Table.TOKEN])
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {"status": 1111, "wait": 5, "source": "x5", "punish": "deny", "uuid": "u"}),
        (403, {"status": 1111, "wait": 5, "source": "x5", "punish": "deny", "uuid": "u"}),
        (200, '<html><script>location="/_____tmd_____/punish?x5secdata=1"</script>'),
        (403, "<html>blocked</html>"),
        (302, ""),
    ],
)
def test_the_block_of_an_address_is_waited_out_for_five_minutes(table: Table, status: int, body: Any) -> None:
    verdict = judge(table, status, body)
    assert (verdict.family, verdict.wait) == (Family.THROTTLED, timedelta(minutes=5))


def test_a_message_that_speaks_of_punishment_is_no_block() -> None:
    verdict = judge(Table.START, 400, coded("invalidState.form.invalidFormData", "punish: x"))
    assert verdict.family is Family.REFUSED


def test_a_time_that_the_vendor_tells_wins() -> None:
    verdict = judge(Table.START, 429, "", retry_after=timedelta(seconds=7))
    assert (verdict.family, verdict.wait) == (Family.THROTTLED, timedelta(seconds=7))


@pytest.mark.parametrize("table", CALLS)
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, coded("InvalidAuthentication")),
        (400, coded("AuthenticationFailed.MissingParameter")),
        (401, "Unauthorized"),
        (401, coded("Unauthorized")),
        (200, {"errcode": 88, "sub_code": "40014", "errmsg": "x"}),
    ],
)
def test_a_stale_token(table: Table, status: int, body: Any) -> None:
    assert judge(table, status, body).family is Family.REAUTHENTICATE


@pytest.mark.parametrize("table", CALLS)
@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (400, "invalidClientIdOrSecret", StopReason.CREDENTIALS),
        (400, "invalidParameter.parameter.accessKeyNotMatch", StopReason.CREDENTIALS),
        (400, "invalidState.authorization.invalidAuthorizationInformation", StopReason.CREDENTIALS),
        (403, "Forbidden.AccessDenied.AccessTokenPermissionDenied", StopReason.PERMISSION),
        (403, "Forbidden.AccessDenied.IpNotInWhiteList", StopReason.PERMISSION),
        (403, "Forbidden.AccessDenied.SomethingNew", StopReason.PERMISSION),
        (400, "noPermission.permission.deny", StopReason.PERMISSION),
        (400, "invalidState.account.accountNotAuthorized", StopReason.PERMISSION),
        (403, "Forbidden.AccessDenied.ApiCountLimitForOrg", StopReason.QUOTA),
        (400, "failure.operation.theSubmissionRecordExceed", StopReason.CAPACITY),
        (400, "invalidState.account.trialAccountSubmissionRecordExceed", StopReason.CAPACITY),
        (400, "resourceCapacity.resource.resourceReachedLimit", StopReason.CAPACITY),
        (400, "applicationNotExist.application.notExits", StopReason.CONFIGURATION),
        (400, "failure.operation.saasApplicationNotFound", StopReason.CONFIGURATION),
        (400, "failure.user.userNotExist", StopReason.CONFIGURATION),
        (400, "invalidParameter.parameter.incorrectFormUuid", StopReason.CONFIGURATION),
        (400, "invalidState.form.formNotExist", StopReason.CONFIGURATION),
        (400, "invalidState.form.pageInstanceNotFound", StopReason.CONFIGURATION),
        (400, "invalidState.process.processDefinitionNotExist", StopReason.CONFIGURATION),
        (400, "invalidState.processConfig.processConfigIsWrong", StopReason.CONFIGURATION),
        (400, "failure.operation.receiptFormCanNotStartInstance", StopReason.CONFIGURATION),
        (400, "MissingformUuid", StopReason.CONFIGURATION),
        (404, "InvalidAction.NotFound", StopReason.CONFIGURATION),
    ],
)
def test_what_only_a_person_can_mend_stops(table: Table, status: int, code: str, reason: StopReason) -> None:
    verdict = judge(table, status, coded(code))
    assert (verdict.family, verdict.stop_reason) == (Family.STOP, reason)


@pytest.mark.parametrize("table", CALLS)
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {"errcode": 404, "errmsg": "请求的URI地址不存在"}),
        (404, "<html>not found</html>"),
        (301, "moved"),
        (407, "proxy"),
    ],
)
def test_a_wrong_address_is_configuration(table: Table, status: int, body: Any) -> None:
    verdict = judge(table, status, body)
    assert (verdict.family, verdict.stop_reason) == (Family.STOP, StopReason.CONFIGURATION)


@pytest.mark.parametrize("table", CALLS)
@pytest.mark.parametrize(
    ("code", "minutes"),
    [
        ("invalidState.openSearch.currentFormIsRebuilding", 2),
        ("invalidState.batchOperation.previousBatchUpdatingIsRunning", 2),
        ("failure.batchOperation.currentFormIsExecutingBatchDeleting", 2),
        ("failure.operation.operationDeniedDuringThePublishPeriod", 1),
        ("failure.operation.canNotModify", 5),
    ],
)
def test_a_busy_form_is_tried_minutes_later(table: Table, code: str, minutes: int) -> None:
    verdict = judge(table, 400, coded(code))
    assert (verdict.family, verdict.wait) == (Family.TRY_LATER, timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, coded("innerError")),
        (500, coded("unclassifiedError")),
        (500, coded("failure.businessError.businessException")),
        (400, coded("systemRuntimeException.exception.systemException")),
        (400, coded("failure.process.failedToCreateProcess")),
        (400, coded("failure.serviceCallBack.failedToInvokeService")),
        (400, coded("failure.operation.logicServiceFail")),
        (400, coded("failure.operation.fatalSystemError")),
        (400, coded("invalidState.openSearch.failToSaveData")),
        (400, coded("invalidState.openSearch.deficiencyOfMappingForFormField")),
        (400, coded("invalidState.key.keyCorrespondingToDataAlreadyExists")),
        (503, coded("ServiceUnavailable")),
        (502, "<html>Bad Gateway</html>"),
        (504, ""),
        (200, "<html>welcome</html>"),
        (200, {"success": False}),
        (200, {"errcode": 12345, "errmsg": "?"}),
        (400, coded("something.quite.new")),
        (400, {"unexpected": 1}),
        (400, "<html>Bad Request</html>"),
    ],
)
def test_a_write_may_have_happened_and_an_unknown_answer_to_a_read_is_tried_later(
    status: int, body: Any
) -> None:
    assert {judge(table, status, body).family for table in WRITES} == {Family.UNDECIDED}
    assert judge(Table.GET, status, body).family is Family.TRY_LATER


@pytest.mark.parametrize("table", WRITES)
@pytest.mark.parametrize(
    "code",
    [
        "invalidState.form.invalidFormData",
        "invalidState.form.invalidComponentID",
        "invalidState.form.componentIsDeleted",
        "invalidState.form.instanceAssociationComponentDoesNotExist",
        "failure.form.canNotPaasSubmissionRulesCheck",
        "invalidParameter.parameter.expectDoubleButNonNumeric",
        "invalidParameter.parameter.exceedLengthLimit",
        "invalidData.data.dataIsInvalid",
        "failure.expression.expressionEvaluateFail",
    ],
)
def test_a_bad_record_is_refused(table: Table, code: str) -> None:
    assert judge(table, 400, coded(code, "关联实例不存在")).family is Family.REFUSED


@pytest.mark.parametrize("table", [Table.UPDATE, Table.GET])
@pytest.mark.parametrize(
    "body",
    [
        coded("invalidState.form.dataDoesNotExistOrIsDeleted"),
        coded("invalidState.process.processInstanceNotExist"),
        coded("some.new.code", "流程实例不存在:x"),
    ],
)
def test_an_instance_that_is_gone(table: Table, body: Any) -> None:
    assert judge(table, 400, body).family is Family.GONE


def test_only_a_get_takes_a_404_for_gone_and_no_create_ever_is() -> None:
    assert judge(Table.GET, 404, coded("some.code")).family is Family.GONE
    assert judge(Table.UPDATE, 404, coded("some.code")).family is Family.UNDECIDED
    body = coded("invalidState.form.dataDoesNotExistOrIsDeleted")
    assert judge(Table.START, 400, body).family is Family.UNDECIDED


def test_a_row_missing_in_the_index_does_not_prove_that_the_instance_is_gone() -> None:
    verdict = judge(Table.UPDATE, 400, coded("invalidState.openSearch.dataToUpdateNotFound"))
    assert verdict.family is Family.UNDECIDED


def test_an_instance_that_changed_meanwhile_is_updated_later() -> None:
    verdict = judge(Table.UPDATE, 400, coded("invalidState.instance.instanceDataHasBeenModified"))
    assert verdict.family is Family.TRY_LATER


@pytest.mark.parametrize(
    ("code", "family", "reason"),
    [
        (
            "invalidState.openSearch.canNotFindKeyAccordingToComponentFieldId",
            Family.STOP,
            StopReason.NOT_SEARCHABLE,
        ),
        ("invalidState.openSearch.cursorExceedFiveThousand", Family.REFUSED, None),
        ("invalidState.openSearch.openSearchQueryFail", Family.TRY_LATER, None),
        ("failure.operation.exceptionOccurredInSearch", Family.TRY_LATER, None),
        ("invalidParameter.json.componentValuesEmptyInSearchFieldJson", Family.REFUSED, None),
    ],
)
def test_answers_of_a_search(code: str, family: Family, reason: StopReason | None) -> None:
    verdict = judge(Table.READ, 400, coded(code))
    assert (verdict.family, verdict.stop_reason) == (family, reason)


@pytest.mark.parametrize(
    ("status", "body", "family", "reason"),
    [
        (400, coded("invalidClientIdOrSecret"), Family.STOP, StopReason.CREDENTIALS),
        (200, {"errcode": 40096, "errmsg": "x"}, Family.STOP, StopReason.CREDENTIALS),
        (401, coded("Unauthorized"), Family.STOP, StopReason.CREDENTIALS),
        (403, coded("Forbidden.AccessDenied.QpsLimitForApi"), Family.THROTTLED, None),
        (500, coded("unknownError"), Family.TRY_LATER, None),
        (502, "<html>", Family.TRY_LATER, None),
    ],
)
def test_answers_of_the_token_call(status: int, body: Any, family: Family, reason: StopReason | None) -> None:
    verdict = judge(Table.TOKEN, status, body)
    assert (verdict.family, verdict.stop_reason) == (family, reason)


@pytest.mark.parametrize("table", list(Table))
def test_a_broken_way_is_decided_before_the_table(table: Table) -> None:
    def family(fault: Fault) -> Family:
        return classify(Reply(fault=fault), ("", "", ""), TABLES[table], DEFAULTS[table]).family

    assert family(Fault.NOT_SENT) is Family.NOT_SENT
    assert family(Fault.LOST) is Family.UNDECIDED


@pytest.mark.parametrize("table", list(Table))
def test_every_row_has_a_source_and_no_row_hides_behind_an_equal_one(table: Table) -> None:
    rows = TABLES[table]
    assert {row.source for row in rows} <= {"doc", "probe", "code", "inf"}
    keys = [(row.status, row.code and row.code.lower(), row.text) for row in rows]
    assert len(keys) == len(set(keys))
