"""The reader of the transaction log, on logs that the real client wrote."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from wbsignal_lint.drill.measurement import Plan, drill
from wbsignal_lint.drill.transaction_log import NotATransactionLog, RunRecord, TransactionLog, read_run

pytestmark = pytest.mark.truth

# 400 records of 500 bytes are spread over several blocks, one record of 100 kB covers three of them whole.
SCRIPT = """
import sys, wandb
with wandb.init(project="log", dir=sys.argv[1]) as run:
    for step in range(400):
        run.log({"text": str(step) * 150})
    run.log({"long": "x" * 100_000})
    run.mark_preempting()
    run.finish(exit_code=7)
"""


@pytest.fixture(scope="module")
def log_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log that the client has finished."""
    folder = tmp_path_factory.mktemp("log")
    drill([sys.executable, "-c", SCRIPT, str(folder)], Plan((), grace=60), server="http://127.0.0.1:9", cwd=folder)
    (path,) = folder.glob("wandb/offline-run-*/*.wandb")
    return path


def kinds(log: TransactionLog) -> list[str]:
    return [record.kind for record in log.records]


def test_every_record_is_read(log_file: Path) -> None:
    run = read_run(log_file)

    assert run.logged == 401
    assert run.sequence == "P X(7)"
    assert (run.marked, run.exit_codes, run.recorded) == (True, (7,), 7)
    assert f"run-{run.run_id}.wandb" == log_file.name
    assert log_file.stat().st_size > 5 * 32 * 1024


def test_a_log_that_grows_is_read_as_it_grows(log_file: Path, tmp_path: Path) -> None:
    data = log_file.read_bytes()
    whole = TransactionLog(log_file)
    whole.read()
    growing = TransactionLog(tmp_path / "growing.wandb")

    for end in [*range(0, len(data), 997), len(data)]:
        growing.path.write_bytes(data[:end])
        growing.read()

    assert kinds(growing) == kinds(whole)
    assert growing.damaged == 0


def test_a_log_that_was_cut_off_is_read_as_far_as_it_goes(log_file: Path, tmp_path: Path) -> None:
    data = log_file.read_bytes()
    whole = TransactionLog(log_file)
    whole.read()
    cut = tmp_path / "cut.wandb"

    for end in [0, 3, 7, 8, *range(20_000, 50_000, 1_234), len(data) - 1]:
        cut.write_bytes(data[:end])
        log = TransactionLog(cut)
        log.read()
        assert kinds(log) == kinds(whole)[: len(log.records)]
        assert len(log.records) < len(whole.records)


def test_a_damaged_block_costs_its_records_and_no_others(log_file: Path, tmp_path: Path) -> None:
    data = bytearray(log_file.read_bytes())
    data[40_000] ^= 0xFF
    damaged = tmp_path / "damaged.wandb"
    damaged.write_bytes(data)
    log = TransactionLog(damaged)
    log.read()

    assert log.damaged == 1
    assert RunRecord.of(log).sequence == "P X(7)"
    assert 250 < RunRecord.of(log).logged < 401


def test_another_file_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.wandb"
    other.write_bytes(b"SQLite format 3\0")

    with pytest.raises(NotATransactionLog, match=r"other\.wandb is not a wandb transaction log"):
        read_run(other)
