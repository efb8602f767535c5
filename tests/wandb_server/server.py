"""The stand-in: a server on a loopback port that speaks as much of W&B as its SDK needs."""

from __future__ import annotations

import gzip
import json
import re
import socket
import threading
import urllib.parse
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from tests.wandb_server import artifact_operations, run_operations  # noqa: F401  # they register
from tests.wandb_server.faults import Fault, Faults
from tests.wandb_server.operations import HANDLERS
from tests.wandb_server.state import SUMMARY, State, parse

KEY = "1a2b3c4d5e" * 4  # the form of an API key
_OPERATION = re.compile(r"\b(?:query|mutation)\s+(\w+)")


class WandbServer:
    """Starts and stops in the test's process; `state` is what arrived.

    with WandbServer(faults=[Fault("CommitArtifact", status=500)]) as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
    """

    def __init__(self, *, state: State | None = None, faults: Iterable[Fault] = ()) -> None:
        self.state = state or State()
        self.faults = Faults(faults)
        self.seen: list[str] = []  # the stages of all requests, in order
        self.bodies: list[bytes] = []  # and what they carried
        self.port = 0
        self._http: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """Return what belongs into WANDB_BASE_URL."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """Return what the SDK needs to speak to this server and to no other."""
        return {
            "WANDB_BASE_URL": self.url,
            "WANDB_API_KEY": KEY,
            "WANDB_ERROR_REPORTING": "false",
        }

    def start(self) -> WandbServer:
        """Listen; after `stop` on the same port again."""
        http = _Server(("127.0.0.1", self.port), _Handler)
        http.stand_in = self
        self.port, self._http = http.server_address[1], http
        threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Stop listening and cut the connections; what arrived stays."""
        if self._http is not None:
            self._http.shutdown()
            self._http.server_close()
            self._http.cut_all()
            self._http = None

    def __enter__(self) -> WandbServer:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    stand_in: WandbServer

    def __init__(self, *arguments: Any) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of connections that the other side closed."""

    def cut_all(self) -> None:
        """Close the connections that are kept alive: a server that is gone holds none."""
        for connection in list(self._open):
            cut(connection)


def cut(connection: socket.socket) -> None:
    """Close a connection in the middle of whatever it carries."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *arguments: Any) -> None:
        """Print nothing."""

    def do_POST(self) -> None:
        body = self._body()
        path = urllib.parse.urlsplit(self.path).path
        if path == "/graphql":
            request = json.loads(body)
            name = request.get("operationName") or _OPERATION.search(request["query"])[1]
            variables = dict(request.get("variables") or {})
            variables["light"] = "LightweightRunFragment" in request["query"]
            self._answer(name, lambda: self._graphql(name, variables))
        elif path.endswith("/file_stream"):
            self._answer("file_stream", lambda: self._file_stream(path, json.loads(body)))
        else:
            self._send(404, b"{}")

    def do_PUT(self) -> None:
        body = self._body()
        key = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path).removeprefix("/storage/")
        self._answer("put", lambda: self._store(key, body), half=lambda: self._store(key, body, 2))

    def do_GET(self) -> None:
        key = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path).removeprefix("/storage/")
        self._answer("get", lambda: self._stored(key))

    def _answer(self, stage: str, act: Any, half: Any = None) -> None:
        """Do what is asked, unless a fault is due at this stage."""
        stand_in = self.server.stand_in
        stand_in.seen.append(stage)
        fault = stand_in.faults.strike(stage)
        if fault and fault.kind == "refuse":
            self._send(fault.status, b'{"error": "a fault"}', retry_after=fault.retry_after_seconds)
            return
        if fault and fault.kind == "cut":
            self._hang_up()
            return
        with stand_in.state.lock:
            answer = (half or act)() if fault and fault.kind == "half" else act()
        if fault and fault.kind == "cut_after":
            self._hang_up()
            return
        if answer is None:
            self._send(404, b"{}")
        else:
            self._send(200, answer)

    def _graphql(self, name: str, variables: dict[str, Any]) -> bytes:
        stand_in = self.server.stand_in
        if name not in HANDLERS:
            errors = [{"message": f"unknown operation {name}"}]
            return json.dumps({"data": None, "errors": errors}).encode()
        return json.dumps(
            {"data": HANDLERS[name](stand_in.state, variables, stand_in.url)}
        ).encode()

    def _file_stream(self, path: str, request: dict[str, Any]) -> bytes:
        entity, project, name = path.split("/")[2:5]
        run = self.server.stand_in.state.run(entity, project, name)
        for file, chunk in (request.get("files") or {}).items():
            if file == SUMMARY:
                run.summary = parse(chunk["content"][-1])
                continue
            lines = run.lines.setdefault(file, {})
            lines.update(enumerate(chunk["content"], start=chunk.get("offset", 0)))
        if request.get("complete"):
            run.exit_code = request.get("exitcode")
            run.state = "failed" if run.exit_code else "finished"
        return b"{}"

    def _store(self, key: str, body: bytes, part: int = 1) -> bytes:
        self.server.stand_in.state.stored[key] = body[: len(body) // part]
        return b""

    def _stored(self, key: str) -> bytes | None:
        return self.server.stand_in.state.stored.get(key)

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            body = b"".join(parts)
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.stand_in.bodies.append(body)
        return body

    def _send(self, status: int, body: bytes, *, retry_after: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if retry_after is not None:
            self.send_header("Retry-After", str(retry_after))
        self.end_headers()
        self.wfile.write(body)

    def _hang_up(self) -> None:
        self.close_connection = True
        cut(self.connection)
