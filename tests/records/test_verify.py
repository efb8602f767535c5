"""Verification of one record: every changed byte is found, every false claim is named."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner

from kit.errors import UsageError
from kit.records.archive import pack
from kit.records.attestation import attest, open_envelope
from kit.records.files import ATTESTATION, ATTESTED, EVALUATIONS, LOG, SUBMISSION, TRIAL
from kit.records.findings import VerificationReport
from kit.records.ledger import LEDGER
from kit.records.ledger_entry import Identification
from kit.records.record import TrialState
from kit.records.signing import PublicKey, SigningKey
from kit.records.verify import verify_envelope, verify_record
from tests.records.factory import SOURCE, Results, changed, make_trial, resign

SAMPLED_POSITIONS = 60


def told(report: VerificationReport) -> list[str]:
    """Return the problems as "file: sentence"."""
    return [f"{finding.file}: {finding.sentence}" for finding in report.problems]


def flip(path: Path, position: int, bit: int = 0) -> bytes:
    """Flip one bit of a file and return what it held before."""
    content = path.read_bytes()
    altered = bytearray(content)
    altered[position] ^= 1 << bit
    path.write_bytes(bytes(altered))
    return content


def test_sound_record_of_a_trusted_key(results: Results) -> None:
    written = results.run(make_trial())
    report = verify_record(written.folder, trusted=[results.key.public])
    assert told(report) == []
    assert report.ok
    assert report.signer is not None
    assert report.signer.trusted
    assert report.signer.name == "development key"
    assert report.verdict_code == written.verdict_code
    assert report.envelope_sha256 == written.envelope_sha256
    sentences = {f.check: f.sentence for f in report.findings if f.status == "ok"}
    assert sentences["ledger entries"] == "Start and end are entered in lines 3, 4, 5 of 5."
    assert sentences["source"] == "The archive is the submission that ran."


@pytest.mark.parametrize("state", list(TrialState))
def test_trial_of_every_state_verifies(results: Results, state: TrialState) -> None:
    values = () if state is TrialState.FAILED else None
    folder = results.run(make_trial(state=state, values=values)).folder
    assert told(verify_record(folder)) == []


def test_every_changed_byte_is_found_and_its_file_named(results: Results) -> None:
    folder = results.run(make_trial()).folder
    randomness = random.Random(0)
    for path in [*(folder / name for name in (*ATTESTED, ATTESTATION)), results.root / LEDGER]:
        size = path.stat().st_size
        positions = list(range(size))
        if size > SAMPLED_POSITIONS:
            positions = [0, size - 2, size - 1, *randomness.sample(positions, SAMPLED_POSITIONS)]
        for position in positions:
            before = flip(path, position, randomness.randrange(8))
            report = verify_record(folder, trusted=[results.key.public])
            assert path.name in {finding.file for finding in report.problems}, position
            path.write_bytes(before)
    assert verify_record(folder).ok


@pytest.mark.parametrize("name", [*ATTESTED, ATTESTATION])
def test_missing_file_is_named(results: Results, name: str) -> None:
    folder = results.run(make_trial()).folder
    (folder / name).unlink()
    assert f"{name}: The file is missing." in told(verify_record(folder))


@pytest.mark.parametrize("name", [*ATTESTED, ATTESTATION])
def test_symbolic_link_is_named_even_to_the_same_content(
    results: Results, tmp_path: Path, name: str
) -> None:
    folder = results.run(make_trial()).folder
    shutil.move(folder / name, tmp_path / "moved")
    (folder / name).symlink_to(tmp_path / "moved")
    message = f"{name}: This is a symbolic link, not a file of its own."
    assert message in told(verify_record(folder))


def _add_file(folder: Path) -> None:
    (folder / "notes.txt").write_text("x")


def _add_link(folder: Path) -> None:
    (folder / "notes.txt").symlink_to(TRIAL)


def _add_folder(folder: Path) -> None:
    (folder / "notes.txt").mkdir()


@pytest.mark.parametrize("add", [_add_file, _add_link, _add_folder])
def test_extra_file_is_named(results: Results, add: Callable[[Path], None]) -> None:
    folder = results.run(make_trial()).folder
    add(folder)
    message = "notes.txt: This file is no part of a record. Move it away."
    assert told(verify_record(folder)) == [message]


def test_pipe_in_place_of_a_file_does_not_block(results: Results) -> None:
    folder = results.run(make_trial()).folder
    (folder / LOG).unlink()
    os.mkfifo(folder / LOG)
    assert "log.txt: This is not a regular file." in told(verify_record(folder))


def test_unknown_key_is_integrity_only(results: Results) -> None:
    folder = results.run(make_trial()).folder
    report = verify_record(folder)
    assert report.ok
    notes = [finding for finding in report.findings if finding.status == "note"]
    assert any(note.sentence.startswith("Unknown key: integrity only.") for note in notes)
    stranger = PublicKey("ab" * 32)
    report = verify_record(folder, trusted=[stranger], must_trust=True)
    assert [finding.check for finding in report.problems] == ["trust"]


def test_record_without_its_ledger_says_so(results: Results, tmp_path: Path) -> None:
    folder = results.run(make_trial()).folder
    copy = tmp_path / "far" / "away" / "copy"
    shutil.copytree(folder, copy)
    report = verify_record(copy)
    assert report.ok
    assert any("Ledger not seen" in f.sentence for f in report.findings)


def test_record_in_a_results_folder_without_a_ledger_is_a_problem(results: Results) -> None:
    folder = results.run(make_trial()).folder
    results.ledger.path.unlink()
    (problem,) = told(verify_record(folder))
    assert problem.startswith("ledger.jsonl: The results folder has lost its ledger")


def test_a_trial_folder_under_another_number_is_named(results: Results) -> None:
    folder = results.run(make_trial()).folder
    moved = folder.rename(folder.with_name("trial_1_attempt_2"))
    assert any("belongs into example/example/mnist/study_1/trial_1, and" in t
               for t in told(verify_record(moved)))  # fmt: skip


def test_folder_without_a_record_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no record: neither trial\.json nor attestation"):
        verify_record(tmp_path)


def test_attestation_alone_is_checked_for_its_signature(results: Results, tmp_path: Path) -> None:
    folder = results.run(make_trial()).folder
    lone = tmp_path / "received.json"
    shutil.copy(folder / ATTESTATION, lone)
    report = verify_envelope(lone, trusted=[results.key.public])
    assert report.ok
    assert report.signer is not None
    assert any("digests were not checked" in f.sentence for f in report.findings)
    flip(lone, 100)
    assert not verify_envelope(lone).ok


def test_record_signed_again_does_not_fit_the_ledger(results: Results) -> None:
    folder = results.run(make_trial()).folder
    (folder / LOG).write_bytes(b"a nicer log")
    resign(folder, results.key)
    problems = told(verify_record(folder, trusted=[results.key.public]))
    assert len(problems) == 1
    assert problems[0].startswith("ledger.jsonl: Line 5 names the attestation with sha256")


def test_record_signed_by_another_key_does_not_fit_the_ledger(results: Results) -> None:
    folder = results.run(make_trial()).folder
    resign(folder, SigningKey("forger", CryptoSigner.generate_ed25519()))
    assert "ledger.jsonl: Line 3 was signed by another key than attestation.json." in told(
        verify_record(folder)
    )


def test_statement_must_agree_with_the_record(results: Results) -> None:
    folder = results.run(make_trial()).folder
    resign(folder, results.key, state="out_of_time", official="false")
    problems = told(verify_record(folder))
    assert (
        "attestation.json: The statement says state 'out_of_time', but trial.json says "
        "'target_reached'."
    ) in problems


def test_statement_must_list_the_files_of_a_record(results: Results) -> None:
    folder = results.run(make_trial()).folder
    said = open_envelope((folder / ATTESTATION).read_bytes())
    fewer = {name: digest for name, digest in said.digests.items() if name != LOG}
    (folder / ATTESTATION).write_bytes(attest(fewer, said.predicate, results.key))
    assert any("must list exactly: trial.json, " in text for text in told(verify_record(folder)))


def test_another_source_in_the_archive_is_found(results: Results) -> None:
    trial = make_trial()
    folder = results.run(trial, source={**SOURCE, "submission.py": b"something else"}).folder
    problems = told(verify_record(folder))
    assert len(problems) == 1
    assert problems[0].startswith("submission.tar.gz: The digest of the archived files is")


def test_archive_that_does_not_open_is_found(results: Results) -> None:
    folder = results.run(make_trial()).folder
    (folder / SUBMISSION).write_bytes(pack(SOURCE)[:-1])
    resign(folder, results.key)
    assert any(
        text.startswith("submission.tar.gz: The archive does not open: a gzip file that is cut off")
        for text in told(verify_record(folder))
    )


def test_signed_nonsense_is_reported_not_raised(results: Results) -> None:
    folder = results.run(make_trial()).folder
    (folder / TRIAL).write_bytes(b"{}")
    (folder / EVALUATIONS).write_bytes(b"\xff")
    resign(folder, results.key)
    problems = told(verify_record(folder))
    assert any(text.startswith("trial.json: trial.json: kit_version: Field") for text in problems)
    assert any(text.startswith("evaluations.csv: The table does not parse") for text in problems)


class TestLedger:
    """What the ledger says must be what the record says."""

    def test_no_start(self, results: Results) -> None:
        results.start(make_trial(trial=2).record)
        folder = results.write(make_trial()).folder
        assert told(verify_record(folder)) == [
            "ledger.jsonl: No entry says that example: example, mnist, study 1, trial 1, attempt 1 "
            "was started."
        ]

    def test_no_end(self, results: Results) -> None:
        trial = make_trial()
        results.start(trial.record)
        folder = results.write(trial).folder
        problems = told(verify_record(folder))
        assert len(problems) == 1
        assert "attempt 1 has a start but no end" in problems[0]

    def test_deleted_end(self, results: Results) -> None:
        folder = results.run(make_trial()).folder
        lines = results.ledger.path.read_bytes().splitlines(keepends=True)
        results.ledger.path.write_bytes(b"".join(lines[:-1]))
        assert any("has a start but no end" in text for text in told(verify_record(folder)))

    def test_submission_time_without_a_started_clock(self, results: Results) -> None:
        """Who strikes the entry could repeat a trial at will."""
        trial = make_trial(state=TrialState.INTERRUPTED)
        results.start(make_trial(trial=2).record)
        which = Identification.of(trial.record)
        results.ledger.start(which, results.key)
        written = results.write(trial)
        results.ledger.end(which, trial.record.state, written.envelope_sha256, results.key)
        assert told(verify_record(written.folder)) == [
            "ledger.jsonl: example: example, mnist, study 1, trial 1, attempt 1 used 6.012 s of "
            "submission time, but no entry says that its clock started."
        ]

    def test_other_seed(self, results: Results) -> None:
        trial = make_trial()
        which = results.start(trial.record)
        other = which.model_copy(update={"seed_commitment": "ee" * 32, "attempt": 2})
        results.ledger.start(other, results.key)
        written = results.write(changed(trial, attempt=2))
        results.ledger.end(other, trial.record.state, written.envelope_sha256, results.key)
        problems = told(verify_record(written.folder))
        assert any(text.startswith("ledger.jsonl: Line 5 says seed_comm") for text in problems)

    def test_other_state(self, results: Results) -> None:
        trial = make_trial()
        which = results.start(trial.record)
        written = results.write(trial)
        results.ledger.end(which, TrialState.FAILED, written.envelope_sha256, results.key)
        assert told(verify_record(written.folder)) == [
            "ledger.jsonl: Line 5 says state failed; trial.json says target_reached."
        ]

    def test_rewritten_ledger(self, results: Results) -> None:
        trial = make_trial()
        folder = results.run(trial).folder
        digest = verify_record(folder).envelope_sha256
        results.ledger.path.unlink()
        which = results.start(trial.record)
        results.ledger.end(which, trial.record.state, digest, results.key)
        problems = told(verify_record(folder))
        assert len(problems) == 1
        assert "which is no entry between start and end of the trial" in problems[0]

    def test_official_needs_a_commitment(self, results: Results) -> None:
        trial = make_trial()
        which = Identification.of(trial.record)
        results.ledger.start(which, results.key)
        results.ledger.clock(which, results.key)
        written = results.write(trial)
        results.ledger.end(which, trial.record.state, written.envelope_sha256, results.key)
        assert told(verify_record(written.folder)) == [
            "ledger.jsonl: official is true, but no entry before the start commits to study 1."
        ]

    def test_official_is_no_second_try(self, results: Results) -> None:
        results.run(make_trial(state=TrialState.OUT_OF_TIME))
        folder = results.run(make_trial(attempt=2)).folder
        assert told(verify_record(folder)) == [
            "ledger.jsonl: official is true, but attempt 1 at this trial had already ended as "
            "out_of_time."
        ]

    def test_attempt_after_an_interruption_is_fine(self, results: Results) -> None:
        results.run(make_trial(state=TrialState.INTERRUPTED))
        folder = results.run(make_trial(attempt=2)).folder
        assert told(verify_record(folder)) == []
