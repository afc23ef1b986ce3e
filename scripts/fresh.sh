#!/bin/sh
# fresh.sh BUILD RELEASE...: run the README's two commands, `make run` and `make test`, in a bare Debian of each RELEASE.
#
# Each runs in a chroot of its own, BUILD/fresh/RELEASE, that debootstrap makes with nothing but Debian's minimal
# system and `make`, on a copy of HEAD. Nothing of this machine is visible there but how it reaches the package
# registries: the mirror, name resolution, proxies and certificates that its own apt, pip and npm use.
#
# The logs stay in BUILD/fresh; the chroot is removed unless KEEP is set. PYTEST_ARGS is passed on if it is set. The
# mounts are in a mount namespace, so none outlives this script, however it ends. Needs root.
set -eu
scripts=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/common.sh
. "$scripts/common.sh"
# shellcheck source=scripts/debian.sh
. "$scripts/debian.sh"
build=$1
shift
root=$(dirname "$scripts")
logs=$build/fresh

# in_chroot COMMAND...: with the variables of a bare system, and those that say how the network is reached.
in_chroot() {
    # shellcheck disable=SC2046
    chroot "$system" env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        $(network_variables) "$@"
}

network_variables() {
    env | grep -iE '^((https?|ftp|all|no)_proxy|NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE)=[^ ]*$' || :
}

# The settings of this machine's pip that say how it reaches an index, as lines of a pip.conf. A folder of this machine
# that pip looks into is not one of them.
pip_settings() {
    for python in "$build/venv/bin/python" python3; do
        ! "$python" -m pip config list 2>/dev/null || break
    done | sed -n "s/^[^=]*\.\([a-z-]*\)='\(.*\)'$/\1 \2/p" | sed 's/\\n/ /g' | awk '
        $1 ~ /^(index-url|extra-index-url|trusted-host|cert|client-cert|proxy|timeout|default-timeout|retries)$/ {
            value = ""
            for (i = 2; i <= NF; i++) if ($i !~ /^file:/) value = value " " $i
            if (value != "" && !seen[$1]++) print $1 " =" value
        }'
}

# The same of npm, as lines of an npmrc.
npm_settings() {
    npm config get registry proxy https-proxy noproxy cafile strict-ssl 2>/dev/null |
        grep -vE '=(null|undefined|)$' || :
}

# The files of certificates that these settings name, but those that the package ca-certificates makes.
named_certificates() {
    { network_variables; pip_settings; npm_settings; } | sed -n 's/^[^=]*= *\(\/[^ ]*\)$/\1/p' | sort -u |
        while read -r file; do
            case $file in
                /etc/ssl/certs | /etc/ssl/certs/*) ;;
                *) [ ! -f "$file" ] || echo "$file" ;;
            esac
        done
}

# Give the chroot the way to the registries.
connect() {
    cat /etc/resolv.conf >"$system/etc/resolv.conf"
    cat /etc/hosts >"$system/etc/hosts"
    printf 'deb [signed-by=%s] %s %s main\n' /usr/share/keyrings/debian-archive-keyring.gpg "$uri" "$release" \
        >"$system/etc/apt/sources.list"
    apt-config dump | grep -E '^Acquire::(https?::|Retries|Check-|ForceIPv)' | grep -v Auto-Detect \
        >"$system/etc/apt/apt.conf.d/90fresh" || :
    pip_settings | sed '1i [global]' >"$system/etc/pip.conf"
    npm_settings >"$system/root/.npmrc"
    mkdir -p "$system/usr/local/share/ca-certificates"
    # What lies here the package ca-certificates takes in when it is installed.
    cp -RL /usr/local/share/ca-certificates/. "$system/usr/local/share/ca-certificates/" 2>/dev/null || :
    [ ! -x "$system/usr/sbin/update-ca-certificates" ] || in_chroot update-ca-certificates
    named_certificates | while read -r file; do
        mkdir -p "$system$(dirname "$file")" && cp "$file" "$system$file"
    done
}

mount_devices() {
    mount -t proc proc "$system/proc"
    mount -t tmpfs -o mode=755 devices "$system/dev"
    for device in "null 1 3" "zero 1 5" "full 1 7" "random 1 8" "urandom 1 9" "tty 5 0"; do
        # shellcheck disable=SC2086
        set -- $device
        mknod -m 666 "$system/dev/$1" c "$2" "$3"
    done
    mkdir "$system/dev/pts" "$system/dev/shm"
    mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts "$system/dev/pts"
    mount -t tmpfs -o mode=1777 shm "$system/dev/shm"
    ln -s pts/ptmx "$system/dev/ptmx"
    ln -s /proc/self/fd "$system/dev/fd"
    ln -s fd/0 "$system/dev/stdin"
    ln -s fd/1 "$system/dev/stdout"
    ln -s fd/2 "$system/dev/stderr"
}

remove_system() {
    umount -R "$system/dev" "$system/proc" 2>/dev/null || :
    [ -n "${KEEP:-}" ] || rm -rf --one-file-system "$system"
}

make_system() {
    debootstrap --variant=minbase --include=make "$release" "$system" "$uri" &&
        connect &&
        mkdir "$system/root/physmem" &&
        git -c safe.directory='*' -C "$root" archive HEAD | tar -x -C "$system/root/physmem"
}

# The Debian packages of the chroot, one `name version` a line.
debian_packages() {
    # shellcheck disable=SC2016
    in_chroot dpkg-query -W -f '${Package} ${Version}\n' | sort
}

# try TARGET: run `make TARGET` there, show and keep what it says, give its status, and set `seconds`.
try() {
    start=$(date +%s)
    {
        in_chroot ${PYTEST_ARGS:+"PYTEST_ARGS=$PYTEST_ARGS"} make -C /root/physmem "$1" </dev/null 2>&1 && echo 0 >"$logs/status" || echo 1 >"$logs/status"
    } | tee "$logs/${release}_$1.log"
    seconds=$(($(date +%s) - start))
    [ "$(cat "$logs/status")" -eq 0 ]
}

on_one_line() {
    tr '\n' ',' | sed 's/,$//; s/,/, /g'
}

# What was installed there, and how long each step took.
report() {
    debian_packages >"$logs/${release}_packages.txt"
    in_chroot apt-mark showmanual | sort >"$logs/manual"
    comm -13 "$logs/bare" "$logs/${release}_packages.txt" >"$logs/new"
    echo "  Debian: $(join "$logs/manual" "$logs/new" | on_one_line)"
    echo "          $(wc -l <"$logs/new") packages with what these need (${release}_packages.txt)"
    echo "  PyPI: $(in_chroot /root/physmem/build/venv/bin/python -m pip list --format=freeze \
        --disable-pip-version-check 2>/dev/null | sed 's/==/ /' | on_one_line)"
    echo "  npm: $(sed -n '/^    "node_modules\//{s/.*node_modules\/\(.*\)".*/\1/;N;s/\n.*"version": "\(.*\)".*/ \1/p;}' \
        "$system"/root/physmem/build/*/node_modules/.package-lock.json 2>/dev/null | on_one_line)"
    # There is no log of `make test` if `make run` has failed.
    cat "$logs/$release"_run.log "$logs/$release"_test.log 2>/dev/null |
        sed -n 's/^\(.*[^ .]\) *\.* done, \([0-9]* s\)$/  \1: \2/p'
    rm -f "$logs/bare" "$logs/manual" "$logs/new" "$logs/status"
}

# try_release: make the system, run both commands there, write what came of it to the summary; give the status.
try_release() {
    system=$logs/$release
    rm -rf --one-file-system "$system"
    rm -f "$logs/$release"_*
    [ -e "/usr/share/debootstrap/scripts/$release" ] ||
        fail "debootstrap knows no Debian release called $release: give RELEASES=\"bookworm trixie\", or one of them."
    if ! step "Making a bare Debian $release" "$logs/${release}_debootstrap.log" make_system; then
        remove_system
        fail "debootstrap could not make a Debian $release: see $logs/${release}_debootstrap.log and run make again."
    fi
    mount_devices
    debian_packages >"$logs/bare"
    outcome=
    status=0
    for target in run test; do
        echo "--- Debian $release: make $target"
        if try "$target"; then
            outcome="$outcome, make $target $seconds s"
        else
            outcome="$outcome, make $target FAILED after $seconds s"
            status=1
            break
        fi
    done
    {
        echo "Debian $(cat "$system/etc/debian_version") ($release)$outcome"
        report
    } >>"$logs/summary.txt"
    remove_system
    return $status
}

if [ "${PHYSMEM_FRESH:-}" != inside ] || [ $$ -ne 1 ]; then
    [ "$(id -u)" -eq 0 ] || fail "only root can make a chroot: run 'make fresh' as root."
    command -v git >/dev/null || fail "git is missing: install it (Debian: apt-get install git) and run make again."
    "$scripts/install_packages.sh" "$logs/install.log" debootstrap
    PHYSMEM_FRESH=inside exec unshare --mount --pid --fork --kill-child --ipc "$0" "$build" "$@"
fi

# From here on this is process 1 of a process namespace: with it end all that it started.
mount -t proc proc /proc
uri=$(mirror)
[ -n "$uri" ] || fail "apt knows no Debian mirror: add one to apt's sources and run make again."
# debootstrap does not ask apt for its proxy.
[ -n "${http_proxy:-}" ] || { eval "$(apt-config shell http_proxy Acquire::http::Proxy)" && export http_proxy; }
mkdir -p "$logs"
: >"$logs/summary.txt"
trap 'kill -KILL -1; for release; do system=$logs/$release; remove_system; done; exit 130' INT TERM HUP
failed=
for release; do
    # In the background, where a failed command ends it and a signal is answered at once.
    try_release &
    wait $! || failed="$failed $release"
done
cat "$logs/summary.txt"
[ -z "$failed" ] || fail "the README's commands do not both work on a bare Debian:$failed; see $logs."
