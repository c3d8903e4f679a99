#!/usr/bin/env python3
"""Pictures of the window in its states, to be looked at: not a test, nothing is compared.

Usage: VERA_TEST_SCREEN=3840x2160x24 with-display.sh --bus screenshots.py PROGRAM SOURCE_ROOT FOLDER [NAME...]

With names only those stories are told (see STORIES). The German locale is made for the moment, where
localedef is installed.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
from screen import Screen, click, key, run, title, wait, windows, xdo  # noqa: E402

SMALL, USUAL, LARGE = (900, 600), (1360, 860), (3840, 2160)


class Studio:
    """One run of the program whose windows are taken pictures of."""

    def __init__(self, program, folder, arguments=(), size=USUAL, **environment):
        self.folder = folder
        self.process = subprocess.Popen([program, *map(str, arguments)], env=os.environ | environment, stderr=subprocess.DEVNULL)
        self.window = wait("the window", lambda: windows()[:1])[0]
        xdo("windowfocus", self.window)
        if size != USUAL:
            xdo("windowsize", "--sync", self.window, *size)
        self.screen = Screen()
        wait("what the window says", lambda: any(True for _ in self.screen.walk()))
        time.sleep(3)

    def shoot(self, name):
        """The window with what lies over it, once nothing moves any more."""
        shell = run("xdotool", "getwindowgeometry", "--shell", self.window).stdout.decode()
        place = dict(line.split("=") for line in shell.split())
        grab = ["ffmpeg", "-v", "error", "-y", "-f", "x11grab", "-draw_mouse", "0", "-video_size", f"{place['WIDTH']}x{place['HEIGHT']}",
                "-i", f"{os.environ['DISPLAY']}+{place['X']},{place['Y']}", "-frames:v", "1"]
        before = None
        xdo("mousemove", 3839, 2159)
        for _ in range(8):
            time.sleep(1.5)
            now = run(*grab, "-f", "rawvideo", "-").stdout
            if now == before:
                break
            before = now
        run(*grab, "-update", "1", str(self.folder / f"{name}.png"))
        print(name, flush=True)

    def dialog(self):
        other = wait("a dialog", lambda: [window for window in windows() if window != self.window])[-1]
        xdo("windowfocus", other)
        time.sleep(1)
        return other

    def close(self):
        key("Escape")
        wait("the end of the dialog", lambda: windows() == [self.window])
        xdo("windowfocus", self.window)

    def open_page(self, name):
        self.screen.press("tab", name)
        time.sleep(0.5)

    def act(self, name):
        """An action of the application that has no key."""
        run("gdbus", "call", "--session", "-d", "io.github.vera_editor.Vera", "-o", "/io/github/vera_editor/Vera", "-m",
            "org.gtk.Actions.Activate", name, "[]", "{}")

    def end(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(pathlib.Path(os.environ["XDG_STATE_HOME"]) / "vera", ignore_errors=True)


def locale(name):
    """A locale of this name for one program."""
    folder = pathlib.Path(os.environ["XDG_CACHE_HOME"]) / "locales"
    folder.mkdir(exist_ok=True)
    subprocess.run(["localedef", "-i", name, "-f", "UTF-8", str(folder / f"{name}.UTF-8")], check=False, capture_output=True)
    return {"LOCPATH": str(folder), "LC_ALL": f"{name}.UTF-8", "LANGUAGE": name.split("_", maxsplit=1)[0]}


def tell_welcome(studio_of, _):
    studio = studio_of([])
    studio.dialog()
    studio.shoot("first-run")
    studio.close()
    studio.shoot("welcome")
    studio.end()


def tell_empty(studio_of, project):
    studio = studio_of(["open", project.parent / "sample.mp4"])
    studio.shoot("empty")
    studio.open_page("Layers")
    studio.shoot("empty-layers")
    studio.open_page("Queue")
    studio.shoot("empty-queue")
    studio.end()


def tell_error(studio_of, project):
    (project.parent / "sample.mp4").rename(project.parent / "moved.mp4")
    studio = studio_of(["open", project])
    studio.shoot("error")
    studio.end()
    (project.parent / "moved.mp4").rename(project.parent / "sample.mp4")
    studio = studio_of(["open", project], SMALL, **locale("de_DE"))
    (project.parent / "sample.mp4").rename(project.parent / "moved.mp4")
    time.sleep(2)
    studio.shoot("error-lost-clip")
    studio.end()
    (project.parent / "moved.mp4").rename(project.parent / "sample.mp4")


def draw(studio):
    x, y, width, height = studio.screen.area(studio.screen.find("image", "Picture at the playhead"))
    studio.screen.press("button", "Ellipse")
    xdo("mousemove", x + width * 6 // 10, y + height * 2 // 10, "mousedown", 1)
    for i in range(1, 9):
        xdo("mousemove", x + width * 6 // 10 + width * i // 40, y + height * 2 // 10 + height * i // 16)
    xdo("mouseup", 1)


def tell_editing(studio_of, project):
    studio = studio_of(["open", project])
    studio.screen.find("slider", "Timeline")
    click(studio.screen.area(studio.screen.find("slider", "Timeline"))[:2])
    key("Home", *["Right"] * 6, "i", *["Right"] * 8, "o", "Home", *["Right"] * 9)
    draw(studio)
    studio.shoot("editing")
    key("ctrl+e")
    studio.dialog()
    studio.shoot("export")
    studio.close()
    for name, act in (("preferences", "preferences"), ("about", "about")):
        studio.act(act)
        studio.dialog()
        studio.shoot(name)
        if name == "preferences":
            studio.open_page("Shortcuts")
            studio.shoot("preferences-shortcuts")
        studio.close()
    key("ctrl+question")
    studio.dialog()
    studio.shoot("shortcuts")
    studio.close()
    studio.end()


def tell_running(studio_of, project):
    studio = studio_of(["open", project])
    key("ctrl+Return")
    folder = project.parent / "sample-takes"
    wait("steps", lambda: list(folder.glob("*.state")))
    time.sleep(6)
    studio.shoot("running")
    studio.open_page("Queue")
    studio.shoot("running-queue")
    wait("the take", lambda: not list(folder.glob("*.state")) and list(folder.glob("*/take.json")))
    studio.shoot("done-queue")
    studio.open_page("Layers")
    key("ctrl+s")
    studio.shoot("comparing-composite")
    key("w")
    studio.shoot("comparing-wipe")
    key("w", "shift+w")
    studio.shoot("comparing-split")
    key("shift+w", "m")
    studio.shoot("comparing-overlay")
    key("m")
    studio.act("dark")
    studio.shoot("light")
    studio.act("dark")
    studio.end()


def tell_sizes(studio_of, project):
    studio = studio_of(["open", project], SMALL)
    studio.shoot("small")
    studio.open_page("Layers")
    studio.shoot("small-layers")
    studio.end()
    clip = project.parent / "sample.mp4"
    whole = clip.read_bytes()
    clip.write_bytes(whole[:len(whole) * 2 // 3])
    studio = studio_of(["open", project], SMALL)
    studio.shoot("small-clip-ends-early")
    studio.end()
    clip.write_bytes(whole)
    studio = studio_of(["open", project], LARGE)
    studio.shoot("4k")
    studio.end()
    studio = studio_of(["open", project], LARGE, GDK_SCALE="2")
    studio.shoot("4k-scale-2")
    studio.end()


def tell_languages(studio_of, project):
    studio = studio_of(["open", project], **locale("de_DE"))
    studio.shoot("german")
    studio.end()
    studio = studio_of(["open", project], SMALL, **locale("de_DE"))
    studio.shoot("german-small")
    studio.end()
    studio = studio_of(["open", project], ADW_DEBUG_HIGH_CONTRAST="1")
    studio.shoot("high-contrast")
    studio.end()
    studio = studio_of(["open", project], SMALL, GTK_DEBUG="invert-text-dir")
    studio.shoot("right-to-left")
    studio.end()


STORIES = {"welcome": tell_welcome, "empty": tell_empty, "error": tell_error, "editing": tell_editing, "running": tell_running,
           "sizes": tell_sizes, "languages": tell_languages}


def main():
    program, root, folder = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["VERA_DATA_DIR"] = str(root / "data")
    for name in sys.argv[4:] or STORIES:
        with tempfile.TemporaryDirectory(prefix="vera-pictures-") as work:
            for file in ("sample.vera", "sample.mp4", "region.png"):
                shutil.copy(root / "data" / "sample" / file, work)
            STORIES[name](lambda arguments, size=USUAL, **environment: Studio(program, folder, arguments, size, **environment),
                          pathlib.Path(work) / "sample.vera")


if __name__ == "__main__":
    main()
