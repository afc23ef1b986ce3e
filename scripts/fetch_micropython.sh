#!/bin/sh
# fetch_micropython.sh VERSION SHA256 CACHE TREE: MicroPython's sources from Debian's source package, unpacked in TREE.
#
# The archive stays in CACHE. TREE is there whole or not at all.
set -eu
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/debian.sh"
version=$1
sha256=$2
cache=$3
tree=$4

archive=$cache/micropython_${version%-*}.orig.tar.xz
log=$(dirname "$tree")/fetch_micropython.log
name="MicroPython ${version%%+*}"

fetch "$name" "$archive" "$sha256" "$log" "run make MICROPYTHON_DIR=... with a MicroPython checkout of your own" \
    deb-src source --download-only "micropython=$version"
unpack "$name" "$tree" "$log" tar -xJf "$archive" -C "$tree.part" --strip-components=1
