"""A ledger knows whether it is the latest of its kind; a copy in its place stands still until taken over."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.unit.ledger import sample
from xmsyncd.errors import LedgerStorageError, LedgerUnusableError
from xmsyncd.ledger import Ledger, identity, pipelines
from xmsyncd.ledger.backup import back_up
from xmsyncd.ledger.identity import GenerationFile, generation_path
from xmsyncd.ledger.views import Stop
from xmsyncd.records import StopReason


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "xmsyncd.db"


async def _used(path: Path, source_id: str = "1") -> identity.Identity:
    """Opened, written to, closed."""
    async with Ledger(path) as ledger:
        await ledger.write(pipelines.register, "products", sample.FORM, "textField_key")
        await ledger.write(sample.begin_cycle)
        await ledger.write(sample.stage, sample.draft_entry(source_id, f"K{source_id}"))
        return ledger.identity


async def _stop(ledger: Ledger, name: str = "products") -> StopReason | None:
    stop = (await ledger.read(pipelines.view, name)).stop
    return None if stop is None else stop.reason


async def test_a_ledger_keeps_its_id_and_its_generation_grows_with_each_use(path: Path):
    first = await _used(path)
    second = await _used(path, "2")
    assert first.beside is GenerationFile.NEW
    assert second.beside is GenerationFile.AGREES
    assert second.ledger_id == first.ledger_id
    assert second.generation > first.generation
    assert second.restored is None


async def test_an_older_copy_put_in_its_place_stands_still(path: Path, tmp_path: Path):
    await _used(path)
    shutil.copy(path, tmp_path / "copy.db")
    await _used(path, "2")
    shutil.copy(tmp_path / "copy.db", path)
    async with Ledger(path) as ledger:
        assert ledger.identity.beside is GenerationFile.AHEAD
        assert await _stop(ledger) is StopReason.RESTORED
    async with Ledger(path) as ledger:  # what was found once stays found
        assert ledger.identity.beside is GenerationFile.AGREES
        assert await _stop(ledger) is StopReason.RESTORED


async def test_a_copy_made_while_it_was_in_use_is_older_after_its_end(path: Path, tmp_path: Path):
    """Not one opening lies between the copy and the end: closing must count too."""
    async with Ledger(path) as ledger:
        await ledger.write(sample.open_pipeline)
        back_up(path, tmp_path / "copy.db", now=sample.NOW)
        await ledger.write(sample.stage, sample.draft_entry("1", "K"))
    _without_mark(tmp_path / "copy.db")
    shutil.copy(tmp_path / "copy.db", path)
    async with Ledger(path) as ledger:
        assert ledger.identity.beside is GenerationFile.AHEAD


async def test_what_a_dead_process_wrote_since_its_last_mark_makes_a_copy_older(path: Path, tmp_path: Path):
    ledger = await Ledger(path).__aenter__()
    await ledger.write(sample.open_pipeline)
    back_up(path, tmp_path / "copy.db", now=sample.NOW)
    _without_mark(tmp_path / "copy.db")
    await ledger.write(sample.stage, sample.draft_entry("1", "K"))
    await ledger.mark_generation()
    seen = generation_path(path).read_bytes()
    await ledger.__aexit__(None, None, None)
    generation_path(path).write_bytes(seen)  # as if it had not come to closing
    shutil.copy(tmp_path / "copy.db", path)
    async with Ledger(path) as again:
        assert again.identity.beside is GenerationFile.AHEAD


async def test_marking_without_a_change_writes_nothing(path: Path):
    async with Ledger(path) as ledger:
        await ledger.mark_generation()
        before = generation_path(path).stat().st_mtime_ns, generation_path(path).stat().st_ino
        await ledger.mark_generation()
        assert (generation_path(path).stat().st_mtime_ns, generation_path(path).stat().st_ino) == before


async def test_a_crash_between_the_two_writes_gives_no_false_alarm(
    path: Path, monkeypatch: pytest.MonkeyPatch
):
    await _used(path)

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(identity, "_write_file", dies)
        with pytest.raises(KeyboardInterrupt):
            await Ledger(path).__aenter__()
    async with Ledger(path) as ledger:
        assert ledger.identity.beside is GenerationFile.AGREES
        assert await _stop(ledger) is None


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (None, GenerationFile.MISSING),
        (b"", GenerationFile.OTHER),
        (b"half a fi", GenerationFile.OTHER),
        (b"[1, 2]", GenerationFile.OTHER),
        (json.dumps({"ledger": "another", "generation": 900}).encode(), GenerationFile.OTHER),
    ],
)
async def test_a_file_that_proves_nothing_is_made_anew(
    path: Path, content: bytes | None, found: GenerationFile
):
    before = await _used(path)
    generation_path(path).unlink()
    if content is not None:
        generation_path(path).write_bytes(content)
    async with Ledger(path) as ledger:
        assert ledger.identity.beside is found
        assert await _stop(ledger) is None
        assert ledger.identity.generation < before.generation + 10
    async with Ledger(path) as ledger:
        assert ledger.identity.beside is GenerationFile.AGREES


async def test_a_backup_is_whole_private_and_knows_that_it_is_one(path: Path, tmp_path: Path):
    target = tmp_path / "backup.db"
    async with Ledger(path) as ledger:
        await ledger.write(sample.open_pipeline)
        await ledger.write(sample.stage, *(sample.draft_entry(str(n), f"K{n}") for n in range(50)))
        made = back_up(path, target, now=sample.NOW)
        await ledger.write(sample.stage, sample.draft_entry("99", "K99"))  # goes on
    assert made.records == 50
    assert target.stat().st_mode & 0o777 == 0o600
    assert made.size_bytes == target.stat().st_size
    assert sorted(one.name for one in tmp_path.glob("*backup.db*")) == ["backup.db"]  # noqa: ASYNC240
    with sqlite3.connect(target) as copy:
        assert copy.execute("PRAGMA journal_mode").fetchone()[0] == "delete"
    async with Ledger(target) as restored:
        assert restored.identity.restored == "it is a backup of 2026-11-20 03:00 UTC"
        assert await _stop(restored) is StopReason.RESTORED
        assert await restored.read(identity.read_mark) is None
    async with Ledger(target) as restored:
        assert restored.identity.restored is None
        assert await _stop(restored) is StopReason.RESTORED


async def test_a_backup_put_over_a_ledger_that_died_does_not_play_its_log_back(path: Path, tmp_path: Path):
    """SQLite takes any log beside the file for its own; that of the ledger before would damage the backup."""
    await _used(path)
    back_up(path, tmp_path / "backup.db", now=sample.NOW)
    ledger = await Ledger(path).__aenter__()
    await ledger.write(sample.stage, *(sample.draft_entry(str(n), f"K{n}") for n in range(2, 60)))
    log = path.with_name("xmsyncd.db-wal").read_bytes()
    assert log
    await ledger.__aexit__(None, None, None)
    shutil.copy(tmp_path / "backup.db", path)
    path.with_name("xmsyncd.db-wal").write_bytes(log)
    async with Ledger(path) as restored:
        assert await restored.read(sample.states) == {"1": "pending"}
        assert await restored.read(lambda c: c.execute("PRAGMA integrity_check").fetchone()[0]) == "ok"
    assert path.with_name("xmsyncd.db-wal.left-over").read_bytes() == log


async def test_nothing_is_replaced_by_a_backup_unless_asked_for_and_never_the_ledger(
    path: Path, tmp_path: Path
):
    await _used(path)
    there = tmp_path / "there.db"
    there.write_text("precious")
    with pytest.raises(LedgerUnusableError, match="--force"):
        back_up(path, there, now=sample.NOW)
    assert there.read_text() == "precious"
    assert back_up(path, there, now=sample.NOW, force=True).records == 1
    for own in (path, path.with_name("xmsyncd.db-wal"), generation_path(path)):
        with pytest.raises(LedgerUnusableError, match="belongs to it"):
            back_up(path, own, now=sample.NOW, force=True)
    with pytest.raises(LedgerUnusableError, match="does not exist"):
        back_up(path, tmp_path / "missing" / "b.db", now=sample.NOW)
    with pytest.raises(LedgerUnusableError, match="is a folder"):
        back_up(path, tmp_path, now=sample.NOW, force=True)


async def test_a_backup_that_is_given_up_leaves_nothing(path: Path, tmp_path: Path):
    await _used(path)

    def give_up(copied: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        back_up(path, tmp_path / "backup.db", now=sample.NOW, watched=give_up)
    assert not list(tmp_path.glob("*backup*"))  # noqa: ASYNC240


async def test_a_damaged_page_does_not_become_a_backup(path: Path, tmp_path: Path):
    async with Ledger(path) as ledger:
        await ledger.write(sample.open_pipeline)
        await ledger.write(sample.stage, *(sample.draft_entry(str(n), f"K{n}" * 20) for n in range(400)))
    size = path.stat().st_size  # noqa: ASYNC240
    with path.open("r+b") as file:
        for page in range(20, size // 4096 - 1, 2):
            file.seek(page * 4096)
            file.write(b"\xff" * 4096)
    with pytest.raises(LedgerStorageError, match="damaged"):
        back_up(path, tmp_path / "backup.db", now=sample.NOW)
    assert not list(tmp_path.glob("*backup*"))  # noqa: ASYNC240


# The stop


async def test_a_restored_stop_is_neither_replaced_nor_resumed_and_adopt_lifts_it(path: Path, tmp_path: Path):
    await _used(path)
    back_up(path, tmp_path / "b.db", now=sample.NOW)
    async with Ledger(tmp_path / "b.db") as ledger:
        other = Stop(StopReason.PERMISSION, "x", sample.NOW, sample.NOW)
        assert await ledger.write(pipelines.stop, "products", other) is False
        assert await ledger.write(pipelines.resume, "products", sample.NOW) is None
        await ledger.write(pipelines.put_off_probe, "products", sample.NOW)
        stop = (await ledger.read(pipelines.view, "products")).stop
        assert stop is not None
        assert stop.reason is StopReason.RESTORED
        assert stop.probe_at is None
        assert "xmsyncd adopt" in stop.detail
        # A pipeline that the lost state may have had.
        await ledger.write(pipelines.register, "others", sample.FORM, "textField_key")
        assert await _stop(ledger, "others") is StopReason.RESTORED
        for name in ("products", "others"):
            assert await ledger.write(pipelines.lift_restored, name, sample.NOW) is True
            assert await ledger.write(pipelines.lift_restored, name, sample.NOW) is False
            assert await _stop(ledger, name) is None
        await ledger.write(pipelines.register, "third", sample.FORM, "textField_key")
        assert await _stop(ledger, "third") is None


# Whose products


async def test_another_account_is_refused_until_it_is_said_to_be_the_same(path: Path):
    async with Ledger(path) as ledger:
        register = pipelines.register
        await ledger.write(register, "products", sample.FORM, "k", account="client-1")
        await ledger.write(register, "products", sample.FORM, "k", account="client-1")
        with pytest.raises(LedgerUnusableError, match="ledger rebind products"):
            await ledger.write(register, "products", sample.FORM, "k", account="client-2")
        assert await ledger.write(pipelines.rebind, "products", "client-2") is True
        assert await ledger.write(pipelines.rebind, "products", "client-2") is False
        await ledger.write(register, "products", sample.FORM, "k", account="client-2")
        with pytest.raises(KeyError):
            await ledger.write(pipelines.rebind, "others", "client-2")
    assert b"client-" not in path.read_bytes()  # noqa: ASYNC240


async def test_another_list_of_okki_is_refused(path: Path):
    async with Ledger(path) as ledger:
        register = pipelines.register
        await ledger.write(register, "products", sample.FORM, "k", account="client-1")
        # A ledger from before there was a choice: it can only have read products.
        with pytest.raises(
            LedgerUnusableError, match=r"OKKI's list product, the configuration says supplier"
        ):
            await ledger.write(register, "products", sample.FORM, "k", resource="supplier")
        await ledger.write(register, "products", sample.FORM, "k", resource="product")
        await ledger.write(register, "suppliers", sample.FORM, "k", resource="supplier")
        await ledger.write(register, "suppliers", sample.FORM, "k", resource="supplier")
        with pytest.raises(LedgerUnusableError, match="give the pipeline another name"):
            await ledger.write(register, "suppliers", sample.FORM, "k", resource="company")


def _without_mark(path: Path) -> None:
    """As a plain copy of the file is."""
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("DELETE FROM notes WHERE name = 'copy'")
    connection.close()
