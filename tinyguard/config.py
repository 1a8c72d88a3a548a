"""`[tool.tinyguard]` of the nearest pyproject.toml -> settings for a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tinyguard.errors import ConfigurationError, did_you_mean
from tinyguard.finding import Severity
from tinyguard.record import Record

if TYPE_CHECKING:
    from tinyguard.bands import Band

FORMATS = ("full", "concise", "json")
LEVELS = {"error": Severity.ERROR, "warning": Severity.WARNING, "note": Severity.NOTE}


class Settings(Record):
    """What the configuration or the command line decides."""

    select: tuple[str, ...] | None = None  # codes, prefixes, names; None: all rules
    ignore: tuple[str, ...] = ()
    per_file_ignores: Mapping[str, tuple[str, ...]] = {}  # glob -> codes, prefixes, names
    exclude: tuple[str, ...] = ()  # globs
    fail_on: Severity = Severity.WARNING
    allow_skipped: bool = False
    notes: bool = False
    output_format: str = "full"
    bands: tuple[Band, ...] = ()  # of `[tool.tinyguard.bands.NAME]`
    file: str = ""  # the pyproject.toml that says so; empty: none does

    @property
    def folder(self) -> str:
        return os.path.dirname(self.file)

    def excludes(self, path: str) -> bool:
        return any(path_matches(path, pattern, folder=self.folder) for pattern in self.exclude)

    def ignored_in(self, path: str) -> tuple[str, ...]:
        """What is ignored in this file: everywhere, or by per-file-ignores."""
        ignored = list(self.ignore)
        for pattern, selectors in self.per_file_ignores.items():
            if path_matches(path, pattern, folder=self.folder):
                ignored += selectors
        return tuple(ignored)


def path_matches(path: str, pattern: str, *, folder: str) -> bool:
    """Whether a glob of the configuration means this file.

    It is compared with the path from the configuration's folder, with every folder on the way, and, when it has no
    slash, with the bare names; `*` also crosses slashes.

    >>> path_matches("/p/old/a.ipynb", "old", folder="/p"), path_matches("/p/old/a.ipynb", "*.py", folder="/p")
    (True, False)
    """
    from fnmatch import fnmatchcase

    parts = os.path.relpath(os.path.abspath(path), folder or ".").split(os.sep)
    wanted = pattern.rstrip("/").removeprefix("./")
    starts = ["/".join(parts[: count + 1]) for count in range(len(parts))]
    names = parts if "/" not in wanted else []
    return any(fnmatchcase(candidate, wanted) for candidate in (*starts, *names))


class Configuration:
    """Settings by folder: each folder is looked at once."""

    def __init__(self) -> None:
        self._by_folder: dict[str, Settings] = {}

    def settings(self, path: str) -> Settings:
        """What holds for this file (for a folder: for what lies directly in it)."""
        absolute = os.path.abspath(path)
        return self._of_folder(absolute if os.path.isdir(absolute) else os.path.dirname(absolute))

    def _of_folder(self, folder: str) -> Settings:
        known = self._by_folder.get(folder)
        if known is None:
            parent = os.path.dirname(folder)
            above = parent == folder
            known = read(os.path.join(folder, "pyproject.toml")) or (Settings() if above else self._of_folder(parent))
            self._by_folder[folder] = known
        return known


def bands_for(path: str) -> tuple[Band, ...]:
    """The bands that users gave for the notebooks of this folder: of the nearest tinyguard.toml and pyproject.toml.

    The former holds nothing else than `[bands.NAME]`, and goes first. Raises ConfigurationError.
    """
    from tinyguard import bandfile

    settings = Configuration().settings(path)
    folder = os.path.abspath(path)
    while not os.path.isfile(os.path.join(folder, "tinyguard.toml")):
        folder, below = os.path.dirname(folder), folder
        if folder == below:
            return settings.bands
    return (*bandfile.read(os.path.join(folder, "tinyguard.toml"), only=True), *settings.bands)


def read(file: str) -> Settings | None:
    """The settings of a pyproject.toml; None when it does not exist or does not speak of tinyguard."""
    try:
        with open(file, "rb") as stream:
            content = stream.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read: {error.strerror}") from None
    if b"[tool.tinyguard" not in content:
        return None
    import tomllib  # costs as much as reading a notebook, and most folders have no need of it

    try:
        table = tomllib.loads(content.decode("utf-8"))["tool"]["tinyguard"]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file}: is not TOML: {error}") from None
    except (KeyError, TypeError):
        return None  # the words stand in a comment or a string
    if not isinstance(table, dict):
        raise ConfigurationError(f"{file}: tool.tinyguard wants to be a table, [tool.tinyguard]")
    return settings_of(table, file=file)


def settings_of(table: Mapping[str, Any], *, file: str) -> Settings:
    fields: dict[str, Any] = {}
    for key, value in table.items():
        if key not in KEYS:
            raise ConfigurationError(f'{file}: [tool.tinyguard] has no key "{key}"{did_you_mean(key, KEYS)}')
        fits, wanted, convert = KEYS[key]
        if not fits(value):
            raise ConfigurationError(f"{file}: [tool.tinyguard] {key} wants {wanted}, not {value!r}")
        try:
            fields[key.replace("-", "_")] = convert(value)
        except ValueError as error:  # its text names the key and what would be right
            raise ConfigurationError(f"{file}: {error}") from None
    return Settings(**fields, file=file)


def _is_strings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_table_of_strings(value: object) -> bool:
    return isinstance(value, dict) and all(_is_strings(item) for item in value.values())


def _is_level(value: object) -> bool:
    return isinstance(value, str) and value in LEVELS


def _is_format(value: object) -> bool:
    return isinstance(value, str) and value in FORMATS


def _is_switch(value: object) -> bool:
    return isinstance(value, bool)


def _table(value: Mapping[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {pattern: tuple(codes) for pattern, codes in value.items()}


def _is_table(value: object) -> bool:
    return isinstance(value, dict)


def _bands(value: Mapping[str, Any]) -> tuple[Band, ...]:
    from tinyguard.bandfile import bands_of  # few have any, and linting must not wait for it

    return bands_of(value, header="tool.tinyguard.")


# key -> (whether a value fits, what would be right, how it becomes the setting)
KEYS: Mapping[str, tuple[Callable[[Any], bool], str, Callable[[Any], Any]]] = {
    "select": (_is_strings, 'a list of codes, such as ["TNY5", "TNY301"]', tuple),
    "ignore": (_is_strings, 'a list of codes, such as ["TNY5", "TNY301"]', tuple),
    "per-file-ignores": (_is_table_of_strings, 'a table of lists, such as {"drafts/*" = ["TNY6"]}', _table),
    "exclude": (_is_strings, 'a list of globs, such as ["drafts/*", "old"]', tuple),
    "fail-on": (_is_level, '"error", "warning" or "note"', LEVELS.__getitem__),
    "allow-skipped": (_is_switch, "true or false", bool),
    "notes": (_is_switch, "true or false", bool),
    "bands": (_is_table, "tables, [tool.tinyguard.bands.NAME]", _bands),
    "output-format": (_is_format, '"full", "concise" or "json"', str),
}
