"""What a user is told when no container engine can be used."""

from __future__ import annotations

import contextlib
import errno
import http.server
import json
import os
import socket
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.engine.client import connect, explained
from kit.errors import NotAvailable


@pytest.fixture
def engine_of_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a context that answers like an engine of some API version at DOCKER_HOST."""

    @contextlib.contextmanager
    def serve(api_version: str) -> Iterator[None]:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps({"ApiVersion": api_version, "Version": "19.03.1"}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def address_string(self) -> str:
                return "test"

            def log_message(self, *_: object) -> None: ...

        path = str(tmp_path / "engine.sock")
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        with socketserver.ThreadingUnixStreamServer(path, Handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield
            server.shutdown()

    return serve


def test_an_absent_socket_is_told_with_its_address_and_the_fix(tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(NotAvailable, match="No container engine answers") as caught:
        connect()
    message = str(caught.value)
    assert f"unix://{tmp_path}/none.sock: there is no such socket" in message
    assert "apt-get install docker.io" in message
    assert "DOCKER_HOST" in message


def test_a_socket_that_nobody_listens_on_is_told_from_an_absent_one(tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(tmp_path / "old.sock"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/old.sock")
    with pytest.raises(NotAvailable, match="the connection was refused"):
        connect()


def test_a_refused_tcp_address_is_told_in_the_same_words(monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    with pytest.raises(NotAvailable, match=r"tcp://127\.0\.0\.1:1: the connection was refused"):
        connect()


def test_no_permission_names_the_group_and_sudo():
    denied = PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    message = str(explained(RuntimeError("Connection aborted.", denied), "unix:///run/x.sock"))
    assert "permission denied" in message
    assert "usermod -aG docker" in message
    assert "sudo" in message
    assert "\n" not in message


def test_no_answer_in_time_is_told(tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "silent.sock"))
        silent.listen()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/silent.sock")
        with pytest.raises(NotAvailable, match="no answer in time"):
            connect(timeout_seconds=1)


def test_an_old_engine_is_refused_with_its_version(engine_of_version):
    with (
        engine_of_version("1.40"),
        pytest.raises(NotAvailable, match=r"too old: Docker 19\.03\.1 with API 1\.40"),
    ):
        connect()


def test_the_oldest_engine_that_is_good_enough_is_taken(engine_of_version):
    with engine_of_version("1.41"), contextlib.closing(connect()) as client:
        assert client.api.api_version == "1.41"
