#!/usr/bin/env bash
# Creates .venv from a lock file; does nothing if .venv has it already.
# usage: scripts/setup.sh requirements.lock | requirements-dev.lock
set -euo pipefail
cd "$(dirname "$0")/.."

lock=$1
uv_version=0.13.9
stamp=.venv/.installed-$lock
# The creation of .venv itself may be interrupted, so this file is outside .venv.
unfinished=.uv/unfinished

main() {
  state=$(cat "$lock" pyproject.toml | sha256sum)
  done_before && return

  require_platform
  require g++ "apt install g++   (Fedora: dnf install gcc-c++)"
  # Two processes must not build one environment together, so the second waits for the first.
  exec 9<scripts/setup.sh
  flock 9
  done_before && return
  install_uv
  [[ ! -e $unfinished && -x .venv/bin/python ]] || make_venv
  touch "$unfinished"
  # The packages of one lock may differ from those of the other, so the other stamp is not valid.
  rm -f .venv/.installed-*
  echo "Installing $lock"
  uv pip install --require-hashes --compile-bytecode --requirement "$lock"
  # setuptools is in the lock, so the build of the project downloads nothing.
  uv pip install --no-deps --no-build-isolation --editable .
  echo "$state" >"$stamp"
  rm "$unfinished"
}

done_before() {
  [[ -f $stamp && $(<"$stamp") == "$state" ]]
}

# The locks have no packages for other platforms, so an install would succeed and be empty.
require_platform() {
  local platform
  platform=$(uname -sm)
  [[ $platform == "Linux x86_64" ]] && return
  fail "Taxiway runs on Linux x86_64 only, because TFX has no packages for others; this is $platform." \
    "Use such a machine, or a container of that platform."
}

require() {
  command -v "$1" >/dev/null && return
  fail "Taxiway needs $1, which is not installed." "Install it with:  $2"
}

install_uv() {
  [[ -x .uv/bin/uv && $(.uv/bin/uv --version) == "uv $uv_version"* ]] && return
  local python
  for python in python3 python3.{13,12,11,10} "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.*/bin/python; do
    # A pyenv shim of an inactive version exists, but does not start. venv needs ensurepip, which
    # Debian packages separately from Python.
    "$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 8))' &>/dev/null || continue
    "$python" -m venv --clear .uv
    .uv/bin/python -m pip install --quiet --disable-pip-version-check "uv==$uv_version"
    return
  done
  fail "Taxiway needs a Python 3 that can make virtual environments." \
    "Install it with:  apt install python3-venv   (Fedora: dnf install python3)"
}

make_venv() {
  local python version tfx
  python=$(scripts/find_python.sh .uv/bin/uv)
  version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  if [[ $version == 3.10 ]]; then tfx=1.16; else tfx=1.21; fi
  echo "Setting up Python $version + TFX $tfx in .venv (once, about a minute)"
  touch "$unfinished"
  uv venv --clear --python "$python" .venv
}

uv() {
  VIRTUAL_ENV=$PWD/.venv .uv/bin/uv --quiet "$@"
}

fail() {
  printf '%s\n' "$@" >&2
  exit 2
}

main
