#!/usr/bin/env bash
# Runs every step on one TFX line, and writes the seconds of every step to FOLDER/seconds.
# usage: scripts/lines/steps.sh FOLDER [runs]     runs: skip the checks and tests
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$1
workspace=$folder/workspace
mkdir -p "$folder"

main() {
  step "set-up" scripts/setup.sh requirements-dev.lock
  if [[ ${2:-} != runs ]]; then
    step "make check" make check
    step "tests without whole runs" .venv/bin/python -m pytest -m "not slow" \
      --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder
  fi
  # The last step searches the logs for warnings, so Python must print them.
  export PYTHONWARNINGS=default::DeprecationWarning,default::PendingDeprecationWarning,default::FutureWarning
  step "first run" run 201302
  step "unchanged run" run 201302
  step "next span, with a baseline" run 201303
  step "serve, and ask" .venv/bin/python -m scripts.lines.answers "$workspace" "$folder/answers.json"
  settings >"$folder/taxiway.toml"
  step "compile for Kubeflow" \
    .venv/bin/python kubeflow_runner.py compile --settings "$folder/taxiway.toml" -o "$folder/flights.yaml"
  step "no deprecation of our own" .venv/bin/python -m scripts.lines.own_warnings "$folder"
}

run() {
  .venv/bin/taxiway run --workspace "$workspace" --span "$1" --window 1
}

# Prints the project's settings with absolute paths, and with the image that a package needs.
settings() {
  sed "s#^\(features\|schema_file\|policy_file\) = \"#&$PWD/#" taxiway.toml
  printf '[kubeflow]\nimage = "taxiway"\n'
}

step() {
  local name=$1 began=$EPOCHREALTIME
  shift
  if ! "$@" >"$folder/$name.log" 2>&1; then
    cat "$folder/$name.log"
    echo "Failed: $name" >&2
    exit 1
  fi
  awk -v name="$name" -v began="$began" -v ended="$EPOCHREALTIME" \
    'BEGIN { printf "%s\t%.1f\n", name, ended - began }' | tee -a "$folder/seconds"
}

main "$@"
