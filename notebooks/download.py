"""The archive of TinyImageNet is downloaded, so that an interruption costs nothing that had come."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import time
import urllib.error
import urllib.request
from typing import Any

import progress
from archive import (
    ARCHIVE,
    BLOCK,
    PUBLISHED,
    Archive,
    DataError,
    alone_in,
    deviation,
    make_sure_of_room,
    verify,
    write_all,
    writing,
)

BUSY = {408, 429}  # of the answers below 500, those after which asking again helps


def fetch(
    folder: str, archive: Archive = PUBLISHED, *, tries: int = 5, wait_s: float = 1.0, timeout_s: float = 30.0
) -> str:
    """Downloads the archive into `folder` unless it is there, and returns its path.

    What has come so far is in `tiny-imagenet-200.zip.part`, and a later call goes on from there. A broken connection
    is tried again up to `tries` times in all, after `wait_s`, twice that and so on; `timeout_s` is the longest silence
    of the server. Raises DataError.
    """
    path = os.path.join(folder, ARCHIVE)
    with alone_in(folder):
        if os.path.exists(path):
            verify(path, archive)
            return path
        part = path + ".part"
        _download(part, archive, tries, wait_s, timeout_s)
        if difference := deviation(part, archive):
            _discard(part)
            raise DataError(
                f"what {archive.url} sent {difference}. It was deleted: call again, and if this happens again, get "
                f"{ARCHIVE} elsewhere and let TINY_IMAGENET name it."
            )
        with writing(folder, archive.size):
            os.replace(part, path)
        _discard(part)
    return path


def _download(part: str, archive: Archive, tries: int, wait_s: float, timeout_s: float) -> None:
    """Fills `part` up to the size of the archive, whatever it takes."""
    reason = ""
    for attempt in range(tries):
        if attempt:
            time.sleep(wait_s * 2 ** (attempt - 1))
        have, version = _so_far(part, archive)
        if have == archive.size:
            return
        try:
            _go_on(part, archive, have, version, timeout_s)
            return
        except urllib.error.HTTPError as error:
            error.close()
            reason = f"{error.code} {error.reason}"
            if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                _discard(part)
            elif error.code < 500 and error.code not in BUSY:
                raise DataError(
                    f"{archive.url} answers {reason}: get {ARCHIVE} elsewhere and let TINY_IMAGENET name it."
                ) from error
        except (OSError, http.client.HTTPException) as error:
            reason = str(error) or type(error).__name__
    have, _ = _so_far(part, archive)
    raise DataError(
        f"{have:,} of {archive.size:,} bytes of {archive.url} have come, then {tries} tries failed (the last: "
        f"{reason}). Call again when the network is better: it goes on from there."
    )


def _so_far(part: str, archive: Archive) -> tuple[int, str]:
    """Bytes of `archive` in `part`, and the server's mark (ETag or date) of the version that they are of."""
    try:
        with open(part + ".json", encoding="utf-8") as file:
            source = json.load(file)
        have = os.path.getsize(part)
        if (source["url"], source["md5"]) == (archive.url, archive.md5) and have <= archive.size:
            return have, str(source["version"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # nothing there, or nothing that can be told apart from another archive
    return 0, ""


def _discard(part: str) -> None:
    for path in (part, part + ".json"):
        with contextlib.suppress(FileNotFoundError):
            os.remove(path)


def _go_on(part: str, archive: Archive, have: int, version: str, timeout_s: float) -> None:
    """One request for what is still to come; raises OSError or HTTPException when the connection breaks."""
    request = urllib.request.Request(archive.url, headers={"Accept-Encoding": "identity"})
    if have:
        request.add_header("Range", f"bytes={have}-")
        if version:
            request.add_header("If-Range", version)  # the whole file comes if it is another by now
    with urllib.request.urlopen(request, timeout=timeout_s) as response:
        have, total = _announced(response, have, part)
        if total not in (None, archive.size):
            raise DataError(
                f"{archive.url} offers {total:,} bytes instead of {archive.size:,}: that is another file. Get "
                f"{ARCHIVE} elsewhere and let TINY_IMAGENET name it."
            )
        make_sure_of_room(os.path.dirname(part) or ".", archive.size - have)
        with contextlib.ExitStack() as stack:
            with writing(part, archive.size):
                file = stack.enter_context(open(part, "ab" if have else "wb", buffering=0))
                _note_source(part, archive, response.headers)
            bar = progress.bar(desc=ARCHIVE, total=archive.size, initial=have, unit="B", unit_scale=True)
            stack.enter_context(bar)
            while have < archive.size:
                block = response.read(min(BLOCK, archive.size - have))
                if not block:
                    raise ConnectionError("the connection was closed")
                with writing(part, archive.size):
                    write_all(file, block)
                have += len(block)
                bar.update(len(block))


def _announced(response: Any, have: int, part: str) -> tuple[int, int | None]:
    """Where the bytes of the answer begin, and the size of the whole file if the server tells."""
    if response.status != http.HTTPStatus.PARTIAL_CONTENT:  # the server knows no ranges, or the file has changed
        length = response.headers.get("Content-Length")
        return 0, int(length) if length and length.isdigit() else None
    answer = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    if answer is None or int(answer[1]) != have:
        _discard(part)
        raise ConnectionError("the server sent another range than it was asked for")
    return have, None if answer[2] == "*" else int(answer[2])


def _note_source(part: str, archive: Archive, headers: Any) -> None:
    version = headers.get("ETag", "")
    if not version or version.startswith("W/"):  # a weak one does not promise the same bytes
        version = headers.get("Last-Modified", "")
    with open(part + ".json", "w", encoding="utf-8") as file:
        json.dump({"url": archive.url, "md5": archive.md5, "version": version}, file)
