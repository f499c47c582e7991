"""What an answer of DingTalk or Yida means, as data: one table for each kind of call (step 5).

First match wins; what no row names gets the default of its operation: a write is *undecided*, because an
unknown answer may come from after the write, a read is tried later. Rows match on the vendor's code, since
the status decides nothing (throttling is 400 or 403, a stale token 400); answers without a code carry one of
the made-up codes below. Legacy answers (HTTP 200 with ``errcode``) use the number as code, ``88.40014``
being an ``errcode`` with its ``sub_code``.

Source marks: ``doc`` the vendor's pages name the code and its text says this; ``probe`` seen in a public log
of real calls; ``code`` seen in public third-party code; ``inf`` our inference. Nothing here was verified on
a tenant. The families of Yida's business codes are inferences from their documented texts throughout.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum

from xmsyncd.records import Family, StopReason
from xmsyncd.transport.classify import Rule

NO_CODE = "no-code"
"""JSON that names no code."""

NOT_JSON = "not-json"
"""A body that is not JSON: an error page of the gateway or of something before it."""

EMPTY_BODY = "empty-body"

NO_INSTANCE_ID = "no-instance-id"
"""A start that says neither failure nor the id of the new instance."""

UNREADABLE = "unreadable"
"""A read whose answer has another shape than the documented one."""

SEARCH_INCOMPLETE = "search-incomplete"
"""A search that counts more rows than it shows, none of which has the key."""

SEARCH_TOO_WIDE = "search-too-wide"
"""Hundreds of rows for one key: this tenant's search does not compare, so it cannot decide this record."""

SEARCH_TOO_DEEP = "search-too-deep"
"""More rows than a search shows, and no way to ask for a part of them."""

UNWRITABLE = "unwritable"
"""Content that is not JSON; nothing was sent."""

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
IP_BLOCK = timedelta(minutes=5)
"""How long DingTalk blocks an address that made 10,000 calls in 20 s (vendor doc)."""

BUSY = timedelta(minutes=2)
"""A form that is rebuilt, published or changed in bulk: minutes, by the texts of the codes."""

LOCKED = timedelta(minutes=5)
"""Changes are frozen on Yida's side (封网); no duration is documented."""

UNMETERED_CODES = frozenset(
    code.lower()
    for code in (
        "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi",
        "Forbidden.AccessDenied.QpsLimitForApi",
        "90018",
        "90002",
    )
)
"""The vendor's doc exempts these two throttles from the monthly quota; for others it says nothing."""


class Table(StrEnum):
    """The kinds of calls that read answers differently."""

    TOKEN = "token"
    START = "start"
    UPDATE = "update"
    GET = "get"
    READ = "read"


def _rows(
    family: Family,
    source: str,
    *codes: str,
    wait: timedelta | None = None,
    stop: StopReason | None = None,
) -> Iterator[Rule]:
    for code in codes:
        yield Rule(family=family, code=code, wait=wait, stop=stop, source=source)


_X5_PAGE = r"\"status\"\s*:\s*1111|_____tmd_____|x5sec|baxia|\"?punish\"?\s*[:=?/]"
"""What the page of the address block carries in its first lines (the JSON form is documented)."""

_THROTTLED: tuple[Rule, ...] = (
    *_rows(Family.THROTTLED, "doc", "Forbidden.AccessDenied.QpsLimitFor*", wait=SECOND),
    *_rows(Family.THROTTLED, "doc", "Forbidden.AccessDenied.QpmLimitFor*", wait=MINUTE),
    *_rows(
        Family.THROTTLED,
        "doc",
        "failure.operation.requestTooFast",
        "failure.operation.tooManyVisitors",  # HTTP 400, on some newer calls 500
        "failure.operation.operatingFrequencyTooFast",
        "system.busy",
        "systemBusy",
        wait=SECOND,
    ),
    *_rows(Family.THROTTLED, "doc", "90018", "90002", "90019", "*.90018", "*.90002", "*.90019", wait=SECOND),
    *_rows(Family.THROTTLED, "doc", "1111", wait=IP_BLOCK),
    Rule(family=Family.THROTTLED, code=NOT_JSON, text=_X5_PAGE, wait=IP_BLOCK, source="inf"),
    # The status of the block page is unknown; the gateway's own 403s are JSON, so this one came before it.
    Rule(family=Family.THROTTLED, status=403, code=NOT_JSON, wait=IP_BLOCK, source="inf"),
    Rule(family=Family.THROTTLED, status=403, code=EMPTY_BODY, wait=IP_BLOCK, source="inf"),
    Rule(family=Family.THROTTLED, status=range(302, 308), wait=IP_BLOCK, source="inf"),
    Rule(family=Family.THROTTLED, status=429, wait=SECOND, source="inf"),
)

_STALE_TOKEN: tuple[Rule, ...] = (
    *_rows(Family.REAUTHENTICATE, "probe", "InvalidAuthentication", "AuthenticationFailed.*", "*.40014"),
    *_rows(Family.REAUTHENTICATE, "inf", "40014", "42001", "*.42001"),
)

_STOP: tuple[Rule, ...] = (
    *_rows(
        Family.STOP,
        "probe",
        "invalidClientIdOrSecret",
        "40096",
        "*.40096",
        stop=StopReason.CREDENTIALS,
    ),
    *_rows(
        Family.STOP,
        "doc",
        "invalidParameter.parameter.accessKeyNotMatch",  # a wrong systemToken
        "failure.operation.applicationKeyIsSensitiveInformation",
        "invalidState.authorization.*",
        stop=StopReason.CREDENTIALS,
    ),
    *_rows(
        Family.STOP,
        "doc",
        "Forbidden.AccessDenied.ApiCountLimitForOrg",
        "90020",
        "*.90020",
        stop=StopReason.QUOTA,
    ),
    *_rows(  # what Yida may hold, not what may be called: the next month changes nothing
        Family.STOP,
        "doc",
        "failure.operation.theSubmissionRecordExceed",
        "failure.operation.uploadAttachmentCapacityExceed",
        "resourceCapacity.*",
        "invalidState.account.trialAccount*Exceed",
        stop=StopReason.CAPACITY,
    ),
    *_rows(
        Family.STOP,
        "doc",
        "Forbidden.AccessDenied.AccessTokenPermissionDenied",
        "Forbidden.AccessDenied.IpNotInWhiteList",
        "noPermission.*",
        "invalidState.account.*",
        "invalidState.permission.*",
        "invalidState.permissionPackage.*",
        stop=StopReason.PERMISSION,
    ),
    *_rows(Family.STOP, "inf", "Forbidden", "Forbidden.*", stop=StopReason.PERMISSION),
    *_rows(
        Family.STOP,
        "doc",
        "applicationNotExist.*",
        "failure.operation.saasApplicationNotFound",
        "failure.operation.processFormCanNotSaveReceiptFormData",
        "failure.operation.receiptFormCanNotStartInstance",
        "failure.operation.environmentDoesNotSupport",
        "failure.user.userNotExist",
        "invalidParameter.parameter.incorrectFormUuid",
        "invalidParameter.appKey.*",
        "invalidParameter.corp.*",
        "invalidParameter.corporation.*",
        "invalidState.application.*",
        "invalidState.form.formNotExist",
        "invalidState.form.pageNotFound",
        "invalidState.form.pageInstanceNotFound",
        "invalidState.form.publishedPageNotFound",
        "invalidState.form.correspondingFormIsDeleted",
        "invalidState.form.relationBetweenFormAndTheProcessDoesNotExist",
        "invalidState.form.incorrectPageSetting",
        "invalidState.form.invalidPageStatus",
        "invalidState.process.*",
        "invalidState.processConfig.*",
        # Of insertOrUpdate, which is not called here: in the table, because every page lists them.
        "failure.batchOperation.sameComponentInConditionAndUpdateTarget",
        "invalidState.batchOperation.duplicateConditionExist",
        "invalidState.batchOperation.onlyTheFrontPortionCanBeUpdated",
        stop=StopReason.CONFIGURATION,
    ),
    *_rows(
        Family.STOP,
        "code",
        "Missing[a-zA-Z]*",
        "InvalidAction.*",
        stop=StopReason.CONFIGURATION,
    ),
    *_rows(Family.STOP, "probe", "404", stop=StopReason.CONFIGURATION),  # 200 with errcode: no such address
    Rule(family=Family.STOP, status=404, code=NOT_JSON, stop=StopReason.CONFIGURATION, source="inf"),
    Rule(family=Family.STOP, status=301, stop=StopReason.CONFIGURATION, source="inf"),
    Rule(family=Family.STOP, status=308, stop=StopReason.CONFIGURATION, source="inf"),
    Rule(family=Family.STOP, status=407, stop=StopReason.CONFIGURATION, source="inf"),
)

_BUSY: tuple[Rule, ...] = (
    *_rows(
        Family.TRY_LATER,
        "doc",
        "invalidState.openSearch.currentFormIsRebuilding",
        "invalidState.batchOperation.previousBatchUpdatingIsRunning",
        "invalidState.batchOperation.runningImportTaskExceedLimit",
        "failure.batchOperation.currentFormIsExecutingBatchDeleting",
        "failure.batchOperation.batchDeletingSequenceIsPerforming",
        wait=BUSY,
    ),
    *_rows(
        Family.TRY_LATER,
        "doc",
        "failure.operation.operationDeniedDuringThePublishPeriod",
        "failure.operation.operationDeniedDuringTheRollbackPeriod",
        "failure.operation.processIsBeingRepaired",
        "invalidState.form.formWasModified",
        "failure.form.pageChanged",
        wait=MINUTE,
    ),
    *_rows(Family.TRY_LATER, "doc", "failure.operation.canNotModify", wait=LOCKED),
)

_AMBIGUOUS_CODES = (
    "innerError",
    "unclassifiedError",
    "failure.businessError.*",
    "systemRuntimeException.*",
    "failure.service.*",
    "failure.process.*",
    "failure.serviceCallBack.*",
    "invalidState.serviceCallBack.*",
    "invalidParameter.serviceCallBack.*",
    "invalidState.plugin.*",
    "failure.operation.logicService*",
    "failure.operation.*SystemError",
    "failure.connector.*",
    "failure.message.*",
    "failure.operation.exceptionOccurredInSearch",
    "invalidState.openSearch.*",  # of a write: saved, perhaps, but not in the index
    "invalidState.key.keyCorrespondingToDataAlreadyExists",  # its real trigger is unknown: look first
    "unknownError",
    "ServiceUnavailable",
    "system.error",
    "-1",  # the legacy "busy"
)

_AMBIGUOUS: tuple[Rule, ...] = (
    *_rows(Family.UNDECIDED, "doc", *_AMBIGUOUS_CODES),
    Rule(family=Family.UNDECIDED, status=range(500, 600), source="inf"),
)

_FAILED_READ: tuple[Rule, ...] = (
    # The same answers to a call that changes nothing.
    *_rows(Family.TRY_LATER, "doc", *_AMBIGUOUS_CODES),
    Rule(family=Family.TRY_LATER, status=range(500, 600), source="inf"),
)

_REFUSED: tuple[Rule, ...] = (
    *_rows(
        Family.REFUSED,
        "doc",
        "invalidState.form.invalidFormData",
        "invalidState.form.formDataIsBlank",
        "invalidState.form.invalidComponentID",
        "invalidState.form.componentIsDeleted",
        "invalidState.form.duplicateComponentID",
        "invalidState.form.componentActingAsApprovalConditionNotFilled",
        "invalidState.form.instanceAssociationComponentDoesNotExist",
        "failure.form.canNotPaasSubmissionRulesCheck",  # sic
        "failure.expression.expressionEvaluateFail",
        "failure.operation.failedToSearchEmployeeFieldValues",
        "invalidParameter.*",  # lengths, types, formats
        "invalidData.*",
        "fieldTooMuch.*",
    ),
    Rule(family=Family.REFUSED, status=413, source="inf"),
)

_GONE: tuple[Rule, ...] = (
    *_rows(Family.GONE, "doc", "invalidState.form.dataDoesNotExistOrIsDeleted"),
    *_rows(
        Family.GONE,
        "inf",
        "*processInstance*NotExist*",
        "*processInstanceNotFound*",
        "*formInstance*NotExist*",
        "*.instanceNotExist*",
        "*.instanceDoesNotExist*",
    ),
)

_GONE_BY_TEXT: tuple[Rule, ...] = (
    # Last of all: in the text of a known code, the instance that does not exist may be an associated one.
    Rule(family=Family.GONE, code="*.*", text=r"实例(不存在|已被?删除)", source="inf"),
)

_CHANGED_MEANWHILE: tuple[Rule, ...] = (
    *_rows(Family.TRY_LATER, "doc", "invalidState.instance.*"),  # "changed, reload": nothing was written
)

_UNAUTHORISED: tuple[Rule, ...] = (Rule(family=Family.REAUTHENTICATE, status=401, source="doc"),)

_GATEWAY: tuple[Rule, ...] = (*_THROTTLED, *_STALE_TOKEN)

TABLES: dict[Table, tuple[Rule, ...]] = {
    Table.TOKEN: (  # a 401 speaks of no stale token here: there is none yet
        *_THROTTLED,
        *_STOP,
        Rule(family=Family.STOP, status=401, stop=StopReason.CREDENTIALS, source="inf"),
        *_FAILED_READ,
    ),
    Table.START: (*_GATEWAY, *_STOP, *_BUSY, *_AMBIGUOUS, *_REFUSED, *_UNAUTHORISED),
    Table.UPDATE: (
        *_GATEWAY,
        *_GONE,
        *_STOP,
        *_BUSY,
        *_CHANGED_MEANWHILE,
        *_AMBIGUOUS,
        *_REFUSED,
        *_UNAUTHORISED,
        *_GONE_BY_TEXT,
    ),
    Table.GET: (
        *_GATEWAY,
        *_GONE,
        *_STOP,
        *_BUSY,
        Rule(family=Family.GONE, status=404, source="inf"),
        *_GONE_BY_TEXT,
        *_FAILED_READ,
        *_rows(Family.REFUSED, "doc", "invalidParameter.*"),
        *_UNAUTHORISED,
    ),
    Table.READ: (
        *_GATEWAY,
        *_STOP,
        *_BUSY,
        *_rows(
            Family.STOP,
            "doc",
            "invalidState.openSearch.canNotFindKeyAccordingToComponentFieldId",
            "invalidState.openSearch.deficiencyOfMappingForFormField",
            "invalidState.openSearch.componentCanNotSupportThisOperatorType",
            "invalidState.openSearch.simultaneousFuzzySearchAndPreciseSearch",
            stop=StopReason.NOT_SEARCHABLE,
        ),
        *_rows(
            Family.REFUSED,
            "doc",
            "invalidState.openSearch.cursorExceedFiveThousand",
            "failure.form.dataAmountExceedFiveThousand",
            "failure.operation.numberOfQueryDataExceed",
        ),
        *_FAILED_READ,
        *_rows(Family.REFUSED, "doc", "invalidParameter.*"),
        *_UNAUTHORISED,
    ),
}

DEFAULTS: dict[Table, Family] = {
    Table.TOKEN: Family.TRY_LATER,
    Table.START: Family.UNDECIDED,
    Table.UPDATE: Family.UNDECIDED,
    Table.GET: Family.TRY_LATER,
    Table.READ: Family.TRY_LATER,
}
