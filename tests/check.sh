#!/bin/sh
# The one test command, for people and for CI. It sets up all it needs.
#   sh tests/check.sh         formatting, lint, floors, types, tests, kg check, the built wheel
#   sh tests/check.sh full    and the benchmarks, which take longer
set -eu
cd "$(dirname "$0")/.."

if [ ! -x .uv/bin/uv ]; then
  python3 -m venv .uv
  .uv/bin/pip install --quiet uv
fi
run() { .uv/bin/uv run --quiet --group dev "$@"; }

# The browser tests need a Chromium. Debian's is installed where it is missing and can be.
if ! command -v chromium > /dev/null && ! command -v chromium-browser > /dev/null && ! command -v google-chrome > /dev/null; then
  if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    echo "installing chromium for the browser tests"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core; } > /dev/null 2>&1 ||
      echo "chromium could not be installed: the browser tests will say so"
  fi
fi

run python -m kg.web.assets.build || true # a checkout installed before has no bundle; the tests say what they miss

run ruff format --check .
run ruff check .
run lint-imports --no-cache
run mypy
run pytest -q -n 2 --dist loadfile -m "not slow" tests/unit tests/contract tests/e2e tests/w3c
run pytest -q -n 2 --dist loadfile -m slow tests/unit tests/contract tests/e2e tests/w3c
run kg --home "$(mktemp -d)" check

# The wheel carries ontology/ and queries/: it answers outside of the checkout, with no development tool installed.
wheels=$(mktemp -d)
.uv/bin/uv build --quiet --wheel --out-dir "$wheels"
(cd "$wheels" && "$OLDPWD"/.uv/bin/uv run --quiet --isolated --no-project --with "$wheels"/*.whl kg query --list > /dev/null)
rm -rf "$wheels"

if [ "${1:-}" = full ]; then
  .uv/bin/uv run --quiet --group dev --group bench pytest -q -s tests/bench
fi
echo "all checks passed"
