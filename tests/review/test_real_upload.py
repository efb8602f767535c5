"""A real upload, heads included, reviewed: what the stand-in's fabricated state stands for."""

from __future__ import annotations

import json

import pytest

from kit.cli.main import main
from kit.mirror.plan import plan_upload
from kit.mirror.project import Destination
from kit.mirror.upload import Status, Upload
from kit.mirror.witness import Follower
from kit.mirror.worker import Worker
from kit.records.ledger import Ledger
from tests.records.factory import Results
from tests.review.conftest import KEYS
from tests.review.mirrored import ENTITY, PROJECT
from tests.scoring.reading import records_factory
from tests.wandb_server import WandbServer


@pytest.mark.slow
def test_witnessed_run_that_was_uploaded_matches(tmp_path, monkeypatch, capsys):
    results, ruleset = Results(tmp_path), records_factory.ruleset_file(tmp_path)
    results.ledger = Ledger(results.ledger.path)  # by the real clock
    to = Destination(ENTITY, PROJECT, 60)
    with WandbServer() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        worker = Worker(to)
        follower = Follower(results.ledger.path, worker.send, tell=lambda _: None)
        start = results.start

        def started(record):
            which = start(record)
            assert follower.step()
            return which

        monkeypatch.setattr(results, "start", started)
        records_factory.run(results, ruleset, "first")
        assert follower.step()
        worker.close()
        sent = Upload(to, parallel=1, tell=lambda _: None).run(plan_upload([results.root]).tasks)
        assert {result.status for result in sent} == {Status.SENT}
        keys = tmp_path / "keys.yaml"
        keys.write_text(KEYS.format(role="official_runner", key=results.key.public.hex))
        words = ["review", f"{ENTITY}/{PROJECT}", "--json", "--folder", str(tmp_path / "review")]
        with pytest.raises(SystemExit) as exit_:
            main([*words, "--trusted-keys", str(keys), "--ruleset", str(ruleset)])
        found = json.loads(capsys.readouterr().out)
    assert (exit_.value.code, found["problems"]) == (0, [])
    assert [record["witnessed"] for record in found["records"]] == [True]
    assert found["leaderboard"]["standings"][0]["remarks"] == ["official", "witnessed"]
