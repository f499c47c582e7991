"""The configuration as the other parts see it: one frozen model for each section of the file.

The attributes are the keys of the file. Rules that tie several settings together are in
:mod:`xmsyncd.settings.checks`; reading (file, secret files, environment) is
:func:`xmsyncd.settings.load_settings`.
"""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from xmsyncd.settings.connections import (
    DeliverySettings,
    DingtalkSettings,
    HttpSettings,
    LedgerSettings,
    LogSettings,
    OkkiSettings,
)
from xmsyncd.settings.derive import LookupSettings
from xmsyncd.settings.notify import NotifySettings
from xmsyncd.settings.pipelines import PipelineSettings
from xmsyncd.settings.section import drop_blank_sections
from xmsyncd.settings.values import PathText, TimeZoneName


class Settings(BaseSettings):
    """The whole configuration. Use :func:`xmsyncd.settings.load_settings` to read it."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, validate_default=False
    )

    okki: dict[str, OkkiSettings] = Field(min_length=1, description="Connections to OKKI by name.")
    dingtalk: dict[str, DingtalkSettings] = Field(
        min_length=1, description="Connections to DingTalk by name."
    )
    ledger: LedgerSettings = Field(default=LedgerSettings(), description="The durable memory.")
    delivery: DeliverySettings = Field(
        default=DeliverySettings(), description="How records are written to Yida."
    )
    http: HttpSettings = Field(default=HttpSettings(), description="Console, metrics and health.")
    log: LogSettings = Field(default=LogSettings(), description="The log on standard error.")
    notify: NotifySettings = Field(default=NotifySettings(), description="Who is told of trouble.")
    timezone: TimeZoneName = Field(
        default="Asia/Shanghai", description="Time zone of OKKI's times and of the schedules."
    )
    lookups: dict[str, LookupSettings] = Field(
        default={}, description="Look-up tables by name, for all pipelines."
    )
    hooks_dir: PathText = Field(
        default="hooks",
        description="Folder that the functions of transform are loaded from, by its path from the "
        "configuration file.",
    )
    pipelines: dict[str, PipelineSettings] = Field(min_length=1, description="Pipelines by name.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is passed in: made directly, as tests do, settings read nothing from outside.

        ``load_settings`` hands its own sources over: environment, then secret files, then the file.
        """
        return (init_settings,)

    @model_validator(mode="before")
    @classmethod
    def _drop_blank_sections(cls, data: Any) -> Any:
        return drop_blank_sections(cls, data)

    @property
    def zone(self) -> ZoneInfo:
        """The configured time zone."""
        return ZoneInfo(self.timezone)

    def okki_of(self, pipeline: PipelineSettings) -> tuple[str, OkkiSettings]:
        """Name and settings of the connection a pipeline reads from."""
        name = pipeline.source.okki or next(iter(self.okki))
        return name, self.okki[name]

    def dingtalk_of(self, pipeline: PipelineSettings) -> tuple[str, DingtalkSettings]:
        """Name and settings of the connection a pipeline writes through."""
        name = pipeline.target.dingtalk or next(iter(self.dingtalk))
        return name, self.dingtalk[name]

    def secret_values(self) -> set[str]:
        """The texts of all secrets, so that logs can be searched for them."""
        # A robot's token stands in its address, and alone in what is sent.
        tokens = {robot.access_token for robot in self.notify.robots.values()}
        return set(_secrets(self)) | tokens


def _secrets(value: object) -> list[str]:
    if isinstance(value, SecretStr):
        return [value.get_secret_value()]
    if isinstance(value, BaseModel):
        return _secrets([getattr(value, name) for name in type(value).model_fields])
    if isinstance(value, dict):
        return _secrets(list(value.values()))
    if isinstance(value, list):
        return [secret for entry in value for secret in _secrets(entry)]
    return []
