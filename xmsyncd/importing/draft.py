"""The configuration as it comes about during an import, before it is written down."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from xmsyncd.settings.schema import Path
from xmsyncd.settings.sources import environment_name

UNFILLED: Final = "…"
"""What stands for an id that is still missing; the settings refuse it and say what belongs there."""

CONNECTION: Final = "main"


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of a section: its key, its value, and a short comment for the reader."""

    key: str
    value: Any
    comment: str = ""


@dataclass(slots=True)
class Draft:
    """One pipeline and its two connections; lists keep the order in which they are written."""

    pipeline: str
    id_field: str
    number_field: str
    """The field of the source that people call an item by: whose component becomes the key."""
    source: list[Setting] = field(default_factory=list)
    target: list[Setting] = field(default_factory=list)
    okki: list[Setting] = field(default_factory=list)
    dingtalk: list[Setting] = field(default_factory=list)
    fields: list[dict[str, Any]] = field(default_factory=list)
    where: list[Any] | None = None
    derive: dict[str, str] = field(default_factory=dict)
    required: list[str] = field(default_factory=list)
    """Components that the document calls required."""
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    """By the name of the variable: what goes to the file of secrets, and nowhere else."""

    def value_of(self, section: list[Setting], key: str) -> Any:
        """The value of a setting; ``None`` where it was not set."""
        return next((setting.value for setting in section if setting.key == key), None)

    def set(self, section: list[Setting], key: str, value: Any, comment: str = "") -> None:
        """Set it, in the place of an earlier value."""
        setting = Setting(key, value, comment)
        for position, one in enumerate(section):
            if one.key == key:
                section[position] = setting
                return
        section.append(setting)

    def variable(self, *path: str) -> str:
        """The name under which a setting is found in the environment and in the file of secrets."""
        return variable(path)

    @property
    def secret_variables(self) -> tuple[str, ...]:
        """Those of the three secrets that every configuration needs."""
        return (
            variable(("okki", CONNECTION, "client_secret")),
            variable(("dingtalk", CONNECTION, "app_secret")),
            variable(("pipelines", self.pipeline, "target", "system_token")),
        )


def variable(path: Path) -> str:
    """The variable of a path that has one."""
    name = environment_name(path)
    if name is None:
        raise AssertionError(f"{path} cannot be reached from the environment")
    return name
