"""What OKKI's answers to reads mean, as data: the first row that matches decides (step 1).

Codes are those of the business envelope and of OAuth errors (``error``). Nothing is published about
throttling; the vendor's pages name the OAuth codes and 404 and 500 inside HTTP 200; the rest is seen in
public clients or inferred, as marked. Everything here is read, so everything may be asked again.
"""

from __future__ import annotations

from typing import Final

from xmsyncd.records import Family, StopReason
from xmsyncd.transport.classify import Rule

NOT_JSON: Final = "not-json"
"""Made up: a body that is not JSON, so an error page of a gateway or of something before it."""

UNREADABLE: Final = "unreadable"
"""Made up: a success in another shape than the documented one."""

DEFAULT: Final = Family.TRY_LATER
"""What an answer means that no row knows: it may pass, and nothing is lost by asking again."""

OK_STATUS: Final = range(200, 300)

READS: Final = (
    # Throttling first: its words may stand beside any status and code.
    Rule(Family.THROTTLED, status=429, source="inf"),
    Rule(Family.THROTTLED, text=r"频繁|限流|超限|too many|\brate.?limit", source="inf"),
    # The token: expired, revoked, or dead before its time (seen in public clients).
    Rule(Family.REAUTHENTICATE, code="access_denied", source="doc"),
    # Credentials and scopes. The token endpoint answers with HTTP 400, sometimes 401, so these stand
    # before the statuses.
    Rule(Family.STOP, code="invalid_client", stop=StopReason.CREDENTIALS, source="doc"),
    Rule(Family.STOP, text="client authentication failed", stop=StopReason.CREDENTIALS, source="doc"),
    Rule(Family.STOP, code="invalid_grant", stop=StopReason.CREDENTIALS, source="doc"),
    Rule(Family.STOP, code="invalid_credentials", stop=StopReason.CREDENTIALS, source="doc"),
    Rule(Family.STOP, code="invalid_scope", stop=StopReason.PERMISSION, source="doc"),
    Rule(Family.STOP, text=r"no permission\b.*\bscope", stop=StopReason.PERMISSION, source="doc"),
    Rule(Family.STOP, code="unsupported_grant_type", stop=StopReason.CONFIGURATION, source="doc"),
    Rule(Family.STOP, code="invalid_request", stop=StopReason.CONFIGURATION, source="doc"),
    Rule(Family.TRY_LATER, code="server_error", source="doc"),
    Rule(Family.REAUTHENTICATE, status=401, source="code"),
    # A failing gateway: before the body's codes, for it may carry anything.
    Rule(Family.TRY_LATER, status=range(500, 600), source="inf"),
    Rule(Family.TRY_LATER, status=408, source="inf"),
    # Codes inside HTTP 200.
    Rule(Family.REAUTHENTICATE, status=OK_STATUS, code="401", source="code"),
    Rule(Family.STOP, status=OK_STATUS, code="403", stop=StopReason.PERMISSION, source="inf"),
    Rule(Family.REFUSED, status=OK_STATUS, code="404", source="doc"),
    Rule(Family.TRY_LATER, status=OK_STATUS, code="500", source="doc"),
    # No code at all inside HTTP 200: a gateway's page, or an answer cut to pieces.
    Rule(Family.TRY_LATER, status=OK_STATUS, code="", source="inf"),
    Rule(Family.TRY_LATER, status=OK_STATUS, code=NOT_JSON, source="inf"),
    # OKKI's own refusals are JSON, so this page stands for something before it.
    Rule(Family.TRY_LATER, status=403, code=NOT_JSON, source="inf"),
    # Statuses.
    Rule(Family.STOP, status=403, stop=StopReason.PERMISSION, source="inf"),
    Rule(Family.REFUSED, status=404, source="doc"),
    Rule(Family.REFUSED, status=range(400, 500), source="inf"),
    # A redirect is never followed (it could leave the allow-list); maintenance pages come this way.
    Rule(Family.TRY_LATER, status=range(300, 400), source="inf"),
)
"""Of the whole table; what no row knows is DEFAULT."""
