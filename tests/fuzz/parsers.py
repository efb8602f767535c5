"""The parsers of everything that the kit did not write itself, each with valid seeds."""

from __future__ import annotations

import base64
import contextlib
import gzip
import io
import json
import random
import re
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from securesystemslib.dsse import Envelope

from kit import paths, registry
from kit.contracts.workload_manifest import WorkloadManifest
from kit.data.idx import read_idx
from kit.errors import KitError
from kit.exchange.messages import (
    Complete,
    Failed,
    Ready,
    Report,
    Weights,
    encode,
    parse_from_trainer,
)
from kit.exchange.weights import TensorSpec, WeightsInbox, WeightsLayout
from kit.planning.plan import plan_trial
from kit.planning.request import TrialRequest
from kit.records.archive import pack, unpack
from kit.records.attestation import open_envelope
from kit.records.chain import verify_chain
from kit.records.evaluations import decode_evaluations, encode_evaluations
from kit.records.files import ATTESTATION, decode_record, encode_record
from kit.records.ledger import LEDGER
from kit.records.ledger_entry import _signed, parse_entry
from kit.records.signing import SigningKey, load_or_create_key, parse_public_key
from kit.records.trusted_keys import load_trusted_keys
from kit.rules.extra_requirements import LOCK, extra_requirements
from kit.rules.hyperparameters import read_declared
from kit.rules.ruleset import load_ruleset, parse_ruleset
from kit.rules.submission import SubmissionManifest
from kit.schema import canonical
from kit.schema.strict_yaml import parse
from kit.schema.validation import check
from kit.scoring.reading.compact import read_compact
from kit.scoring.rules import scoring_rules
from tests.fuzz.mutation import as_json, changed, restructured
from tests.records.factory import Results, make_trial

PATH = Path("/fuzz/file")
Make = Callable[[random.Random], bytes]


@dataclass
class Parser:
    """What reads bytes, and where its inputs come from; `share` of all inputs are for it."""

    name: str
    share: float
    read: Callable[[bytes], object]
    seeds: list[bytes]
    structures: list[Any] = field(default_factory=list)  # of seeds, to change value by value
    dump: Callable[[Any], bytes] = as_json
    documented: tuple[type[Exception], ...] = (KitError, ValueError)

    def make(self, draw: random.Random) -> bytes:
        """Return an input."""
        if self.structures and draw.random() < 0.5:
            return self.dump(restructured(draw, draw.choice(self.structures)))
        return changed(draw, draw.choice(self.seeds), self.seeds)


def all_parsers(folder: Path) -> list[Parser]:
    """Return every parser; `folder` is for the files of those that read one."""
    config = folder / "config"
    key = load_or_create_key(config)
    records, results = _records(), Results(folder)
    request = plan_trial(workload="mnist", submission="nadamw", results=folder, config=config)
    envelope = (results.run(make_trial()).folder / ATTESTATION).read_bytes()
    ledger = (results.root / LEDGER).read_bytes()
    return [
        *_yaml_parsers(folder),
        Parser(
            "messages", 30, parse_from_trainer, _messages(), [json.loads(m) for m in _messages()]
        ),
        _weights(folder),
        _hyperparameters(),
        _json("trial requests", 4, TrialRequest.decode, [request.encode().encode()]),
        _json("records", 5, lambda data: decode_record(data, PATH), records),
        Parser("evaluations", 8, decode_evaluations,
               [encode_evaluations(make_trial().evaluations)]),
        Parser("ledger lines", 10, parse_entry, ledger.splitlines(keepends=True),
               [json.loads(line) for line in ledger.splitlines()], partial(_resigned_entry, key)),
        _in_file("ledgers", 1, _chain, [ledger], folder),
        Parser("envelopes", 8, open_envelope, [envelope], [_statement(envelope)],
               partial(_resigned_statement, key)),
        Parser("canonical JSON", 8, canonical.decode, [envelope.strip(), *ledger.splitlines()]),
        _compact(folder),
        _lock(),
        Parser("archives", 4, unpack, _archives(), documented=(ValueError,)),
        _in_file("public keys", 1, lambda path: parse_public_key(str(path)),
                 [key.public.hex.encode(), key.public.pem.encode()], folder),
        _in_file("idx files", 5, read_idx,
                 [b"\0\0\x08\x01\0\0\0\x03abc", b"\0\0\x08\x02\0\0\0\x02\0\0\0\x02abcd"], folder),
    ]  # fmt: skip


def _json(name: str, share: float, read: Callable[[bytes], object], seeds: list[bytes]) -> Parser:
    return Parser(name, share, read, seeds, [json.loads(seed) for seed in seeds])


def _in_file(
    name: str, share: float, read: Callable[[Path], object], seeds: list[bytes], folder: Path
) -> Parser:
    path = folder / f"input-{name.replace(' ', '-')}"

    def written(data: bytes) -> object:
        path.write_bytes(data)
        return read(path)

    return Parser(name, share, written, seeds)


def _yaml_parsers(folder: Path) -> list[Parser]:
    def reader(schema: Any) -> Callable[[bytes], object]:
        return lambda data: check(schema, parse(data, PATH), PATH)

    def seeds(files: list[Path]) -> dict[str, Any]:
        contents = [file.read_bytes() for file in files]
        return {"seeds": contents, "structures": [yaml.safe_load(each) for each in contents]}

    workloads = sorted(paths.WORKLOADS.glob("*/workload.yaml"))
    rules = [paths.RULES / f"{name}.yaml" for name in registry.ruleset_names()]
    submissions = sorted(paths.SUBMISSIONS.glob("*/submission.yaml"))
    keys = _in_file("trusted keys", 1, load_trusted_keys, [paths.TRUSTED_KEYS.read_bytes()], folder)
    return [
        Parser("workload files", 1.5, reader(WorkloadManifest), **seeds(workloads)),
        Parser("rulesets", 0.5, _ruleset, **seeds(rules)),
        Parser("submission manifests", 3, reader(SubmissionManifest), **seeds(submissions)),
        keys,
    ]


def _hyperparameters() -> Parser:
    declared = {
        "rate": {"range": (0.0, None), "meaning": "size of a step"},
        "kind": {"type": "str", "default": "a", "choices": ("a", "b"), "meaning": "which"},
        "on": {"type": "bool", "default": True, "meaning": "whether"},
    }
    files = sorted(paths.SUBMISSIONS.glob("*/submission.py"))
    return Parser(
        "hyperparameters",
        2,
        lambda data: read_declared({"submission.py": data}, PATH.parent, {"rate": [0.1]}),
        [_declaration(declared), *(file.read_bytes() for file in files)],
        [declared],
        _declaration,
    )


def _declaration(content: Any) -> bytes:
    return f"HYPERPARAMETERS = {content!r}\n".encode()


def _ruleset(data: bytes) -> object:
    """Parse a ruleset, whose file has the name that is in it."""
    name = re.search(rb'name"?: ?"?([a-z0-9.-]+)', data)
    return parse_ruleset(data, PATH.with_name(f"{name[1].decode() if name else 'file'}.yaml"))


def _messages() -> list[bytes]:
    report = Report(compile_seconds=1.5, xla={"update": True}, peak_device_memory_bytes=1)
    sent = [
        Ready(),
        Weights(step=7, size_bytes=100, report=report),
        Complete(step=7, size_bytes=3),
        Failed(step=0, traceback="Traceback …\nValueError: x"),
    ]
    return [encode(message).strip() for message in sent]


def _weights(folder: Path) -> Parser:
    specs = [TensorSpec("a/kernel", (3, 2), "float32"), TensorSpec("b", (), "int32")]
    layout = WeightsLayout(specs)
    content = bytearray(layout.size_bytes)
    layout.write_into(memoryview(content), [np.ones((3, 2), np.float32), np.int32(1)])
    inbox = WeightsInbox(folder, layout, "weights")
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])

    def read(data: bytes) -> object:
        with (folder / "weights").open("r+b") as file:
            file.write(data[: layout.allocated_bytes])
        return inbox.read(len(data))

    def dump(entries: Any) -> bytes:
        text = as_json(entries)
        return len(text).to_bytes(8, "little") + text + bytes(28)

    return Parser("weights", 8, read, [bytes(content)], [header], dump)


def _records() -> list[bytes]:
    stored = sorted((paths.PROJECT / "benchmarks" / "mini" / "results").rglob("trial.json"))[:2]
    return [encode_record(make_trial().record), *(path.read_bytes() for path in stored)]


def _chain(path: Path) -> object:
    chain = verify_chain(path)
    if chain.problem:
        raise ValueError(chain.problem)
    return chain


def _statement(envelope: bytes) -> Any:
    return json.loads(base64.b64decode(json.loads(envelope)["payload"]))


def _resigned_statement(key: SigningKey, statement: Any) -> bytes:
    """Return the envelope of a changed statement, rightly signed: a hostile signer's."""
    payload = json.dumps(statement, sort_keys=True, separators=(",", ":")).encode()
    envelope = Envelope(payload, "application/vnd.in-toto+json", {})
    envelope.sign(key.signer)
    return canonical.encode(envelope.to_dict()) + b"\n"


def _resigned_entry(key: SigningKey, fields: Any) -> bytes:
    """Return a changed entry with a right signature, if it can be signed at all."""
    if isinstance(fields, dict):
        with contextlib.suppress(ValueError, RecursionError):
            fields["signature"] = key.sign(_signed(fields)).hex()
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def _compact(folder: Path) -> Parser:
    log = paths.PROJECT / "tests" / "golden" / "leaderboard" / "algoperf_v05_external.csv.gz"
    lines = gzip.decompress(log.read_bytes()).splitlines(keepends=True)
    rules = scoring_rules(load_ruleset("algoperf-0.5"), tuning="external")
    seeds = [b"".join([lines[0], *lines[at : at + 30]]) for at in (1, 5000)]
    parser = _in_file("AlgoPerf logs", 5, lambda path: read_compact(path, rules), seeds, folder)
    parser.seeds.append(gzip.compress(seeds[0]))
    return parser


def _lock() -> Parser:
    hashes = "--hash=sha256:" + "ab" * 32
    text = f"# a comment\nalpha==1.0 \\\n    {hashes} \\\n    {hashes}\nbeta==2.0 {hashes}\n"
    return Parser(
        "requirements.lock",
        8,
        lambda data: extra_requirements({LOCK: data}, {"numpy": "1.0"}, {"mlxtend": "data"}),
        [text.encode(), f"alpha==1.0 {hashes}\n".encode()],
    )


def _archives() -> list[bytes]:
    files = {"submission.py": b"x = 1\n", "parts/a.txt": b"text"}
    packed = pack(files)
    with io.BytesIO() as buffer:
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for kind in (tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.GNUTYPE_SPARSE):
                member = tarfile.TarInfo("x")
                member.type, member.linkname = kind, "/etc/passwd"
                tar.addfile(member)
        return [packed, gzip.compress(buffer.getvalue()), gzip.decompress(packed)]
