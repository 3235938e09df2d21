#!/usr/bin/env bash
# Makes .venv from a lock file; does nothing when it is already there.
# usage: scripts/setup.sh requirements.lock | requirements-dev.lock
set -euo pipefail
cd "$(dirname "$0")/.."

lock=$1
uv_version=0.13.9
stamp=.venv/.installed-$lock
# Outside .venv, because making that can be what was interrupted.
unfinished=.uv/unfinished

main() {
  state=$(cat "$lock" pyproject.toml | sha256sum)
  done_before && return

  need_platform
  need g++ "apt install g++   (Fedora: dnf install gcc-c++)"
  # Two at once would build one environment together: the second waits, and finds it done.
  exec 9<scripts/setup.sh
  flock 9
  done_before && return
  install_uv
  [[ ! -e $unfinished && -x .venv/bin/python ]] || make_venv
  touch "$unfinished"
  # What is installed for one lock may not be what the other says.
  rm -f .venv/.installed-*
  echo "Installing $lock"
  uv pip install --require-hashes --compile-bytecode --requirement "$lock"
  # setuptools is in the lock: building the project itself downloads nothing.
  uv pip install --no-deps --no-build-isolation --editable .
  echo "$state" >"$stamp"
  rm "$unfinished"
}

done_before() {
  [[ -f $stamp && $(<"$stamp") == "$state" ]]
}

# The locks hold nothing for other platforms: an install would succeed and be empty.
need_platform() {
  local platform
  platform=$(uname -sm)
  [[ $platform == "Linux x86_64" ]] && return
  fail "Taxiway runs on Linux x86_64, where TFX has packages; this is $platform." \
    "Use such a machine, or a container of that platform."
}

need() {
  command -v "$1" >/dev/null && return
  fail "Taxiway needs $1, which is not installed." "Install it with:  $2"
}

install_uv() {
  [[ -x .uv/bin/uv && $(.uv/bin/uv --version) == "uv $uv_version"* ]] && return
  local python
  for python in python3 python3.{13,12,11,10} "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.*/bin/python; do
    # A pyenv shim of a version that is not active is there, but does not start. Debian packages
    # ensurepip, which venv needs, apart from Python.
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
