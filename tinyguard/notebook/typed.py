"""The keys of a notebook that the reader looks at, for msgspec: it skips the rest, and leaves outputs as they are."""

from __future__ import annotations

from typing import Any, TypedDict

import msgspec


class CellMetadata(TypedDict, total=False):
    tags: Any
    vscode: Any


class Cell(TypedDict, total=False):
    cell_type: Any
    id: Any
    source: Any
    metadata: CellMetadata
    execution_count: Any
    language: Any
    outputs: msgspec.Raw


class Metadata(TypedDict, total=False):
    language_info: Any
    kernelspec: Any
    language: Any


class Document(TypedDict, total=False):
    metadata: Metadata
    cells: list[Cell]
    worksheets: Any  # nbformat 2 and 3: rare


Text = TypedDict("Text", {"text/plain": Any}, total=False)


class Printed(TypedDict, total=False):
    """An output without its pictures."""

    output_type: Any
    text: Any
    data: Text


decode = msgspec.json.Decoder(Document).decode
decode_outputs = msgspec.json.Decoder().decode
decode_printed = msgspec.json.Decoder(list[Printed]).decode
