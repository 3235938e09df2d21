#!/usr/bin/env bash
# Prints the path of the interpreter for .venv. It starts, has a version that the locks support, and
# has its headers, because one dependency (pyfarmhash) is compiled when it is installed.
# usage: scripts/find_python.sh path/to/uv      TAXIWAY_PYTHON=3.12 selects that version
set -euo pipefail

uv=$1
pyenv_versions=${PYENV_ROOT:-$HOME/.pyenv}/versions

main() {
  local version versions
  read -ra versions <<<"$(supported_versions)"
  for version in "${versions[@]}"; do
    first_usable "$version" "python$version" "$pyenv_versions/$version".*/bin/python && return
  done
  for version in "${versions[@]}"; do
    from_uv "$version" && return
  done
  "$uv" python install --quiet --no-bin "${versions[0]}" 2>/dev/null || true
  from_uv "${versions[0]}" && return
  fail "${versions[*]}"
}

# The newer TFX line runs on Python 3.11 to 3.13, but its wheels load only on glibc >= 2.38.
supported_versions() {
  local libc
  libc=$(getconf GNU_LIBC_VERSION 2>/dev/null | cut -d' ' -f2) || libc=0
  if printf '2.38\n%s\n' "$libc" | sort --check=quiet --version-sort; then
    echo "${TAXIWAY_PYTHON:-3.13 3.12 3.11 3.10}"
  else
    echo 3.10
  fi
}

# Prints the real path of the first usable candidate. A pyenv shim is on the PATH even if its
# version is not active, and then fails when it is run. uv accepts the real path only.
first_usable() {
  local version=$1 candidate
  shift
  for candidate in "$@"; do
    "$candidate" - "$version" 2>/dev/null <<'PYTHON' && return
import os, sys, sysconfig
headers = os.path.join(sysconfig.get_path("include"), "Python.h")
if "%d.%d" % sys.version_info[:2] != sys.argv[1] or not os.path.exists(headers):
    sys.exit(1)
print(sys.executable)
PYTHON
  done
  return 1
}

# Searches the interpreters of uv only, because the others were searched before.
from_uv() {
  local interpreter
  interpreter=$("$uv" python find --quiet --no-project --managed-python "$1" 2>/dev/null) || return 1
  first_usable "$1" "$interpreter"
}

fail() {
  cat >&2 <<END
Taxiway found no Python ${1// / or } with its headers (Python.h), and uv cannot download one.
Install one, then run the same command again:
  any system      pyenv install 3.10
  Debian, Ubuntu  apt install python3.10-dev
  Fedora          dnf install python3.10-devel
END
  exit 2
}

main
