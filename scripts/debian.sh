# shellcheck shell=sh
# Sourced, after common.sh, by the scripts that fetch sources from Debian's packages. POSIX sh only.
#
# Works on any Debian release: it uses the machine's own mirror, with a private apt configuration for the release that
# has the pinned versions.

debian_release=trixie

# mirror: print the address of the Debian mirror that the machine's apt uses.
mirror() {
    # shellcheck disable=SC2016 # these are apt's variables
    apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(ORIGIN)' 'Created-By: Packages' |
        awk '$2 ~ /security|updates|backports/ { next }
             $3 == "Debian" { print $1; found = 1; exit }
             first == "" && $2 ~ /^(bookworm|trixie|forky|sid|testing|stable|oldstable)$/ { first = $1 }
             END { if (!found && first != "") print first }'
}

# private_apt_get ARGUMENTS...: run apt-get with the settings and state in the folder $work instead of the machine's.
private_apt_get() {
    apt-get -o "Dir::Etc::SourceList=$work/sources.list" -o "Dir::Etc::SourceParts=$work/parts" \
        -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=root "$@"
}

# download MIRROR ARCHIVE KIND COMMAND...: run apt-get COMMAND in an empty folder, with the packages of that KIND (deb or
# deb-src) from MIRROR. Move the downloaded file, which has the same name as ARCHIVE, to ARCHIVE.part.
download() {
    uri=$1
    archive=$2
    kind=$3
    shift 3
    keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    work=$(mktemp -d "$(dirname "$archive")/download.XXXXXX")
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/parts"
    printf '%s [signed-by=%s] %s %s main\n' "$kind" "$keyring" "$uri" "$debian_release" >"$work/sources.list"
    cd "$work" || return
    private_apt_get update && private_apt_get "$@" && mv "$(basename "$archive")" "$archive.part"
    status=$?
    cd /
    rm -rf "$work"
    return $status
}

# fetch NAME ARCHIVE SHA256 LOG OWN KIND COMMAND...: make sure that ARCHIVE is in the cache and has that checksum;
# download it with apt-get COMMAND if it is not there. Messages call it NAME, and OWN tells the user how to manage
# without it.
fetch() {
    name=$1
    archive=$2
    sha256=$3
    log=$4
    own=$5
    shift 5
    cache=$(dirname "$archive")
    mkdir -p "$cache" "$(dirname "$log")" || fail "the cache folder $cache cannot be created: set PHYSMEM_CACHE to a folder that you can write to."
    if [ ! -f "$archive" ]; then
        command -v apt-get >/dev/null || fail "$name cannot be fetched because this system has no apt-get: $own."
        uri=$(mirror)
        [ -n "$uri" ] || fail "$name cannot be fetched because apt has no Debian mirror: add one to apt's sources, or $own."
        step "Downloading $name" "$log" download "$uri" "$archive" "$@" ||
            fail "the download of $name failed: see $log for the reason, check the network and run make again, or $own."
        mv "$archive.part" "$archive"
    fi
    if ! echo "$sha256  $archive" | sha256sum -c --status; then
        rm -f "$archive"
        fail "$archive had the wrong checksum and has been removed: run make again to download it again, or $own."
    fi
}

# unpack NAME TREE LOG COMMAND...: run COMMAND, which fills the folder TREE.part, then rename that to TREE. So TREE is
# either complete or absent.
unpack() {
    name=$1
    tree=$2
    log=$3
    shift 3
    rm -rf "$tree" "$tree.part"
    mkdir -p "$tree.part"
    step "Unpacking $name" "$log" "$@" ||
        fail "$name could not be unpacked in $tree: see $log for the reason, free some disk space and run make again."
    mv "$tree.part" "$tree"
}
