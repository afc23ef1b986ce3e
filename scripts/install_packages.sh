#!/bin/sh
# install_packages.sh LOG [PACKAGE[:PROGRAM]...]: install the Debian packages whose programs or headers are missing, and
# print their names. If nothing is missing, do nothing. Looks for the PROGRAM of each PACKAGE, which has the package's
# name unless you say otherwise, or for all that a build needs.
set -eu
. "$(dirname "$0")/common.sh"
log=$1
shift

has_arm_headers() {
    printf '#include <stdlib.h>\n#include <alloca.h>\n' | arm-none-eabi-gcc -E -o /dev/null -
}

has_arm_cpp_headers() {
    printf '#include <cstdlib>\n' | arm-none-eabi-g++ -E -x c++ -o /dev/null -
}

has_host_headers() {
    printf '#include <stdlib.h>\n' | gcc -E -o /dev/null -
}

# rp2040js needs Node.js 18 or later.
has_node() {
    node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)'
}

look_for() {
    package=$1
    shift
    "$@" >/dev/null 2>&1 || missing="$missing $package"
}

look_for_all() {
    missing=
    if [ $# -gt 0 ]; then
        for package_and_program; do
            look_for "${package_and_program%:*}" command -v "${package_and_program#*:}"
        done
        return
    fi
    look_for gcc command -v gcc
    look_for libc6-dev has_host_headers
    look_for gcc-arm-none-eabi command -v arm-none-eabi-gcc
    look_for libnewlib-arm-none-eabi has_arm_headers
    look_for libstdc++-arm-none-eabi-newlib has_arm_cpp_headers
    look_for ccache command -v ccache
    look_for cmake command -v cmake
    look_for qemu-system-arm command -v qemu-system-arm
    look_for nodejs has_node
    look_for npm command -v npm
    look_for python3 command -v python3
    look_for python3-venv python3 -c 'import venv, ensurepip'
    look_for xz-utils command -v xz
    look_for tar command -v tar
    # pip uses the system's certificates. This path is Debian's; other systems may keep them elsewhere.
    [ ! -e /etc/debian_version ] || look_for ca-certificates test -s /etc/ssl/certs/ca-certificates.crt
}

look_for_all "$@"
[ -n "$missing" ] || exit 0

by_hand="install$missing yourself and run make again"
command -v apt-get >/dev/null || fail "packages are missing, and this system has no apt-get to install them: $by_hand."
if [ "$(id -u)" -eq 0 ]; then
    as_root=
elif command -v sudo >/dev/null; then
    as_root=sudo
else
    fail "packages are missing, and only root can install them: run 'apt-get install$missing' as root and run make again."
fi

# Debian after 13 has only picolibc for ARM. MicroPython's boards, the Pico SDK and C++ there are built with newlib.
has_release_newlib() {
    case " $missing " in
        *" libnewlib-arm-none-eabi "* | *" libstdc++-arm-none-eabi-newlib "*) ;;
        *) return 0 ;;
    esac
    ! LC_ALL=C apt-cache policy libnewlib-arm-none-eabi libstdc++-arm-none-eabi-newlib 2>/dev/null |
        grep -q '^ *Candidate: (none)' && apt-cache show libnewlib-arm-none-eabi >/dev/null 2>&1
}

install="env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends"
echo "Missing Debian packages:$missing"
# Let sudo ask for its password now: later its prompt would be hidden behind the progress dots.
[ -z "$as_root" ] || sudo -v || fail "packages are missing, and sudo refused to install them: $by_hand."
# shellcheck disable=SC2086
if ! apt-get install -s --no-install-recommends $missing >/dev/null 2>&1; then
    step "Updating the list of Debian packages" "$log" $as_root apt-get update ||
        fail "apt-get update failed: see $log for the reason, repair apt's sources and run make again, or $by_hand."
fi
has_release_newlib ||
    fail "this release of Debian has no newlib for ARM (libnewlib-arm-none-eabi, libstdc++-arm-none-eabi-newlib), only picolibc, with which the firmware is neither built nor tested: use Debian 12 or 13, in a container or in a chroot that 'debootstrap trixie' makes, or add the sources of Debian 13 (trixie) to apt's and run make again. Without firmware, the package of source from a release runs on Debian's own 'micropython'."
# shellcheck disable=SC2086
step "Installing$missing" "$log" $as_root $install $missing ||
    fail "apt-get could not install$missing: see $log for the reason, repair apt's sources and run make again, or $by_hand."
look_for_all "$@"
[ -z "$missing" ] || fail "apt-get reported success, but these packages are still not usable:$missing; $by_hand."
