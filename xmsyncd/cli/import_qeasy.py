"""``import-qeasy``: a configuration from the two metadata documents (元数据) of a 轻易云 scheme."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from xmsyncd.cli.options import Common, common_options, framed

if TYPE_CHECKING:
    from xmsyncd.cli.words import Words
    from xmsyncd.importing.converting import Imported
    from xmsyncd.importing.writing import WrittenFiles


def _filled(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is not None and (not value.strip() or value.strip() in ("…", "...")):
        raise click.BadParameter(
            "the form's id FORM-…, which its address in Yida's designer shows", ctx, param
        )
    return value.strip() if value else None


@click.command("import-qeasy")
@click.argument("source", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("target", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The configuration to write (default: the one that other commands read, see --config).",
)
@click.option("--form-uuid", callback=_filled, metavar="FORM-…", help="The form, where no document names it.")
@click.option(
    "--secrets",
    "secrets_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The file of secrets (default: beside the configuration, where it is looked for).",
)
@click.option("--force", is_flag=True, help="Replace files that are there already.")
@click.option("--dry-run", is_flag=True, help="Print the configuration, and write nothing.")
@common_options
@framed
def import_qeasy(
    common: Common,
    source: Path,
    target: Path,
    output: Path | None,
    form_uuid: str | None,
    secrets_file: Path | None,
    force: bool,
    dry_run: bool,
) -> int:
    """Make a configuration from the SOURCE and TARGET metadata documents of a scheme on 轻易云.

    Secrets of the documents go to a file of their own with mode 0600, never into the configuration. Where
    something cannot be taken over, it is named with what to do, and nothing is written.
    """
    from xmsyncd import __version__
    from xmsyncd.cli.output import err, out, print_json
    from xmsyncd.cli.words import words
    from xmsyncd.importing.converting import import_documents, read_file
    from xmsyncd.importing.writing import write_files
    from xmsyncd.operations.exit_status import ExitStatus

    documents = [(path.name, read_file(path)) for path in (source, target)]
    made = import_documents(documents[0], documents[1], form_uuid=form_uuid, made_by=f"xmsyncd {__version__}")
    common.secrets = set(made.secrets.values())
    files = None
    if made.configuration and not dry_run:
        files = write_files(
            made.configuration,
            made.secrets,
            made.missing_secrets,
            output=output or common.config,
            secrets_file=secrets_file,
            force=force,
        )
    if common.json:
        print_json(_json(made, files, dry_run))
    elif dry_run and made.configuration:
        _show(made, err(), words())
        click.echo(made.configuration, nl=False)
    else:
        _show(made, out(), words())
        if files is not None:
            for line in _what_next(made, files):
                click.echo(line)
    if made.configuration:
        return ExitStatus.WELL
    number = made.findings.counts["refused"]
    things = "thing" if number == 1 else "things"
    click.echo(f"error: nothing was written: {number} {things} cannot be taken over (see above)", err=True)
    return ExitStatus.USAGE


def _json(made: Imported, files: WrittenFiles | None, dry_run: bool) -> dict[str, Any]:
    return {
        "configuration": None if files is None else str(files.configuration),
        "secrets": None if files is None or files.secrets is None else str(files.secrets),
        "secret_names": sorted(made.secrets),
        "missing_secrets": list(made.missing_secrets),
        "counts": made.findings.counts,
        "findings": [one.to_json() for one in made.findings.listed],
        **({"text": made.configuration} if dry_run else {}),
    }


def _show(made: Imported, console: Any, words: Words) -> None:
    from rich.text import Text

    from xmsyncd.cli.output import add_row, coloured, counts, table
    from xmsyncd.importing.findings import Verdict

    shown = table("", words("where"), words("found"))
    for verdict in Verdict:
        for one in made.findings.of(verdict):
            found = Text(one.found)
            if one.advice:
                found.append(f"\n→ {one.advice}", style="dim")
            add_row(shown, coloured(verdict.words, words), one.where, found)
    console.print(shown)
    numbers = {verdict.words: made.findings.counts[verdict.value] for verdict in Verdict}
    console.print(counts(numbers, numbers, words))


def _what_next(made: Imported, files: WrittenFiles) -> list[str]:
    lines = [f"Written: {files.configuration}"]
    if files.secrets is not None:
        lines.append(f"Written: {files.secrets} (mode 0600), with {len(made.secrets)} of the secrets")
        if not files.is_found:
            lines.append(
                f"xmsyncd does not look there by itself: EnvironmentFile={files.secrets.absolute()} in the "
                "systemd unit, or --env-file for Docker"
            )
    if made.missing_secrets:
        lines.append(f"Still to be filled in there: {', '.join(made.missing_secrets)}")
    lines.append("Next: fill in what is … in the configuration, then xmsyncd check")
    return lines
