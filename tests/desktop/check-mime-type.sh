# A project, whatever its name, and a file named *.vera are both known as projects.
data=$1
for tool in update-mime-database gio; do
  command -v $tool >/dev/null || { echo "$tool is not installed"; exit 77; }
done
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir/share/mime/packages"
cp "$data/io.github.vera_editor.Vera.xml" "$dir/share/mime/packages/"
update-mime-database "$dir/share/mime" || exit 1
printf 'not even a project' >"$dir/named.vera"
cp "$data/sample/sample.vera" "$dir/unnamed"
for file in named.vera unnamed; do
  XDG_DATA_HOME="$dir/share" gio info -a standard::content-type "$dir/$file" >"$dir/info"
  grep -q 'application/x-vera-project' "$dir/info" || { echo "$file:"; cat "$dir/info"; exit 1; }
done
