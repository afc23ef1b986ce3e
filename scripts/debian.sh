# Sourced, after common.sh, by the scripts that fetch sources from Debian's packages. POSIX sh only.
#
# Works on any Debian release: a private apt configuration, with the mirror of the machine's own, asks for the
# release that has the versions.

debian_release=trixie

# The address of the mirror of the machine's own Debian release, as apt has it.
mirror() {
    apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(ORIGIN)' 'Created-By: Packages' |
        awk '$2 ~ /security|updates|backports/ { next }
             $3 == "Debian" { print $1; found = 1; exit }
             first == "" && $2 ~ /^(bookworm|trixie|forky|sid|testing|stable|oldstable)$/ { first = $1 }
             END { if (!found && first != "") print first }'
}

# apt-get with the settings and the state of the folder $work instead of the machine's.
private_apt_get() {
    apt-get -o "Dir::Etc::SourceList=$work/sources.list" -o "Dir::Etc::SourceParts=$work/parts" \
        -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=root "$@"
}

# download MIRROR ARCHIVE KIND COMMAND...: have apt-get do COMMAND in an empty folder, with a KIND (deb or deb-src) of
# MIRROR's packages, and take from there the file that ARCHIVE is named after, as ARCHIVE.part.
download() {
    uri=$1
    archive=$2
    kind=$3
    shift 3
    keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    work=$(mktemp -d "$(dirname "$archive")/download.XXXXXX")
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/parts"
    printf '%s [signed-by=%s] %s %s main\n' "$kind" "$keyring" "$uri" "$debian_release" >"$work/sources.list"
    cd "$work"
    private_apt_get update && private_apt_get "$@" && mv "$(basename "$archive")" "$archive.part"
    status=$?
    cd /
    rm -rf "$work"
    return $status
}

# fetch NAME ARCHIVE SHA256 LOG OWN KIND COMMAND...: have ARCHIVE, with that checksum, in the cache where it is to be:
# apt-get's COMMAND downloads it if it is not. NAME is what people call it, OWN how they do without.
fetch() {
    name=$1
    archive=$2
    sha256=$3
    log=$4
    own=$5
    shift 5
    cache=$(dirname "$archive")
    mkdir -p "$cache" "$(dirname "$log")" || fail "the folder $cache cannot be made: set PHYSMEM_CACHE to one that can."
    if [ ! -f "$archive" ]; then
        command -v apt-get >/dev/null || fail "this system has no apt-get to fetch $name with: $own."
        uri=$(mirror)
        [ -n "$uri" ] || fail "apt knows no Debian mirror to fetch $name from: add one to apt's sources, or $own."
        step "Downloading $name" "$log" download "$uri" "$archive" "$@" ||
            fail "the download of $name failed: see $log, check the network and run make again, or $own."
        mv "$archive.part" "$archive"
    fi
    if ! echo "$sha256  $archive" | sha256sum -c --status; then
        rm -f "$archive"
        fail "the checksum of $archive was wrong and it has been removed: run make again to download it anew, or $own."
    fi
}

# unpack NAME TREE LOG COMMAND...: have COMMAND fill the folder TREE.part, which then becomes TREE: TREE is there whole
# or not at all.
unpack() {
    name=$1
    tree=$2
    log=$3
    shift 3
    rm -rf "$tree" "$tree.part"
    mkdir -p "$tree.part"
    step "Unpacking $name" "$log" "$@" ||
        fail "$name could not be unpacked in $tree: see $log, make room on the disk and run make again."
    mv "$tree.part" "$tree"
}
