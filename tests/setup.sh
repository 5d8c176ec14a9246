#!/usr/bin/env bash
# Installs what the tests use beside Rust: PostgreSQL's server binaries, three Python suites and, for the run
# against another OpenID provider, Node.js with npm's oidc-provider.
# As root, or with CI=true through sudo, it installs; otherwise it says what to run, and the rest of
# the tests run. In CI nothing may be missing.
set -euo pipefail
cd "$(dirname "$0")/.."

have_postgres() { compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || [ -n "${PG_BIN:-}" ]; }
have_venv() { python3 -c 'import venv, ensurepip' 2>/dev/null; }
have_node() { command -v node >/dev/null && command -v npm >/dev/null; }
in_ci() { [ "${CI:-}" = true ]; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }
may_install() { [ "$(id -u)" = 0 ] || { in_ci && command -v sudo >/dev/null; }; }
# Goes on without, except in CI.
without() { echo "setup: $1" >&2; if in_ci; then exit 1; fi; }

needed=()
have_postgres || needed+=(postgresql)
have_venv || needed+=(python3-venv)
have_node || needed+=(nodejs npm)
if [ ${#needed[@]} -gt 0 ]; then
  if may_install; then
    # The distribution's own cluster is not wanted: the tests start theirs and throw it away.
    as_root mkdir -p /etc/postgresql-common
    echo 'create_main_cluster = false' | as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive \
      apt-get install -y -qq -o Dpkg::Options::=--force-confold "${needed[@]}" >/dev/null
  else
    without "for the whole run install what is missing: sudo apt-get install -y ${needed[*]}"
  fi
fi

stamp=target/venv/.requirements
if have_venv && ! cmp -s tests/requirements.txt "$stamp"; then
  mkdir -p target && rm -rf target/venv
  if python3 -m venv target/venv &&
    target/venv/bin/pip install -q --disable-pip-version-check -r tests/requirements.txt; then
    cp tests/requirements.txt "$stamp"
  else
    without 'the Python suites cannot be installed; they are left out'
  fi
fi

# The lock file says what is installed; no script of a package runs.
provider=tests/suites/oidc_provider
stamp=target/node/.lock
if have_node && ! cmp -s "$provider/package-lock.json" "$stamp"; then
  rm -rf target/node && mkdir -p target/node && cp "$provider"/package*.json target/node
  if (cd target/node && npm ci --ignore-scripts --no-audit --no-fund --silent); then
    cp "$provider/package-lock.json" "$stamp"
  else
    without "npm's oidc-provider cannot be installed; the run against it is left out"
  fi
fi
