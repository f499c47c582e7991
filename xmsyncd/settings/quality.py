"""The entries of ``quality``: what a value or a record must be, and what is done where it is not.

Which keys stand beside which rule is data (:mod:`xmsyncd.transform.quality.registry`); a key of another rule
is an error.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from xmsyncd.settings.choices import ValueType
from xmsyncd.settings.section import SECOND, Optional_, Section
from xmsyncd.settings.values import BadValueError, Duration, Expect, IdText
from xmsyncd.transform.quality import OnFail, RuleKind, RuleSpec


def _number(value: object) -> object:
    """YAML's ``true`` would count as 1, and text is no bound."""
    if isinstance(value, bool):
        raise BadValueError("true" if value else "false")
    if isinstance(value, str):  # all that an environment variable can say
        try:
            return float(value)
        except ValueError:
            raise BadValueError(f'"{value[:40]}"') from None
    return value


Number = Annotated[
    float,
    BeforeValidator(_number),
    Field(allow_inf_nan=False),
    Expect("a number, such as 0 or 12.5", "number"),
]


class QualityRuleSettings(Section):
    """A demand on the mapped value of a component, or on the record; those of one component run in order."""

    field: Optional_[IdText] = Field(
        default=None, description="Component id, one of those in fields; group and fresh stand without one."
    )
    rule: RuleKind = Field(description="What is demanded; see the rules in the language reference.")
    on_fail: OnFail = Field(
        default=OnFail.REJECT,
        description="reject: listed, not sent; warn: sent, the finding is kept; fix: the value is put right.",
    )
    type: ValueType | None = Field(
        default=None, description="type: the type to fit; that of the field if left out."
    )
    min: Optional_[Number] = Field(
        default=None, description="length: least characters; range and band: smallest number."
    )
    max: Optional_[Number] = Field(
        default=None, description="length: most characters; range and band: largest number."
    )
    pattern: Optional_[str] = Field(
        default=None, description="pattern: regular expression (RE2) that the whole text must match."
    )
    values: list[str] | None = Field(default=None, description="one_of: the texts that are allowed.")
    value: str | None = Field(
        default=None,
        description="With on_fail: fix, what to take where the rule knows no right value.",
    )
    expect: Optional_[str] = Field(
        default=None, description="expression: the condition, as behind _function, such as {cost} <= {price}."
    )
    max_age: Optional_[Annotated[Duration, Field(ge=SECOND)]] = Field(
        default=None, description="fresh: how long ago OKKI may have changed the record."
    )
    factor: Optional_[Number] = Field(
        default=None, description="change: how many times what Yida was given last is still believed."
    )

    def spec(self) -> RuleSpec:
        """The same for the mapping."""
        return RuleSpec(
            self.field or "",
            self.rule.value,
            None if self.type is None else self.type.value,
            on_fail=self.on_fail.value,
            min=self.min,
            max=self.max,
            pattern=self.pattern,
            values=None if self.values is None else tuple(self.values),
            value=self.value,
            max_age=self.max_age,
            factor=self.factor,
            expect=self.expect,
        )
