"""A downloader that continues where an earlier attempt stopped."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from pathlib import Path

from kit.data.content import SourceFailed
from kit.data.progress import Progress

TIMEOUT_SECONDS = 30
ATTEMPTS = 5
_CHUNK_BYTES = 1 << 18
_RANGE_NOT_SATISFIABLE = 416


def download(url: str, destination: Path, progress: Progress) -> None:
    """Fetch `url` into `destination`, from the bytes of an earlier attempt on.

    A partial file lies beside it as `.part`. A server that ignores ranges starts over. The caller
    checks the content.

    Raises:
        SourceFailed: the server cannot be reached or refuses.
    """
    if not url.startswith(("https://", "http://")):
        raise SourceFailed("only http and https are supported")
    part = destination.with_name(destination.name + ".part")
    for attempt in range(ATTEMPTS):
        before = part.stat().st_size if part.exists() else 0
        try:
            if _continue(url, part, progress):
                part.replace(destination)
                return
        except urllib.error.HTTPError as error:
            if error.code != _RANGE_NOT_SATISFIABLE or before == 0:
                raise SourceFailed(f"the server answered {error.code} {error.reason}") from None
            part.unlink()
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            stuck = not part.exists() or part.stat().st_size <= before
            if stuck or attempt == ATTEMPTS - 1:
                raise SourceFailed(getattr(reason, "strerror", None) or str(reason)) from None
    raise SourceFailed(f"the connection broke {ATTEMPTS} times")


def _continue(url: str, part: Path, progress: Progress) -> bool:
    """Append what is missing to `part`; tell whether it is complete now."""
    offset = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={offset}-"} if offset else {}
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
        resumed = response.status == http.HTTPStatus.PARTIAL_CONTENT
        done = offset if resumed else 0
        length = response.headers.get("Content-Length")
        total = done + int(length) if length else None
        with part.open("ab" if resumed else "wb") as output:
            while chunk := response.read(_CHUNK_BYTES):
                output.write(chunk)
                done += len(chunk)
                progress.amount(done, total)
    return total is None or done == total
