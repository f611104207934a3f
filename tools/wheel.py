"""Puts the built web app into the wheel, as fireside/edge/static. Not a build of the web app: `make web` does that first.

A hook of hatchling, which calls it while it builds. An editable install takes the bundle from web/dist instead.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class WebBundleHook(BuildHookInterface):  # type: ignore[type-arg]
    """Adds web/dist to the wheel's files when it is there."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before each build; `version` is `standard` or `editable`."""
        bundle = Path(self.root) / "web" / "dist"
        if version == "standard" and (bundle / "index.html").exists():
            build_data["force_include"][str(bundle)] = "fireside/edge/static"
