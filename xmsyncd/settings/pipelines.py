"""The sections of one pipeline: when, from where, to which form, which values.

What the vendors leave unknown has a name here and the cautious default.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints

from xmsyncd.settings.choices import (
    ApiVersion,
    ComponentName,
    FetchDetail,
    OnChange,
    OnDelete,
    OptionPart,
    ReadBack,
    SearchOperator,
    TargetKind,
    TimeFormat,
    UpdatePath,
    ValueType,
)
from xmsyncd.settings.derive import DeriveSettings
from xmsyncd.settings.quality import QualityRuleSettings
from xmsyncd.settings.resources import ResourceName
from xmsyncd.settings.section import NOTHING, SECOND, Optional_, Section, span
from xmsyncd.settings.values import (
    Cron,
    Duration,
    Expect,
    HookName,
    IdText,
    JsonText,
    Moment,
    Secret,
    Share,
    TimeZoneName,
    WhereText,
    Whole,
    WholeOrNone,
    parse_share,
)
from xmsyncd.transform.derived import DeeperGroups, SingleLevel, UnknownGroup
from xmsyncd.transform.parsers import ParserName


def _empty_is(value: Any) -> BeforeValidator:
    """轻易云 leaves texts of an entry empty or null; both mean ``value``."""
    return BeforeValidator(lambda found: value if found is None or found == "" else found)


def _nothing_is_none() -> BeforeValidator:
    """轻易云 leaves a parser empty in one way or another."""
    return BeforeValidator(lambda found: None if found in ("", {}, []) else found)


MARK_LABEL: Final = "on_delete"
"""What the component with the mark of deleted records is called."""


class ScheduleSettings(Section):
    """When a pipeline's cycles begin: exactly one of the two; every 10m where the section is left out."""

    every: Duration | None = Field(
        default=None, ge=SECOND, description="Time from the start of one cycle to the start of the next."
    )
    cron: Optional_[Cron] = Field(
        default=None, description="Five cron fields in the configured time zone; weekdays by name."
    )


class ReconcileSettings(Section):
    """When the daemon compares ledger and Yida: a report, at one call for each hundred instances."""

    scheduled: bool = Field(
        default=True, description="Whether the daemon compares by itself; the command works in any case."
    )
    every: Duration = Field(
        default=span("7d"),
        ge=SECOND,
        description="Time between two comparisons; one that deliveries need the calls for is left out.",
    )
    cron: Optional_[Cron] = Field(
        default=None, description="Five cron fields instead of every, in the configured time zone."
    )


class SourceSettings(Section):
    """What is read from OKKI."""

    okki: Optional_[IdText] = Field(
        default=None, description="Name of the OKKI connection; may be left out while there is one."
    )
    resource: ResourceName = Field(
        default=ResourceName.PRODUCT,
        description="The list that is read; resources.md tells the fields and the doubts of each.",
    )
    id_field: Optional_[IdText] = Field(
        default=None, description="Field that holds an item's id, where it is not the one of resources.md."
    )
    number_field: Optional_[IdText] = Field(
        default=None, description="Field that holds the number people call an item by; as id_field."
    )
    updated_field: Optional_[IdText] = Field(
        default=None, description="Field that holds the time of the last change; as id_field."
    )
    page_size: Whole = Field(
        default=50, ge=1, le=100, description="Items to ask for on one page; OKKI's own maximum is unknown."
    )
    page_start: Whole = Field(default=1, ge=0, le=1, description="Number of the first page.")
    max_pages: Whole = Field(
        default=20_000, ge=1, description="Pages after which a pass is given up as a fault."
    )
    overlap: Duration = Field(
        default=span("00:30:01"),
        ge=NOTHING,
        le=timedelta(days=30),
        description="How far before the watermark each window begins.",
    )
    time_type: Optional_[Annotated[Whole, Field(ge=1, le=2)]] = Field(
        default=1,
        description="Which time OKKI filters by: 1 update, 2 creation; null leaves the parameter out, as do "
        "lists that have none.",
    )
    time_format: TimeFormat = Field(
        default=TimeFormat.DATETIME,
        description="How times are sent; date for a tenant on which only days count.",
    )
    start_from: Optional_[Moment] = Field(
        default=None,
        description="Where the first window begins, in the configured time zone; without it all is read.",
    )
    full_every: Duration = Field(
        default=span("7d"),
        ge=SECOND,
        description="How often everything is read without a time filter.",
    )
    fetch_detail: FetchDetail = Field(
        default=FetchDetail.AUTO,
        description="When the detail call is made; auto: for new or changed items that lack a mapped field.",
    )
    detail_fields: list[IdText] = Field(
        default=["product_type"],
        description="Fields that OKKI shows only in the detail call; none for lists other than product.",
    )
    group_cache: Duration = Field(
        default=span("10m"),
        ge=NOTHING,
        description="How long the tree of product groups is kept (products only).",
    )
    unknown_group: UnknownGroup = Field(
        default=UnknownGroup.NAME,
        description="A group the tree does not hold: reject the product, leave blanks, or use its name "
        "(products only).",
    )
    deeper_groups: DeeperGroups = Field(
        default=DeeperGroups.SECOND,
        description="What 二级分组 holds for a product below the second level: the second group or its own "
        "(products only).",
    )
    single_level: SingleLevel = Field(
        default=SingleLevel.BLANK,
        description="What 二级分组 holds for a product of a first-level group: nothing, or that group again "
        "(products only).",
    )
    list_key: IdText = Field(default="list", description="Key of the items in OKKI's answers.")
    total_keys: list[IdText] = Field(
        default=["count", "totalItem", "total"],
        description="Keys under which OKKI may tell the total, in the order of looking; some lists have "
        "another order.",
    )
    params: dict[str, str] = Field(
        default={}, description="Further query parameters of the list, as they are."
    )
    proof_cycles: Whole = Field(
        default=3,
        ge=1,
        description="Cycles after which a slice that stays unproven becomes a listed gap.",
    )


class DeletedMarkSettings(Section):
    """The component that says in Yida that OKKI has deleted a record; its own, not one of fields."""

    field: IdText = Field(description="Component id.")
    value: IdText = Field(description="What it holds once the record is deleted.")
    otherwise: str = Field(default="", description="What it holds for all other records.")


class TargetSettings(Section):
    """The Yida form that is written to."""

    dingtalk: Optional_[IdText] = Field(
        default=None, description="Name of the DingTalk connection; may be left out while there is one."
    )
    kind: TargetKind = Field(
        default=TargetKind.PROCESS, description="Kind of the form; this version writes process forms."
    )
    app_type: IdText = Field(description="The Yida application, APP_….")
    system_token: Secret = Field(description="Secret of the Yida application (应用秘钥).")
    user_id: IdText = Field(description="DingTalk user id on whose behalf instances are written.")
    form_uuid: Annotated[
        IdText, Expect("the form's id FORM-…, which its address in Yida's designer (设计器) shows", "text")
    ] = Field(description="The form, FORM-….")
    process_code: Optional_[IdText] = Field(default=None, description="The form's process, TPROC--….")
    department_id: Optional_[IdText] = Field(
        default=None, description="Department of the user, where the user has several."
    )
    language: Optional_[IdText] = Field(
        default=None, description="Language of Yida's messages: zh_CN (its own default) or en_US."
    )
    process_data: Optional_[JsonText] = Field(
        default=None, description="Approvers of nodes at which the originator chooses them."
    )
    api_version: ApiVersion = Field(
        default=ApiVersion.V1,
        description="Version of the calls; v2.0 for applications made since November 2024.",
    )
    update_path: UpdatePath = Field(
        default=UpdatePath.PROCESS_V1,
        description="Call that updates an instance; which of them a tenant accepts, only a try shows.",
    )
    key: IdText = Field(description="The text component that holds the business key.")
    on_change: OnChange = Field(
        default=OnChange.UPDATE, description="Whether a changed record updates its instance."
    )
    on_delete: OnDelete = Field(
        default=OnDelete.IGNORE,
        description="What becomes of the instance of a record that OKKI has deleted: left alone, or marked.",
    )
    deleted_mark: Optional_[DeletedMarkSettings] = Field(
        default=None, description="The mark of on_delete: mark."
    )
    read_back: ReadBack = Field(
        default=ReadBack.ALWAYS,
        description="Whether creates of unknown outcome are looked for; never: they wait for a person.",
    )
    options_by: OptionPart = Field(
        default=OptionPart.TEXT,
        description="What the mapping gives to choices whose options have a value besides their text, and "
        "what is compared with it; which of the two Yida takes is unknown.",
    )
    search_operator: SearchOperator = Field(
        default=SearchOperator.EQ,
        description="Operator of a search by key; the exact comparison is made by xmsyncd in either case.",
    )
    search_depth: Whole = Field(
        default=5000,
        ge=100,
        description="Most rows that one search shows page by page: 5000, or 30000 on Yida's new storage.",
    )
    instance_timezone: TimeZoneName = Field(
        default="Asia/Shanghai",
        description="Time zone in which Yida shows the times of instances, which the vendor does not say.",
    )

    @property
    def form(self) -> str:
        """Identity of the Yida form in the ledger."""
        return f"{self.app_type}/{self.form_uuid}"


class GuardSettings(Section):
    """When a burst of updates is held until a person has looked; creates are never held."""

    updates: WholeOrNone = Field(
        default=1_000,
        ge=0,
        description="Records already in Yida that may be updated within the time below; 0: any number.",
    )
    share: Share = Field(
        default=parse_share("20%"),
        description="The same as a share of the records known in Yida; the smaller of both counts; 0: any.",
    )
    at_least: Whole = Field(default=20, ge=0, description="The share never comes to fewer records than this.")
    within: Duration = Field(
        default=span("1h"),
        ge=SECOND,
        description="Within which time they are counted; while some are held the count is not forgotten.",
    )


class ParserSettings(Section):
    """A parser of a 轻易云 entry: applied to what the template gives, before the type."""

    name: ParserName = Field(description="Which one.")
    params: str = Field(default=",", description="What stands between the parts.")


class ColumnSettings(Section):
    """One column of a table component."""

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)

    field: Annotated[str, StringConstraints(strip_whitespace=True), _empty_is("")] = Field(
        description="Component id; an entry without one is skipped, as 轻易云 does."
    )
    label: Annotated[str, _empty_is("")] = Field(default="", description="What people call it.")
    type: Annotated[ValueType, _empty_is(ValueType.STRING)] = Field(
        default=ValueType.STRING, description="Type to which the value is converted."
    )
    value: Annotated[str, _empty_is("")] = Field(
        default="",
        description="The value: text with {field} (keeps the type) and {{field}} (becomes text) in it; with "
        "children the name of the array whose entries are the rows.",
    )
    component_name: Optional_[ComponentName] = Field(
        default=None,
        description="The component's type, where its id does not begin with it (check says which it is).",
    )
    parser: Annotated[ParserSettings | None, _nothing_is_none()] = Field(
        default=None, description="A parser of 轻易云."
    )


class FieldSettings(ColumnSettings):
    """One component of the form: an entry of 轻易云's "request" as it stands.

    轻易云's further keys are accepted and have no effect; ``model_extra`` holds them.
    """

    children: Annotated[list[ColumnSettings], _empty_is([])] = Field(
        default=[], description="The columns of a table component; in their values {x} is a field of the row."
    )
    parent: Annotated[str, _empty_is("")] = Field(
        default="", description="The table whose column this is: children written as a flat list."
    )


class PipelineSettings(Section):
    """One journey from OKKI to one Yida form."""

    schedule: ScheduleSettings = Field(
        default=ScheduleSettings(every=span("10m")), description="When its cycles begin."
    )
    reconcile: ReconcileSettings = Field(
        default=ReconcileSettings(), description="When ledger and Yida are compared."
    )
    source: SourceSettings = Field(default=SourceSettings(), description="What is read from OKKI.")
    target: TargetSettings = Field(description="The Yida form that is written to.")
    where: Optional_[WhereText] = Field(
        default=None,
        description="Which items it is about: an expression, as in {status} = 1, or the platform's array of "
        "conditions; what stops matching is treated as target.on_delete says.",
    )
    derive: dict[str, DeriveSettings] = Field(
        default={}, description="Fields of one's own by name, for fields and for each other."
    )
    transform: Optional_[HookName] = Field(
        default=None,
        description="Python function of hooks_dir that each product goes through before anything else.",
    )
    transform_timeout: Duration = Field(
        default=span("5s"),
        ge=timedelta(milliseconds=10),
        le=timedelta(minutes=1),
        description="How long transform may take for one product, which otherwise is rejected.",
    )
    fields: list[FieldSettings] = Field(
        min_length=1, description='The components to fill: 轻易云\'s "request" as it stands.'
    )
    guard: GuardSettings = Field(
        default=GuardSettings(), description="When a burst of updates waits for a person (see approve)."
    )
    quality: list[QualityRuleSettings] = Field(default=[], description="Demands on values and products.")

    @property
    def written(self) -> list[FieldSettings]:
        """All components that are written: those of ``fields``, and the mark of deleted records."""
        mark = self.target.deleted_mark
        if self.target.on_delete is not OnDelete.MARK or mark is None:
            return self.fields
        living = FieldSettings(field=mark.field, label=MARK_LABEL, value=mark.otherwise)
        return [*self.fields, living]
