#!/bin/sh
# make_venv.sh VENV REQUIREMENTS LOG: make a virtual environment and install the pinned requirements in it.
set -eu
. "$(dirname "$0")/common.sh"
venv=$1
requirements=$2
log=$3

command -v python3 >/dev/null || fail "python3 is missing: install it (Debian: apt-get install python3-venv) and run make again."
python3 -m venv --clear "$venv" >/dev/null 2>&1 ||
    fail "python3 could not make a virtual environment in $venv: install python3-venv and run make again."
step "Installing the Python packages of $(basename "$requirements")" "$log" \
    "$venv/bin/python" -m pip install --disable-pip-version-check -r "$requirements" ||
    fail "pip could not install the Python packages of $requirements: see $log for the reason, make sure that pip can reach a package index, and run make again."
