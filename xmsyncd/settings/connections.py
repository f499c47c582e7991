"""The sections beside the pipelines: connections, ledger, delivery, console and log.

What the vendors leave unknown has a name here and the cautious default.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from xmsyncd.settings.choices import GrantType, LogFormat, LogLevel, TokenBody
from xmsyncd.settings.section import NOTHING, SECOND, Optional_, Section, span
from xmsyncd.settings.values import BaseUrl, Duration, IdText, LedgerUrl, Secret, Whole


class OkkiSettings(Section):
    """A connection to OKKI: one company's API access."""

    base_url: BaseUrl = Field(
        default="https://api-sandbox.xiaoman.cn",
        description="Address of OKKI's API; the default is its production host, in spite of the name.",
    )
    client_id: IdText = Field(
        description="Client id of the API access (OKKI CRM: 企业管理, 外部对接, API对接)."
    )
    client_secret: Secret = Field(description="Client secret that belongs to the client id.")
    grant_type: GrantType = Field(
        default=GrantType.CLIENT_CREDENTIALS,
        description="How a token is got: client_credentials, or password with user name and password.",
    )
    username: Optional_[IdText] = Field(
        default=None, description="Login e-mail address; only for grant_type password."
    )
    password: Optional_[Secret] = Field(
        default=None,
        description="SHA-256 of the login password, as OKKI asks for it; only for grant_type password.",
    )
    scope: Optional_[IdText] = Field(
        default=None,
        description="Scopes to ask for, separated by blanks; if left out, those that the pipelines need.",
    )
    token_body: TokenBody = Field(
        default=TokenBody.JSON,
        description="Encoding of the token request; the vendor's documentation names both.",
    )
    token_form_fallback: bool = Field(
        default=True,
        description="Whether a token request that is refused as JSON is repeated once as a form.",
    )
    token_lifetime: Duration = Field(
        default=span("8h"),
        ge=SECOND,
        description="Life of a token when the answer does not tell it (documented as 8 hours).",
    )
    token_renew_before: Duration = Field(
        default=span("5m"),
        ge=NOTHING,
        description="How long before its end a token is replaced.",
    )
    auth_prefix: str = Field(
        default="Bearer ",
        description="What stands before the token in the Authorization header; may be empty in the file.",
    )
    success_codes: list[Whole] = Field(
        default=[0, 200], min_length=1, description="Codes in OKKI's answers that mean success."
    )
    requests_per_second: float = Field(
        default=2.0,
        gt=0,
        le=10_000,
        allow_inf_nan=False,
        description="Most requests a second; OKKI publishes no limit, so the default is cautious.",
    )
    floor_requests_per_second: float = Field(
        default=0.2,
        gt=0,
        le=10_000,
        allow_inf_nan=False,
        description="What the pace is lowered to at most when OKKI refuses calls as too many.",
    )
    timeout: Duration = Field(
        default=span("60s"), gt=NOTHING, description="Longest wait for one answer, all included."
    )
    connect_timeout: Duration = Field(
        default=span("10s"), gt=NOTHING, description="Longest wait for a connection."
    )
    tries: Whole = Field(default=4, ge=1, le=20, description="How often one read is tried before it fails.")


class DingtalkSettings(Section):
    """A connection to DingTalk: one application of one organisation."""

    base_url: BaseUrl = Field(
        default="https://api.dingtalk.com",
        description="Address of DingTalk's API; organisations with a Yida cluster of their own have another.",
    )
    app_key: IdText = Field(description="AppKey (client id) of the DingTalk application.")
    app_secret: Secret = Field(description="AppSecret (client secret) of the DingTalk application.")
    requests_per_second: float = Field(
        default=20.0,
        gt=0,
        le=10_000,
        allow_inf_nan=False,
        description="Most calls a second to each of DingTalk's APIs; the pace adapts itself below it.",
    )
    floor_requests_per_second: float = Field(
        default=1.0,
        gt=0,
        le=10_000,
        allow_inf_nan=False,
        description="What the pace of an API is lowered to at most when DingTalk refuses calls as too many.",
    )
    address_block: Duration = Field(
        default=span("5m"),
        gt=NOTHING,
        description="Silence after DingTalk has blocked this machine's address; documented: 5 min.",
    )
    monthly_calls: Whole = Field(
        default=5000,
        ge=0,
        description="Metered calls that may be made in a calendar month (Beijing time); 0 means not metered.",
    )
    reserve_calls: Whole = Field(
        default=250,
        ge=0,
        description="Part of monthly_calls that sending leaves for looks at what is in doubt.",
    )
    connect_timeout: Duration = Field(
        default=span("10s"), gt=NOTHING, description="Longest wait for a connection."
    )
    token_renew_before: Duration = Field(
        default=span("10m"),
        ge=NOTHING,
        description="How long before its end a token is replaced.",
    )


class LedgerSettings(Section):
    """The durable memory."""

    url: LedgerUrl = Field(
        default="sqlite:///xmsyncd.db",
        description="Where the ledger is: sqlite:/// and a path, which counts from the configuration file.",
    )
    keep_history: Duration = Field(
        default=span("90d"),
        gt=NOTHING,
        description="How long events are kept; the latest 20 of each record stay whatever their age.",
    )
    keep_attempts: Duration = Field(
        default=span("90d"),
        gt=NOTHING,
        description="How long calls to Yida are kept; open ones and the latest 10 of each record stay.",
    )
    keep_cycles: Duration = Field(
        default=span("90d"),
        gt=NOTHING,
        description="How long cycles are kept; the latest 50 of each pipeline stay.",
    )

    @property
    def path(self) -> Path:
        """The SQLite file; absolute in loaded settings."""
        return Path(self.url.removeprefix("sqlite:///"))


class DeliverySettings(Section):
    """How records are written to Yida."""

    in_flight: Whole = Field(default=64, ge=1, le=1000, description="Most calls to Yida at the same time.")
    call_timeout: Duration = Field(
        default=span("30s"),
        gt=NOTHING,
        description="Longest wait for the answer to one call to Yida.",
    )
    read_back_after: list[Duration] = Field(
        default=[span("5s"), span("30s"), span("2m"), span("10m")],
        min_length=1,
        description="When a create of unknown outcome is looked for, counted from sending; shortest first.",
    )
    drain: Duration = Field(
        default=span("35s"),
        gt=NOTHING,
        description="Bound of a clean stop; must be longer than call_timeout.",
    )
    resends: Whole = Field(
        default=2,
        ge=0,
        le=2,
        description="How often a create is sent again once looks have shown that it did not arrive.",
    )
    undecided_streak: Whole = Field(
        default=10,
        ge=1,
        description="Creates of unknown outcome in a row after which creates pause and go on one at a time.",
    )
    suspects_before_stop: Whole = Field(
        default=20,
        ge=1,
        description="Refusals in a row, without a success, that count as a wrong configuration.",
    )
    first_creates: Whole = Field(
        default=5,
        ge=1,
        description="Creates that may go out before the first one of a pipeline was found by a search.",
    )
    retry_base: Duration = Field(
        default=span("2s"), gt=NOTHING, description="Upper bound of the first wait before a retry."
    )
    retry_cap: Duration = Field(
        default=span("10m"),
        gt=NOTHING,
        description="Upper bound that waits grow to; the wait itself is random below the bound.",
    )
    probe_every: Duration = Field(
        default=span("1h"),
        gt=NOTHING,
        description="How often a stopped delivery tries one record to see whether it may go on.",
    )


class HttpSettings(Section):
    """Console, metrics and health."""

    host: IdText = Field(
        default="127.0.0.1",
        description="Address to listen on; any other than this machine's own needs a token.",
    )
    port: Whole = Field(default=9464, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    token: Optional_[Secret] = Field(default=None, description="Secret that actions in the console ask for.")


class LogSettings(Section):
    """The log on standard error."""

    level: LogLevel = Field(default=LogLevel.INFO, description="Least important message that is written.")
    format: LogFormat = Field(default=LogFormat.JSON, description="JSON lines, or text for a person.")
    repeat_every: Duration = Field(
        default=span("1m"),
        ge=span("100ms"),
        description="Trouble that goes on (a vendor is away) is told at most so often, then ever seldomer.",
    )
