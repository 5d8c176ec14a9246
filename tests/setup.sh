#!/usr/bin/env bash
# Installs what the tests use beside Rust: PostgreSQL's server binaries and two Python suites.
# As root or with CI=true it installs; otherwise it says what to run and the rest of the tests run.
set -euo pipefail
cd "$(dirname "$0")/.."

have_postgres() { compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null; }
may_install() { [ "$(id -u)" = 0 ] && { [ "${CI:-}" = true ] || [ -z "${NO_INSTALL:-}" ]; }; }

needed=()
have_postgres || needed+=(postgresql)
python3 -c 'import venv, ensurepip' 2>/dev/null || needed+=(python3-venv)
if [ ${#needed[@]} -gt 0 ]; then
  if may_install; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    # The distribution's own cluster is not wanted: the tests start theirs and throw it away.
    mkdir -p /etc/postgresql-common && echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
    apt-get install -y -qq -o Dpkg::Options::=--force-confold "${needed[@]}" >/dev/null
  else
    echo "setup: for the whole run install these first: sudo apt-get install ${needed[*]}"
  fi
fi

if python3 -c 'import venv, ensurepip' 2>/dev/null; then
  stamp=target/venv/.requirements
  if ! cmp -s tests/requirements.txt "$stamp"; then
    mkdir -p target && rm -rf target/venv && python3 -m venv target/venv
    target/venv/bin/pip install -q --disable-pip-version-check -r tests/requirements.txt && cp tests/requirements.txt "$stamp"
  fi
fi
