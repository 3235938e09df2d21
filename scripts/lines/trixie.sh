#!/usr/bin/env bash
# Compares the newer TFX line with the older line, on a system whose glibc is too old for the newer
# line. The newer line runs in a root of Debian trixie, which is created once. The script changes
# nothing outside its two folders.
# usage: [PYTHONS="3.13 3.12 3.11"] scripts/lines/trixie.sh     runs checks and tests on the first
set -euo pipefail
cd "$(dirname "$0")/../.."

cache=${TAXIWAY_CACHE:-/var/cache/taxiway}
root=$cache/trixie
# TensorFlow's messages about GPUs and vector instructions would hide the comparison.
export TF_CPP_MIN_LOG_LEVEL=3 PYTHONWARNINGS=ignore
certificates=/etc/ssl/certs/ca-certificates.crt
packages=ca-certificates,git,make,g++,python3,python3-venv,python3-dev,procps,iproute2,locales-all
packages+=,libffi8,libssl3t64,libsqlite3-0,libbz2-1.0,liblzma5,libreadline8t64,zlib1g

main() {
  [[ $(id -u) == 0 ]] || skip "only root can create a root of Debian"
  command -v debootstrap >/dev/null || skip "debootstrap is not installed"
  unshare --mount true 2>/dev/null || skip "this system does not allow mount namespaces"
  local version versions
  versions=$(newer_pythons)
  [[ -n $versions ]] || skip "there is no Python $PYTHONS"
  require_committed
  require_older_line
  make_root
  # ML Metadata records the paths of artifacts, so the path is the same inside and outside the root.
  folder=$(mktemp -d /var/tmp/taxiway-lines-XXXXXX)
  trap 'rm -rf "$folder" "$root$folder"' EXIT
  mkdir -p "$root$folder"

  echo "TFX 1.16"
  scripts/lines/steps.sh "$folder/1.16" runs
  for version in $versions; do
    check_out "$version"
    echo "TFX 1.21, Python $version"
    inside "$version" scripts/lines/steps.sh "$folder/$version" "$([[ $versions == "$version"* ]] || echo runs)"
    echo "Every line serves the model of the other"
    .venv/bin/python -m scripts.lines.answers "$folder/$version/workspace" "$folder/$version/answers-1.16.json"
    inside "$version" .venv/bin/python -m scripts.lines.answers "$folder/1.16/workspace" "$folder/1.16/answers-$version.json"
    .venv/bin/python -m scripts.lines.compare "$folder/1.16" "$folder/$version"
  done
  echo "The newer line continues in the workspace of the older line"
  continue_workspace "$version"
}

# One line runs the files of the work tree, the other those of HEAD, so they must be equal.
require_committed() {
  local changes
  changes=$(git status --porcelain --untracked-files=no)
  [[ -z $changes ]] ||
    fail "These changes are not committed, so the two TFX lines would run different code:" "$changes" \
      "Commit them, or stash them with:  git stash"
}

# On a newer glibc, set-up installs the newer line, which would then be compared with itself.
require_older_line() {
  local version
  TAXIWAY_PYTHON=3.10 scripts/setup.sh requirements-dev.lock
  version=$(.venv/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  [[ $version == 3.10 ]] ||
    skip ".venv has Python $version of the newer line; for the older line run: make clean, then" \
      "TAXIWAY_PYTHON=3.10 make lines"
}

# Runs the newer line in the workspace of the older line. The run must use the older line's model as
# its baseline; it need not be published.
continue_workspace() {
  local code=0 span=201304 workspace=$folder/1.16/workspace
  inside "$1" .venv/bin/taxiway run --workspace "$workspace" --span "$span" --window 1 \
    >"$folder/log" 2>&1 || code=$?
  # Exit code 4: the model is not blessed.
  if [[ $code != 0 && $code != 4 ]]; then
    cat "$folder/log"
    fail "The newer line's run in the older line's workspace failed with exit code $code."
  fi
  .venv/bin/python -m scripts.lines.compare --continued "$workspace" "$span"
}

make_root() {
  [[ -d $root ]] && return
  local mirror unfinished=$root.unfinished
  # Only Debian has this file.
  mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -1) || true
  # An interrupted bootstrap is incomplete, so it is removed.
  rm -rf "$unfinished"
  mkdir -p "$cache"
  echo "Creating a root of Debian trixie in $root (once, about a minute)"
  debootstrap --variant=minbase --include="$packages" trixie "$unfinished" \
    "${mirror:-https://deb.debian.org/debian}" >"$cache/debootstrap.log" 2>&1 ||
    skip "Debian trixie cannot be downloaded; see $cache/debootstrap.log"
  mv "$unfinished" "$root"
}

# Debian has Python 3.13; pyenv has builds of the other versions for every system.
newer_pythons() {
  local version
  for version in ${PYTHONS:-3.13 3.12 3.11}; do
    if [[ $version == 3.13 ]] || compgen -G "$(pyenv_versions)/$version.*/bin/python" >/dev/null; then
      echo "$version"
    fi
  done
}

pyenv_versions() {
  echo "${PYENV_ROOT:-$HOME/.pyenv}/versions"
}

# Checks out the committed files, and keeps the environment of the last time.
check_out() {
  local checkout=$root/srv/taxiway-$1
  [[ -d $checkout/.git ]] || git init --quiet "$checkout"
  git -C "$checkout" fetch --quiet "$PWD" HEAD
  git -C "$checkout" checkout --quiet --force --detach FETCH_HEAD
  git -C "$checkout" clean --quiet -ffdx --exclude .venv --exclude .uv
}

# Runs a command in the root with one version of Python; its mounts end with its namespace.
inside() {
  cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
  cp -L "$certificates" "$root$certificates"
  mkdir -p "$root$(pyenv_versions)"
  unshare --mount --propagation private bash -euc '
    root=$1 folder=$2 pyenv=$3 version=$4
    shift 4
    mount --rbind /dev "$root/dev"
    mount -t proc proc "$root/proc"
    mount --bind "$folder" "$root$folder"
    [[ ! -d $pyenv ]] || mount --bind "$pyenv" "$root$pyenv"
    exec chroot "$root" /usr/bin/env --ignore-environment --chdir="/srv/taxiway-$version" HOME=/root \
      PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin LANG=C.UTF-8 TF_CPP_MIN_LOG_LEVEL=3 TAXIWAY_PYTHON="$version" \
      PYENV_ROOT="${pyenv%/versions}" SSL_CERT_FILE='"$certificates"' PIP_CERT='"$certificates"' "$@"
  ' bash "$root" "$folder" "$(pyenv_versions)" "$@"
}

skip() {
  [[ -z ${TAXIWAY_NO_SKIP:-} ]] || fail "The TFX lines cannot be compared, because $*."
  echo "Skipped: the TFX lines were not compared, because $*."
  exit 0
}

fail() {
  printf '%s\n' "$@" >&2
  exit 1
}

main
