#!/bin/bash
# Usage: tests/ui/with-display.sh tests/ui/screenshots.sh PROGRAM SOURCE_ROOT [FOLDER]
#
# Pictures of the window in its states, to be looked at, into FOLDER (build/screenshots). Needs xdotool and ImageMagick's import, or xwd
# (then the pictures are .xwd files). Not a test: nothing is compared.
set -eu
program=$1 root=$2 folder=${3:-build/screenshots}
export VERA_DATA_DIR=$root/data
mkdir -p "$folder"
work=$(mktemp -d)
vera=
trap '[ -z "$vera" ] || kill "$vera" 2>/dev/null || true; rm -rf "$work"' EXIT
cp "$root"/data/sample/{sample.vera,sample.mp4,region.png} "$work"

shoot() {
    sleep 1.5
    if command -v import >/dev/null; then
        import -window root "$folder/$1.png"
    else
        xwd -root -silent -out "$folder/$1.xwd"
    fi
}

# start TITLE ARGUMENTS...: opens a window and waits for it.
start() {
    local title=$1 tries=0
    shift
    "$program" "$@" 2>"$work/log" &
    vera=$!
    until window=$(xdotool search --onlyvisible --name "$title" 2>/dev/null | head -1) && [ -n "$window" ]; do
        tries=$((tries + 1))
        [ $tries -lt 300 ] || { cat "$work/log" >&2; exit 1; }
        sleep 0.1
    done
    xdotool windowfocus --sync "$window"
    sleep 2
}

stop() {
    kill "$vera"
    wait "$vera" 2>/dev/null || true
    vera=
}

click() { xdotool mousemove "$1" "$2" click 1; }

start Vera
shoot welcome
stop

start sample open "$work/sample.vera"
shoot editor
xdotool key ctrl+e
sleep 1
shoot export
xdotool windowfocus --sync "$(xdotool search --onlyvisible --name Export | head -1)" key Escape
sleep 1
xdotool windowfocus --sync "$window" key ctrl+Return
sleep 5
click 1297 72
shoot queue
click 1189 72
shoot layers
click 1080 72
shoot running
xdotool windowsize "$window" 900 600
shoot small
stop

rm -rf "$XDG_STATE_HOME/vera" # what the window above left, so that it is not offered here
mv "$work/sample.mp4" "$work/elsewhere.mp4"
start sample open "$work/sample.vera"
shoot missing-clip
stop
