#!/bin/sh
# fetch_micropython.sh VERSION SHA256 CACHE TREE: MicroPython's sources from Debian's source package, unpacked in TREE.
#
# Works on any Debian release: a private apt configuration, with the mirror of the machine's own, asks for the
# release that has the version. The archive stays in CACHE. TREE is there whole or not at all.
set -eu
. "$(dirname "$0")/common.sh"
version=$1
sha256=$2
cache=$3
tree=$4

release=trixie
name=micropython_${version%-*}.orig.tar.xz
archive=$cache/$name
log=$(dirname "$tree")/fetch_micropython.log
own="or run make MICROPYTHON_DIR=... with a MicroPython checkout of your own"

# The address of the mirror of the machine's own Debian release, as apt has it.
mirror() {
    apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(ORIGIN)' 'Created-By: Packages' |
        awk '$2 ~ /security|updates|backports/ { next }
             $3 == "Debian" { print $1; found = 1; exit }
             first == "" && $2 ~ /^(bookworm|trixie|forky|sid|testing|stable|oldstable)$/ { first = $1 }
             END { if (!found && first != "") print first }'
}

download() {
    keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    work=$(mktemp -d "$cache/download.XXXXXX")
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/parts"
    printf 'deb-src [signed-by=%s] %s %s main\n' "$keyring" "$1" "$release" >"$work/sources.list"
    cd "$work"
    set -- -o "Dir::Etc::SourceList=$work/sources.list" -o "Dir::Etc::SourceParts=$work/parts" \
        -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=root
    apt-get "$@" update && apt-get "$@" source --download-only "micropython=$version" && mv "$name" "$archive.part"
    status=$?
    cd /
    rm -rf "$work"
    return $status
}

unpack() {
    rm -rf "$tree" "$tree.part"
    mkdir -p "$tree.part"
    tar -xJf "$archive" -C "$tree.part" --strip-components=1 && mv "$tree.part" "$tree"
}

mkdir -p "$cache" "$(dirname "$tree")" || fail "the folder $cache cannot be made: set PHYSMEM_CACHE to one that can."
if [ ! -f "$archive" ]; then
    command -v apt-get >/dev/null ||
        fail "this system has no apt-get to fetch MicroPython with: run make MICROPYTHON_DIR=... with a checkout of your own."
    uri=$(mirror)
    [ -n "$uri" ] || fail "apt knows no Debian mirror to fetch MicroPython from: add one to apt's sources, $own."
    step "Downloading MicroPython ${version%%+*}" "$log" download "$uri" ||
        fail "the download of MicroPython failed: see $log, check the network and run make again, $own."
    mv "$archive.part" "$archive"
fi
if ! echo "$sha256  $archive" | sha256sum -c --status; then
    rm -f "$archive"
    fail "the checksum of $archive was wrong and it has been removed: run make again to download it anew, $own."
fi
step "Unpacking MicroPython ${version%%+*}" "$log" unpack ||
    fail "MicroPython could not be unpacked in $tree: see $log, make room on the disk and run make again."
