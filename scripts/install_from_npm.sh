#!/bin/sh
# install_from_npm.sh PACKAGE VERSION PREFIX LOG: install an npm package in PREFIX/node_modules.
set -eu
. "$(dirname "$0")/common.sh"
package=$1
version=$2
prefix=$3
log=$4

step "Fetching $package $version" "$log" \
    npm install --prefix "$prefix" --no-save --no-package-lock --no-audit --no-fund --loglevel=error \
    "$package@$version" ||
    fail "npm could not install $package: see $log, give npm a registry that it can reach, and run make again."
