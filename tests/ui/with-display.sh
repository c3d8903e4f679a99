#!/bin/sh
# Usage: with-display.sh [--tap] [--mounts] [--bus] COMMAND...
#
# Runs a command on a screen of its own, drawn in software, with empty settings, data and state folders that are gone afterwards.
# Nothing that the user has set or left behind takes part. With --bus it also gets a session bus of its own, on which programs tell
# assistive technology what they show. With --mounts it may mount file systems, which nobody else sees. Exits 77 (with --tap: a skipped plan) where Xvfb, or what the bus needs, is not installed.
set -eu

is_tap=
bus=
mounts=
while :; do
    case $1 in
    --tap) is_tap=yes ;;
    --bus) bus='dbus-run-session --' ;;
    --mounts) mounts=yes ;;
    *) break ;;
    esac
    shift
done
skip() {
    [ -z "$is_tap" ] || { echo "1..0 # SKIP $1 is not installed"; exit 0; }
    echo "$1 is not installed" >&2
    exit 77
}
if [ -n "$mounts" ]; then
    unshare -rm true 2>/dev/null || skip 'leave to mount, or unshare (package util-linux),'
    exec unshare -rm sh "$0" ${is_tap:+--tap} ${bus:+--bus} "$@"
fi
command -v Xvfb >/dev/null || skip 'Xvfb (package xvfb)'
[ -z "$bus" ] || command -v dbus-run-session >/dev/null || skip 'dbus-run-session (package dbus)'
[ -z "$bus" ] || [ -e /usr/share/dbus-1/services/org.a11y.Bus.service ] || skip 'the bus of assistive technology (package at-spi2-core)'

home=$(mktemp -d "${TMPDIR:-/tmp}/vera-display-XXXXXX")
server=
command=
clean() {
    [ -z "$command" ] || kill "$command" 2>/dev/null || true
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    rm -rf "$home"
}
trap clean EXIT
trap 'exit 143' INT TERM

# The server itself picks a free number: tests that run side by side cannot take the same one.
Xvfb -displayfd 3 -screen 0 "${VERA_TEST_SCREEN:-1360x860x24}" -nolisten tcp +extension GLX 3>"$home/number" 2>"$home/server.log" &
server=$!
tries=0
while [ ! -s "$home/number" ]; do
    tries=$((tries + 1))
    if [ $tries -gt 600 ] || ! kill -0 "$server" 2>/dev/null; then
        cat "$home/server.log" >&2
        echo 'Xvfb did not start' >&2
        exit 1
    fi
    sleep 0.1
done

export DISPLAY=":$(cat "$home/number")"
export LIBGL_ALWAYS_SOFTWARE=1 GDK_BACKEND=x11 GSETTINGS_BACKEND=memory GTK_A11Y=none NO_AT_BRIDGE=1 GTK_USE_PORTAL=0
if [ -n "$bus" ]; then
    export GTK_A11Y=atspi
    unset DBUS_SESSION_BUS_ADDRESS NO_AT_BRIDGE
else
    export DBUS_SESSION_BUS_ADDRESS=disabled:
fi
for name in CONFIG DATA STATE CACHE; do
    mkdir "$home/$name"
    export "XDG_${name}_HOME=$home/$name"
done
mkdir -m 700 "$home/runtime"
export XDG_RUNTIME_DIR="$home/runtime"
unset WAYLAND_DISPLAY
# Where something is does not depend on how far an animation has come.
mkdir "$home/CONFIG/gtk-4.0"
printf '[Settings]\ngtk-enable-animations=0\n' >"$home/CONFIG/gtk-4.0/settings.ini"

# The bus's own messages, such as about limits that it may not raise, are no news.
if [ -n "$bus" ]; then
    exec 4>&2
    $bus sh -c '"$@" 2>&4' sh "$@" 2>"$home/bus.log" &
else
    "$@" &
fi
command=$!
status=0
wait "$command" || status=$?
command=
exit "$status"
