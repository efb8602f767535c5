"""A draw in a temporary folder: ruleset, submissions, and an organiser with a clock of his own."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from pathlib import Path

from kit.records.held_out import Organiser, commit, freeze, reveal
from kit.records.held_out.statements import Commit, Freeze, Reveal, Said, Statement, sign_statement
from kit.records.signing import SigningKey, create_key
from kit.rules.ruleset import Ruleset, load_ruleset
from kit.rules.submission import Submission, load_submission
from tests.rules.conftest import RULESET

PROMISED, PUBLIC_VALUE = "drand round 12345, randomness in hexadecimal", "5f3759df"
POLICY = "held_out: {base_workloads: 1, variants: {digits: [silu, gelu], speech: [tanh, glu]}}"
MANIFEST = """\
name: {name}
authors: [Ada Lovelace]
description: For tests.
batch_sizes: {{mini: {{digits: 32}}}}
tuning: {{default: {{points: [{{x: 1}}]}}}}
"""


def ruleset_text(policy: str = POLICY) -> str:
    """Return a ruleset with two variants of two workloads."""
    head, tail = RULESET.split("held_out: {base_workloads: 1, variants: {digits: [silu]}}\n")
    text = f"{head}{policy}\n{tail}"
    return text.replace("planned:", "    variants: {tanh: {}, glu: {}}\nplanned:")


@dataclass
class Draw:
    """The folders of one draw; files are written below `root`."""

    root: Path
    ticks: itertools.count[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.folder = self.root / "public"
        self.config = self.root / "config"
        path = self.root / "tiny.yaml"
        path.write_text(ruleset_text())
        self.ruleset: Ruleset = load_ruleset(path)
        self.organiser = Organiser(create_key(self.config, "organiser"), self.config, self._now)

    def _now(self) -> str:
        return f"2030-01-01T00:00:{next(self.ticks):02d}.000+00:00"

    def with_key(self, name: str) -> Organiser:
        """Return the organiser with another key, made now."""
        return replace(self.organiser, key=create_key(self.config, name))

    def submission(self, name: str, code: str = "") -> Submission:
        """Return the submission `name`; the same code gives the same digest."""
        folder = self.root / "submissions" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "submission.yaml").write_text(MANIFEST.format(name=name))
        declared = 'HYPERPARAMETERS = {"x": {"meaning": "any"}}\n'
        (folder / "submission.py").write_text(declared + code)
        return load_submission(folder)

    def commit(self) -> Statement[Commit]:
        """Take the first step."""
        return commit(
            self.folder,
            ruleset=self.ruleset,
            public_value_will_be=PROMISED,
            organiser=self.organiser,
        )

    def freeze(self, *names: str) -> tuple[Statement[Freeze], list[str]]:
        """Take the second step."""
        return freeze(
            self.folder,
            ruleset=self.ruleset,
            submissions=[self.submission(name) for name in names],
            organiser=self.organiser,
        )

    def reveal(self, public_value: str = PUBLIC_VALUE) -> Statement[Reveal]:
        """Take the last step."""
        return reveal(
            self.folder,
            ruleset=self.ruleset,
            public_value=public_value,
            organiser=self.organiser,
        )

    def finished(self) -> Draw:
        """Take all steps, with two freezes."""
        self.commit()
        self.freeze("ada", "grace")
        self.freeze("emmy")
        self.reveal()
        return self

    def files(self) -> dict[str, bytes]:
        """Return all that lies in the public folder."""
        return {path.name: path.read_bytes() for path in sorted(self.folder.iterdir())}

    def nonces(self) -> list[Path]:
        """Return the nonces in the private folder."""
        return sorted((self.config / "held-out").glob("*.nonce"))

    def forge(
        self,
        statement: Statement[Said],
        *,
        key: SigningKey | None = None,
        digests: dict[str, str] | None = None,
        file: str = "",
        **said: str,
    ) -> None:
        """Replace a statement by another, properly signed: what a cheating organiser can do."""
        digests = dict(statement.digests) if digests is None else digests
        changed = statement.said.model_copy(update=said)
        data = sign_statement(changed, digests, key or self.organiser.key)
        (self.folder / (file or statement.file)).write_bytes(data)
