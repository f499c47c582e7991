"""Reads the configuration: the file, over it secret files, over them the environment; all faults at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path as FilePath
from typing import Any, Final
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from xmsyncd.errors import ConfigurationError, Fault
from xmsyncd.settings.checks import check, unknown_entry_keys
from xmsyncd.settings.columns import nested
from xmsyncd.settings.document import Document, read_document
from xmsyncd.settings.faults import Translator
from xmsyncd.settings.models import Settings
from xmsyncd.settings.pipelines import ColumnSettings, PipelineSettings, SourceSettings
from xmsyncd.settings.resources import RESOURCES
from xmsyncd.settings.salvage import salvage
from xmsyncd.settings.schema import Path
from xmsyncd.settings.sources import (
    TreeSource,
    default_secret_places,
    read_environment,
    read_secret_files,
)

STAND_IN: Final = "stands-in"
"""In the place of an id or a secret that nobody has set and nobody needs."""

_STAND_INS: Final[Mapping[str, Mapping[str, Any]]] = {
    "okki": {"client_id": STAND_IN, "client_secret": STAND_IN},
    "dingtalk": {"app_key": STAND_IN, "app_secret": STAND_IN},
    "pipelines": {
        "target": {
            "app_type": STAND_IN,
            "system_token": STAND_IN,
            "user_id": STAND_IN,
            "form_uuid": STAND_IN,
        }
    },
}


def load_settings(
    path: FilePath,
    environ: Mapping[str, str],
    secrets_dirs: Sequence[FilePath] | None = None,
    *,
    stand_ins: bool = False,
) -> Settings:
    """The settings, checked and complete: connections resolved, times aware UTC, the ledger's path absolute.

    With ``stand_ins`` ids and secrets of the connections may be missing, for what calls nobody.
    ``secrets_dirs`` (folders, and files of lines) defaults to the file of secrets beside the configuration,
    ``/run/secrets`` and systemd's ``$CREDENTIALS_DIRECTORY``. Raises :class:`ConfigurationError` with every
    fault that could be found.
    """
    return settings_from(read_document(path), path, environ, secrets_dirs, stand_ins=stand_ins)


def settings_from(
    document: Document,
    path: FilePath,
    environ: Mapping[str, str],
    secrets_dirs: Sequence[FilePath] | None = None,
    *,
    stand_ins: bool = False,
) -> Settings:
    """:func:`load_settings` of a document that was read already, or is yet to be written to ``path``."""
    places = default_secret_places(path, environ) if secrets_dirs is None else secrets_dirs
    secrets = read_secret_files(Settings, places, document.data)
    environment = read_environment(Settings, environ, document.data)
    trees = [environment.data, secrets.data, document.data]  # strongest first
    if stand_ins:
        trees.append(_standing_in(_merged(*trees)))
    translator = Translator(Settings, document, (environment.origins, secrets.origins))
    unusable = environment.unusable | secrets.unusable

    located: list[tuple[Path, Fault]] = []
    try:
        settings = Settings(_build_sources=(tuple(TreeSource(Settings, tree) for tree in trees), {}))
    except ValidationError as error:
        located = translator.translate(error.errors(include_url=False))
        bad = {fault_path for fault_path, _ in located} | unusable
        settings = salvage(Settings, _merged(*trees), (), bad)
    problems = check(settings, complete=not located)
    located += [(p.path, Fault(translator.where(p.path), p.found, p.expected)) for p in problems]
    located += [(key_path, translator.unknown_key(key_path)) for key_path in _unknown_entry_keys(settings)]
    located = [(at, fault) for at, fault in located if not any(at[: len(u)] == u for u in unusable)]
    located.sort(key=lambda entry: translator.line(entry[0]) or 1_000_000_000)
    faults = [*document.faults, *secrets.faults, *environment.faults, *(fault for _, fault in located)]
    if faults:
        raise ConfigurationError(faults) from None
    return _resolved(settings, path)


def _standing_in(tree: Mapping[str, Any]) -> dict[str, Any]:
    """A stand-in for each id and secret of the connections and forms that are named."""
    return {
        section: {name: dict(values) for name, entry in tree[section].items() if isinstance(entry, Mapping)}
        for section, values in _STAND_INS.items()
        if isinstance(tree.get(section), Mapping)
    }


def _merged(*trees: Mapping[str, Any]) -> dict[str, Any]:
    """As pydantic-settings merges its sources: mappings key by key, anything else as a whole."""
    merged: dict[str, Any] = {}
    for tree in trees:  # the first to set a key wins
        for key, value in tree.items():
            if key not in merged:
                merged[key] = value
            elif isinstance(merged[key], dict) and isinstance(value, dict):
                merged[key] = _merged(merged[key], value)
    return merged


def _unknown_entry_keys(settings: Settings) -> list[Path]:
    entries: list[tuple[Path, ColumnSettings]] = []
    for name, pipeline in getattr(settings, "pipelines", {}).items():
        for position, entry in enumerate(getattr(pipeline, "fields", [])):
            here: Path = ("pipelines", name, "fields", position)
            entries.append((here, entry))
            columns = getattr(entry, "children", [])
            entries += [((*here, "children", number), column) for number, column in enumerate(columns)]
    return [(*here, key) for here, entry in entries for key in unknown_entry_keys(entry)]


def _resolved(settings: Settings, path: FilePath) -> Settings:
    ledger = settings.ledger.model_copy(
        update={"url": f"sqlite:///{path.absolute().parent / settings.ledger.path}"}
    )
    pipelines = {name: _resolved_pipeline(settings, entry) for name, entry in settings.pipelines.items()}
    folder = path.absolute().parent
    lookups = {
        name: one if one.file is None else one.model_copy(update={"file": str(folder / one.file)})
        for name, one in settings.lookups.items()
    }
    return settings.model_copy(
        update={
            "ledger": ledger,
            "pipelines": pipelines,
            "lookups": lookups,
            "hooks_dir": str(folder / settings.hooks_dir),
        }
    )


def _resolved_pipeline(settings: Settings, pipeline: PipelineSettings) -> PipelineSettings:
    source = pipeline.source.model_copy(
        update={
            **_defaults_of_list(pipeline.source),
            "okki": settings.okki_of(pipeline)[0],
            "start_from": _aware(pipeline.source.start_from, settings.zone),
        }
    )
    target = pipeline.target.model_copy(update={"dingtalk": settings.dingtalk_of(pipeline)[0]})
    return pipeline.model_copy(update={"source": source, "target": target, "fields": nested(pipeline.fields)})


def _defaults_of_list(source: SourceSettings) -> dict[str, Any]:
    """What this list needs otherwise than products do, where nobody has set it."""
    row = RESOURCES[source.resource]
    defaults = {
        "time_type": source.time_type if row.time_types else None,
        "detail_fields": list(row.detail_fields),
        "total_keys": list(row.total_keys),
    }
    return {name: value for name, value in defaults.items() if name not in source.model_fields_set}


def _aware(moment: datetime | None, zone: ZoneInfo) -> datetime | None:
    if moment is None:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
