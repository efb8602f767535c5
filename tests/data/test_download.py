from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest

from kit.data import download as module
from kit.data.content import SourceFailed
from kit.data.download import download
from kit.data.progress import SilentProgress

CONTENT = bytes(range(256)) * 40


class Server(http.server.ThreadingHTTPServer):
    """Serves CONTENT; can break off, ignore ranges or refuse."""

    break_after: int | None = None
    honours_ranges = True
    status: int | None = None
    requests: list[str | None]


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.requests.append(wanted)
        if self.server.status:
            self.send_error(self.server.status)
            return
        start = 0
        if wanted and self.server.honours_ranges:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(CONTENT):
                self.send_error(416)
                return
        self.send_response(206 if start else 200)
        body = CONTENT[start:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.server.break_after])

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as server:
        server.requests = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def url(server: Server) -> str:
    return f"http://127.0.0.1:{server.server_port}/file"


def test_file_is_downloaded_whole(server, tmp_path):
    download(url(server), tmp_path / "file", SilentProgress())
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert not (tmp_path / "file.part").exists()


def test_broken_connection_is_continued_where_it_stopped(server, tmp_path):
    server.break_after = 4000
    download(url(server), tmp_path / "file", SilentProgress())
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert server.requests == [None, "bytes=4000-", "bytes=8000-"]


def test_earlier_attempt_is_continued(server, tmp_path):
    (tmp_path / "file.part").write_bytes(CONTENT[:5000])
    download(url(server), tmp_path / "file", SilentProgress())
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert server.requests == ["bytes=5000-"]


def test_server_without_ranges_starts_over(server, tmp_path):
    server.honours_ranges = False
    (tmp_path / "file.part").write_bytes(b"other bytes")
    download(url(server), tmp_path / "file", SilentProgress())
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_complete_part_is_fetched_again_because_nobody_vouches_for_it(server, tmp_path):
    (tmp_path / "file.part").write_bytes(CONTENT)
    download(url(server), tmp_path / "file", SilentProgress())
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_refusal_is_reported_at_once(server, tmp_path):
    server.status = 404
    with pytest.raises(SourceFailed, match=r"^the server answered 404 Not Found$"):
        download(url(server), tmp_path / "file", SilentProgress())
    assert len(server.requests) == 1


def test_connection_that_always_breaks_is_given_up(server, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "ATTEMPTS", 2)
    server.break_after = 100
    with pytest.raises(SourceFailed, match=r"^the connection broke 2 times$"):
        download(url(server), tmp_path / "file", SilentProgress())
    assert (tmp_path / "file.part").stat().st_size == 200  # for the next time


def test_unreachable_server_is_reported(tmp_path):
    with pytest.raises(SourceFailed, match=r"^Connection refused$"):
        download("http://127.0.0.1:9/file", tmp_path / "file", SilentProgress())


def test_only_web_addresses_are_opened(tmp_path):
    with pytest.raises(SourceFailed, match=r"^only http and https are supported$"):
        download("file:///etc/passwd", tmp_path / "file", SilentProgress())
