#!/usr/bin/env bash
# Makes .venv from a lock file; does nothing when it is already there.
# usage: scripts/setup.sh requirements.lock | requirements-dev.lock
set -euo pipefail
cd "$(dirname "$0")/.."

lock=$1
uv_version=0.13.9
stamp=.venv/.installed-$lock

main() {
  local state
  state=$(cat "$lock" pyproject.toml | sha256sum)
  [[ -f $stamp && $(<"$stamp") == "$state" ]] && exit 0

  need g++ "apt install g++   (Fedora: dnf install gcc-c++)"
  install_uv
  if [[ ! -x .venv/bin/python ]]; then
    local python
    python=$(find_python)
    echo "Setting up $("$python" --version) in .venv (once, about a minute)"
    uv venv --quiet --clear --python "$python" .venv
  fi
  echo "Installing $lock"
  rm -f "$stamp"
  uv pip install --quiet --python .venv/bin/python --require-hashes --compile-bytecode -r "$lock"
  # setuptools is in the lock: building the project itself downloads nothing.
  uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
  echo "$state" >"$stamp"
}

need() {
  command -v "$1" >/dev/null && return
  echo "Taxiway needs $1, which is not installed. Install it with:  $2" >&2
  exit 2
}

uv() { .uv/bin/uv "$@"; }

install_uv() {
  [[ -x .uv/bin/uv && $(uv --version) == "uv $uv_version"* ]] && return
  local base
  base=$(first_working python3 python3.13 python3.12 python3.11 python3.10 "$(pyenv_root)"/versions/3*/bin/python) || {
    echo "Taxiway needs a Python 3. Install it with:  apt install python3 python3-venv" >&2
    exit 2
  }
  "$base" -m venv --clear .uv || {
    echo "$base cannot make virtual environments. Install that part with:  apt install python3-venv" >&2
    exit 2
  }
  .uv/bin/python -m pip install --quiet --disable-pip-version-check "uv==$uv_version"
}

pyenv_root() { echo "${PYENV_ROOT:-$HOME/.pyenv}"; }

# Prints the first of the given interpreters that really starts: a pyenv shim of a version that is
# not active is on PATH, but does not.
first_working() {
  local candidate
  for candidate in "$@"; do
    "$candidate" -c 'import venv' 2>/dev/null >&2 && command -v "$candidate" && return
  done
  return 1
}

# The newer TFX line runs on Python 3.11 to 3.13, but its wheels load only on glibc >= 2.38.
find_python() {
  local version versions=(3.10)
  if printf '2.38\n%s\n' "$(getconf GNU_LIBC_VERSION | cut -d' ' -f2)" | sort --check=quiet --version-sort; then
    versions=(3.13 3.12 3.11 3.10)
  fi
  for version in "${versions[@]}"; do
    first_working "python$version" "$(pyenv_root)"/versions/"$version".*/bin/python && return
  done
  for version in "${versions[@]}"; do
    uv python find --quiet --no-project "$version" 2>/dev/null && return
  done
  for version in "${versions[@]}"; do
    uv python install --quiet "$version" 2>/dev/null && uv python find "$version" && return
  done
  echo "Taxiway found no Python ${versions[*]}. Install one, for example with:  pyenv install 3.10" >&2
  exit 2
}

main
