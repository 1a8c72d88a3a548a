"""Cells of nbformat 2 and 3 -> the shape of nbformat 4."""

from __future__ import annotations

from typing import Any

_MIME = {
    "text": "text/plain",
    "html": "text/html",
    "svg": "image/svg+xml",
    "png": "image/png",
    "jpeg": "image/jpeg",
    "latex": "text/latex",
    "json": "application/json",
    "javascript": "application/javascript",
    "pdf": "application/pdf",
}


def upgraded(worksheets: list[Any]) -> list[Any]:
    """The cells of all worksheets; what is malformed stays as it is, for the reader to name."""
    return [
        _cell(raw)
        for worksheet in worksheets
        if isinstance(worksheet, dict) and isinstance(worksheet.get("cells"), list)
        for raw in worksheet["cells"]
    ]


def _cell(raw: Any) -> Any:
    if not isinstance(raw, dict) or raw.get("cell_type") != "code":
        return raw
    outputs = raw.get("outputs")
    return {
        **raw,
        "source": raw.get("input"),
        "execution_count": raw.get("prompt_number"),
        "outputs": [_output(output) for output in outputs] if isinstance(outputs, list) else [],
    }


def _output(raw: Any) -> Any:
    if not isinstance(raw, dict):
        return raw
    match raw.get("output_type"):
        case "pyout":
            data = _data(raw)
            return {"output_type": "execute_result", "execution_count": raw.get("prompt_number"), "data": data}
        case "display_data":
            return {"output_type": "display_data", "data": _data(raw)}
        case "pyerr":
            return {**raw, "output_type": "error"}
        case "stream":
            return {"output_type": "stream", "name": raw.get("stream", "stdout"), "text": raw.get("text", "")}
    return raw


def _data(raw: dict[str, Any]) -> dict[str, Any]:
    return {mime: raw[name] for name, mime in _MIME.items() if name in raw}
