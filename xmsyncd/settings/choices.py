"""The closed sets that settings choose from; those that shape the output are in ``transform``."""

from __future__ import annotations

from enum import StrEnum


class TokenBody(StrEnum):
    """How OKKI is asked for a token; its documentation names both."""

    JSON = "json"
    FORM = "form"


class GrantType(StrEnum):
    """OKKI's two ways to get a token."""

    CLIENT_CREDENTIALS = "client_credentials"
    PASSWORD = "password"


class FetchDetail(StrEnum):
    """When the detail call is made for an item."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class TimeFormat(StrEnum):
    """How precisely OKKI's time filter is asked."""

    DATETIME = "datetime"
    DATE = "date"


class OnDelete(StrEnum):
    """What becomes of the instance of a record that OKKI has deleted."""

    IGNORE = "ignore"
    MARK = "mark"


class TargetKind(StrEnum):
    """Yida's two kinds of form."""

    PROCESS = "process"
    FORM = "form"


class ApiVersion(StrEnum):
    """The version of Yida's start and search calls."""

    V1 = "v1.0"
    V2 = "v2.0"


class UpdatePath(StrEnum):
    """The call that updates a process instance: the legacy one, or the current one for forms."""

    PROCESS_V1 = "v1.0/processes"
    FORM_V2 = "v2.0/forms"


class SearchOperator(StrEnum):
    """The operator of a search by key; the exact comparison is made here in either case."""

    EQ = "eq"
    LIKE = "like"


class OnChange(StrEnum):
    """What a changed record does to its instance."""

    UPDATE = "update"
    IGNORE = "ignore"


class ReadBack(StrEnum):
    """Whether a create of unknown outcome is looked for in Yida."""

    ALWAYS = "always"
    NEVER = "never"


class ValueType(StrEnum):
    """Types of 轻易云 entries."""

    STRING = "string"
    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    OBJECT = "object"
    ARRAY = "array"


class ComponentName(StrEnum):
    """Component types of Yida, by the name that its definitions call tells."""

    TEXT = "TextField"
    TEXTAREA = "TextareaField"
    EDITOR = "EditorField"
    SIGNATURE = "DigitalSignatureField"
    NUMBER = "NumberField"
    RATE = "RateField"
    RADIO = "RadioField"
    SELECT = "SelectField"
    CHECKBOX = "CheckboxField"
    MULTI_SELECT = "MultiSelectField"
    CASCADE = "CascadeSelectField"
    CITY = "CitySelectField"
    EMPLOYEE = "EmployeeField"
    DEPARTMENT = "DepartmentSelectField"
    COUNTRY = "CountrySelectField"
    DATE = "DateField"
    DATE_RANGE = "CascadeDateField"
    ADDRESS = "AddressField"
    IMAGE = "ImageField"
    ATTACHMENT = "AttachmentField"
    LINK = "LinkField"
    ASSOCIATION = "AssociationFormField"
    TABLE = "TableField"


class OptionPart(StrEnum):
    """What of an option is written and compared, where its text and its value differ."""

    TEXT = "text"
    VALUE = "value"


class LogLevel(StrEnum):
    """From the most to the least talkative."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """JSON lines for machines, or coloured text for a person."""

    JSON = "json"
    CONSOLE = "console"


class StateChanges(StrEnum):
    """Whether the daemon tells the robots of problems and recoveries by itself."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"
