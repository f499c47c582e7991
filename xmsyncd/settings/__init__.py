"""The configuration: one YAML file, overridden by secret files and by ``XMSYNCD_…`` environment variables."""

from xmsyncd.settings.choices import (
    ApiVersion,
    ComponentName,
    FetchDetail,
    GrantType,
    LogFormat,
    LogLevel,
    OnChange,
    OnDelete,
    OptionPart,
    ReadBack,
    SearchOperator,
    StateChanges,
    TargetKind,
    TimeFormat,
    TokenBody,
    UpdatePath,
    ValueType,
)
from xmsyncd.settings.connections import (
    DeliverySettings,
    DingtalkSettings,
    HttpSettings,
    LedgerSettings,
    LogSettings,
    OkkiSettings,
)
from xmsyncd.settings.derive import DeriveSettings, LookupSettings
from xmsyncd.settings.loading import STAND_IN, load_settings
from xmsyncd.settings.lookup_files import read_tables
from xmsyncd.settings.models import Settings
from xmsyncd.settings.notify import NotifySettings, RobotSettings
from xmsyncd.settings.pipelines import (
    MARK_LABEL,
    ColumnSettings,
    FieldSettings,
    GuardSettings,
    PipelineSettings,
    ScheduleSettings,
    SourceSettings,
    TargetSettings,
)
from xmsyncd.settings.quality import QualityRuleSettings
from xmsyncd.settings.resources import RESOURCES, Resource, ResourceName
from xmsyncd.settings.values import format_duration, parse_duration

__all__ = [
    "MARK_LABEL",
    "RESOURCES",
    "STAND_IN",
    "ApiVersion",
    "ColumnSettings",
    "ComponentName",
    "DeliverySettings",
    "DeriveSettings",
    "DingtalkSettings",
    "FetchDetail",
    "FieldSettings",
    "GrantType",
    "GuardSettings",
    "HttpSettings",
    "LedgerSettings",
    "LogFormat",
    "LogLevel",
    "LogSettings",
    "LookupSettings",
    "NotifySettings",
    "OkkiSettings",
    "OnChange",
    "OnDelete",
    "OptionPart",
    "PipelineSettings",
    "QualityRuleSettings",
    "ReadBack",
    "Resource",
    "ResourceName",
    "RobotSettings",
    "ScheduleSettings",
    "SearchOperator",
    "Settings",
    "SourceSettings",
    "StateChanges",
    "TargetKind",
    "TargetSettings",
    "TimeFormat",
    "TokenBody",
    "UpdatePath",
    "ValueType",
    "format_duration",
    "load_settings",
    "parse_duration",
    "read_tables",
]
