"""Why the suite cannot do what it was asked; each error ends the command with its own exit code."""

from __future__ import annotations

__all__ = [
    "ArchiveError",
    "CellTimeout",
    "CompatError",
    "EnvironmentFailure",
    "ScenarioError",
    "ServerGone",
    "SourceError",
]


class CompatError(Exception):
    """The question cannot be answered as it was asked; the text says what to change."""


class SourceError(CompatError):
    """A core or plugin that was named cannot be found, or is not one."""


class ScenarioError(CompatError):
    """A scenario file does not follow the format."""


class ArchiveError(CompatError):
    """The release archive is not what its hashes say, or would be changed."""


class EnvironmentFailure(Exception):
    """This machine could not do its part: an environment, an index, a process. It says nothing about a plugin."""


class CellTimeout(EnvironmentFailure):
    """Something in a cell took longer than allowed, so it was ended."""


class ServerGone(Exception):
    """The server of a cell has ended or hung up in the middle of a request."""
