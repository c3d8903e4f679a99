# The bus starts the program from its service file, opens a project in it, and it ends when it is told to.
for tool in xvfb-run dbus-run-session gdbus; do
  command -v $tool >/dev/null || { echo "$tool is not installed"; exit 77; }
done
id=io.github.vera_editor.Vera
path=/io/github/vera_editor/Vera
if [ "$1" != inside ]; then
  dir=$(mktemp -d) || exit 1
  trap 'rm -rf "$dir"' EXIT
  mkdir -p "$dir/share/dbus-1/services" "$dir/home"
  printf '[D-BUS Service]\nName=%s\nExec=%s --gapplication-service\n' $id "$VERA_PROGRAM" >"$dir/share/dbus-1/services/$id.service"
  cp "$VERA_SOURCE_ROOT"/data/sample/* "$dir/"
  export HOME="$dir/home" XDG_CONFIG_HOME="$dir/home" XDG_DATA_HOME="$dir/home" XDG_STATE_HOME="$dir/home" XDG_CACHE_HOME="$dir/home"
  export XDG_DATA_DIRS="$dir/share:${XDG_DATA_DIRS:-/usr/local/share:/usr/share}" VERA_ACTIVATION_DIR="$dir"
  export GSETTINGS_BACKEND=memory GTK_A11Y=none
  xvfb-run -a -s '-screen 0 1500x1000x24' dbus-run-session -- sh "$0" inside
  exit $?
fi
call() { gdbus call --session --timeout 60 -d $id -o $path -m "$@"; }
call org.freedesktop.Application.Open "['file://$VERA_ACTIVATION_DIR/sample.vera']" '{}' || exit 1
# Once the window is there it has a path of its own, and its menu's actions can be asked for.
call org.gtk.Actions.List | grep -q "'preferences'" || { echo 'the actions are not on the bus'; exit 1; }
gdbus call --session -d $id -o $path/window/1 -m org.gtk.Actions.List | grep -q "'export'" || { echo 'there is no window'; exit 1; }
call org.gtk.Actions.Activate quit '[]' '{}' || exit 1
# The name goes when the process ends; the bus would start it again for a call, so the bus is asked and not the program.
while gdbus call --session -d org.freedesktop.DBus -o /org/freedesktop/DBus -m org.freedesktop.DBus.NameHasOwner $id | grep -q true; do
  sleep 0.1
done
