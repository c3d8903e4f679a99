#!/usr/bin/env python3
"""Drives the real window with mouse and keys, on a screen of its own, and checks what it leaves on disk.

Usage: editor.py PROGRAM SOURCE_ROOT, under with-display.sh. Exits 77 where xdotool or ffmpeg is not installed. Nothing here waits for a
time: each step is looked for in the project, the queue's file or on the screen until it is there, or the test gives up.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

PATIENCE = 120  # seconds until a step counts as failed, for slow and busy machines
LONGEST_BLOCK = 0.5  # seconds for which the main loop may not look at events, with a screen drawn in software

# Where things are in a window of 1360 by 860.
CANVAS = (390, 360)
CANVAS_AREA = (60, 60, 900, 560)
RECTANGLE_TOOL = (22, 186)
STEPS_ENTRY = (1240, 486)
RULER_Y = 742
RULER_X = (18, 1011)
QUEUE_TAB = (1297, 72)
RESUME_BUTTON = (1278, 142)
EXPORT_BUTTON = (465, 28)
N_FRAMES = 49


class Failure(Exception):
    """What was waited for and did not come."""


def run(*arguments, **options):
    return subprocess.run(arguments, check=True, capture_output=True, **options)


def xdo(*arguments):
    return run("xdotool", *map(str, arguments)).stdout.decode().split()


def key(*names):
    for name in names:
        xdo("key", "--clearmodifiers", name)


def click(place, times=1):
    xdo("mousemove", *place, "click", "--repeat", times, "--delay", 40, 1)


def wait(what, check, again=None, every=1):
    """Waits until check() is true and gives its value; again() is done every so many seconds."""
    end = time.monotonic() + PATIENCE
    turn = 0
    while time.monotonic() < end:
        value = check()
        if value:
            return value
        turn += 1
        if again is not None and turn % (10 * every) == 0:
            again()
        time.sleep(0.1)
    raise Failure(f"{what} did not come within {PATIENCE} s")


def grab():
    """The pixels of the canvas on the screen."""
    x, y, width, height = CANVAS_AREA
    return run("ffmpeg", "-v", "error", "-f", "x11grab", "-draw_mouse", "0", "-video_size", f"{width}x{height}", "-i",
               f"{os.environ['DISPLAY']}+{x},{y}", "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-").stdout


class Session:
    """One run of the program on one project."""

    def __init__(self, program, project):
        self.project = project
        self.program = program
        self.log = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        self.process = subprocess.Popen([program, "open", str(project)], stderr=self.log,
                                        env=os.environ | {"VERA_WATCHDOG": str(round(LONGEST_BLOCK * 1000))})
        self.window = wait("the window", self.find_window)
        wait("the picture", lambda: len(set(grab()[::997])) > 20)

    def windows(self):
        found = subprocess.run(["xdotool", "search", "--onlyvisible", "--name", "."], capture_output=True, check=False)
        return found.stdout.decode().split()

    def find_window(self):
        for window in self.windows():
            if "sample" in self.title(window):
                xdo("windowfocus", window)
                return window
        return None

    def title(self, window=None):
        return run("xdotool", "getwindowname", window or self.window).stdout.decode().strip()

    def dialog(self):
        others = [window for window in self.windows() if window != self.window]
        if others:
            xdo("windowfocus", others[-1])
            return others[-1]
        return None

    def back(self):
        wait("the end of the dialog", lambda: self.windows() == [self.window])
        xdo("windowfocus", self.window)

    def saved(self, what, check):
        """Saves until the project's file says what is wanted; gives the project."""
        def look():
            state = json.loads(self.project.read_text(encoding="utf-8"))
            return state if check(state) else None

        key("ctrl+s")
        return wait(what, look, lambda: key("ctrl+s"))

    def quit(self):
        key("ctrl+q")
        if self.process.wait(PATIENCE) != 0:
            raise Failure(f"the program ended with {self.process.returncode}")
        self.check_blocks()

    def check_blocks(self):
        """Whether the main loop always came back in time; shows what the program said."""
        self.log.seek(0)
        said = self.log.read()
        print(said, end="", file=sys.stderr, flush=True)
        for block in re.finditer(r"^vera: the main loop was blocked for .*\n((?:.*\[0x[0-9a-f]+\]\n)*)", said, re.MULTILINE):
            head, frames = block.group(0).splitlines()[0], block.group(1).splitlines()
            # Drawing is shown and not judged: without a graphics card its time is that of the processor and of who else uses it.
            if "gdk_frame_clock" in head:
                continue
            offsets = [match[1] for match in map(re.compile(r"^[^(]*/vera[^/(]*\(\+(0x[0-9a-f]+)\)").match, frames) if match]
            places = run("addr2line", "-fpse", self.program, *offsets).stdout.decode() if offsets else ""
            raise Failure(head + "\n" + places)


def newest(state):
    return state["edits"][-1]


def scrub_and_mark(session):
    """A click on the ruler moves the playhead, i and o set the range."""
    for press, member, frame in (("i", "in_frame", 10), ("o", "out_frame", 14)):
        x = RULER_X[0] + (RULER_X[1] - RULER_X[0]) * (frame + 0.5) / N_FRAMES
        click((round(x), RULER_Y))
        key(press)
        session.saved(f"{member} near {frame}", lambda s: abs(s.get(member, -9) - frame) <= 1)
    key("Home", "Right", "Right", "i", "Right", "Right", "Right", "Right", "o")
    session.saved("the range 2 to 6", lambda s: (s.get("in_frame"), s.get("out_frame")) == (2, 6))


def make_edit(session, instruction, steps):
    key("ctrl+shift+n")
    session.saved("a new edit", lambda s: newest(s)["instruction"] == "")
    xdo("type", "--delay", 20, instruction)
    click(STEPS_ENTRY, 3)
    xdo("type", "--delay", 20, str(steps))
    key("Tab")
    session.saved("instruction and steps",
                  lambda s: newest(s)["instruction"] == instruction and newest(s).get("steps") == steps)


def draw_region(session):
    click(RECTANGLE_TOOL)
    x, y = CANVAS
    xdo("mousemove", x, y, "mousedown", 1)
    for i in range(1, 9):
        xdo("mousemove", x + 25 * i, y + 15 * i)
    xdo("mouseup", 1)
    session.saved("a region", lambda s: newest(s).get("region"))


def shapes(state):
    return (newest(state).get("region") or {}).get("shapes", [])


def change_region(session):
    """A polygon that Return ends, a lasso drawn faster than the screen follows, keyframes by keys; then all of it undone."""
    x, y = CANVAS
    key("shift+g")
    for corner in ((x - 200, y), (x - 100, y), (x - 150, y + 80)):
        click(corner)
    key("Return")
    session.saved("a polygon", lambda s: len(shapes(s)) == 2 and len(shapes(s)[1]["keyframes"][0]["points"].split()) == 3)
    key("shift+l")
    xdo("mousemove", x, y + 100, "mousedown", 1, "mousemove", x + 80, y + 100, "mousemove", x + 80, y + 160, "mousemove", x, y + 160,
        "mouseup", 1)
    session.saved("a lasso", lambda s: len(shapes(s)) == 3)
    key("Home", "shift+k")
    session.saved("a keyframe at the start", lambda s: [len(shape["keyframes"]) for shape in shapes(s)] == [2, 2, 2])
    key("alt+shift+Right")
    session.saved("it moved", lambda s: shapes(s)[0]["keyframes"][0]["frame"] == 1)
    key("alt+Delete")
    session.saved("it is gone", lambda s: [len(shape["keyframes"]) for shape in shapes(s)] == [1, 1, 1])
    key(*["ctrl+z"] * 5)
    session.saved("the rectangle alone", lambda s: len(shapes(s)) == 1)
    key(*["Right"] * 3)  # into the range again


def make_take(session):
    before = len(newest(session.saved("the edit", lambda s: True)).get("takes", []))
    key("ctrl+Return")
    state = session.saved("the take", lambda s: len(newest(s).get("takes", [])) == before + 1)
    take = session.project.parent / newest(state)["takes"][-1]["dir"]
    if not (take / "take.json").is_file():
        raise Failure(f"the take's folder {take} lacks its record")
    return take


def toggles(press):
    """Whether a key changes the picture and, pressed again, brings it back; not while a layer is still being made."""
    def soon(check):
        return any(check(grab()) for _ in range(20))

    first = grab()
    key(press)
    has_changed = soon(lambda picture: picture != first)
    key(press)
    return soon(lambda picture: picture == first) and has_changed


def look_around(session):
    """Overlay, wipe and A/B change what is seen, and leave it as it was."""
    for press in ("m", "w", "shift+w", "Return"):
        wait(f"the effect of {press}", lambda press=press: toggles(press))


def undo_and_redo(session):
    key("ctrl+z")
    session.saved("no take after undo", lambda s: not newest(s).get("takes"))
    key("ctrl+shift+z")
    session.saved("the take after redo", lambda s: len(newest(s).get("takes", [])) == 1)


def export(session, program):
    folder = session.project.parent / "sample-export-1"
    key("ctrl+e")
    wait("the export dialog", session.dialog)
    wait("the export", folder.exists, lambda: click(EXPORT_BUTTON) if len(session.windows()) > 1 else None)
    session.back()
    names = [folder / f"sample.{1001 + frame}.exr" for frame in range(2, 7)]
    clip = session.project.parent / "sample.mp4"

    def proof():
        done = subprocess.run([program, "verify", str(folder), "--source", str(clip)], capture_output=True, check=False)
        return done.returncode == 0 and all(name.is_file() for name in names)

    wait("an export that verifies", proof)
    header = run("exrheader", str(names[0])).stdout.decode()
    for part in ("edit.R", "edit.A", "R, 16-bit floating-point"):
        if part not in header:
            raise Failure(f"{names[0].name} lacks “{part}”:\n{header}")
    pixels = run("ffmpeg", "-v", "error", "-i", str(names[-1]), "-f", "rawvideo", "-pix_fmt", "gbrpf32le", "-").stdout
    if len(pixels) != 640 * 360 * 3 * 4 or not any(pixels):
        raise Failure(f"{names[-1].name} is not a picture of 640 by 360")


def queue_jobs():
    try:
        with open(os.path.join(os.environ["XDG_STATE_HOME"], "vera", "queue"), encoding="utf-8") as file:
            return json.load(file)["jobs"]
    except (OSError, ValueError):
        return []


def crash(session):
    """Killed in the middle of a take, with a change that is not saved."""
    make_edit(session, "Add a kite", 200)
    key("ctrl+Return")
    folder = session.project.parent / "sample-takes"
    wait("a finished step on disk", lambda: list(folder.glob("*.state")))
    click(CANVAS)
    key("Home", "Right", "Right", "Right", "i")
    journals = pathlib.Path(os.environ["XDG_STATE_HOME"])
    wait("an unsaved change in the journal", lambda: any(re.search(rb'"in_frame"\s*:\s*3\b', path.read_bytes())
                                                         for path in journals.rglob("*") if path.is_file()))
    session.process.kill()
    session.process.wait()
    session.check_blocks()
    if len(queue_jobs()) != 1 or not list(folder.glob("*.state")):
        raise Failure("the job that was killed is not in the queue's file, or its steps are lost")


def recover(session):
    """The unsaved change comes back, and the job goes on from its steps when it is told to."""
    wait("the offer to recover", session.dialog)
    key("alt+r")
    session.back()
    session.saved("the recovered change",
                  lambda s: newest(s)["instruction"] == "Add a kite" and s.get("in_frame") == 3)
    steps = next((session.project.parent / "sample-takes").glob("*.state"))
    before = steps.stat().st_mtime_ns
    click(QUEUE_TAB)
    time.sleep(1)
    click(RESUME_BUTTON)
    wait("the next step of the resumed job", lambda: not steps.exists() or steps.stat().st_mtime_ns != before,
         lambda: (click(QUEUE_TAB), click(RESUME_BUTTON)), every=20)
    wait("the end of the resumed job", lambda: not queue_jobs())
    session.saved("the resumed take", lambda s: len(newest(s).get("takes", [])) == 1)


def main():
    program, root = sys.argv[1], pathlib.Path(sys.argv[2])
    for tool in ("xdotool", "ffmpeg", "exrheader"):
        if shutil.which(tool) is None:
            print(f"{tool} is not installed", file=sys.stderr)
            return 77
    os.environ["VERA_DATA_DIR"] = str(root / "data")
    with tempfile.TemporaryDirectory(prefix="vera-e2e-") as folder:
        for name in ("sample.vera", "sample.mp4", "region.png"):
            shutil.copy(root / "data" / "sample" / name, folder)
        project = pathlib.Path(folder) / "sample.vera"
        session = Session(program, project)
        try:
            walk(session, program)
            session = Session(program, project)
            crash(session)
            print("ok crash", flush=True)
            session = Session(program, project)
            recover(session)
            print("ok recover", flush=True)
            session.quit()
        except (Failure, subprocess.CalledProcessError) as failure:
            print(f"FAILED: {failure}", file=sys.stderr)
            subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "x11grab", "-video_size", "1360x860", "-i",
                            os.environ["DISPLAY"], "-frames:v", "1", "e2e-editor-failed.png"], check=False)
            return 1
        finally:
            if session.process.poll() is None:
                session.process.kill()
                session.process.wait()
    return 0


def walk(session, program):
    steps = (("scrub and mark", scrub_and_mark), ("edit", lambda s: make_edit(s, "Add a lamp", 2)), ("region", draw_region),
             ("change region", change_region), ("take", make_take), ("look around", look_around), ("undo and redo", undo_and_redo),
             ("export", lambda s: export(s, program)), ("quit", Session.quit))
    for name, step in steps:
        started = time.monotonic()
        step(session)
        print(f"ok {name} ({time.monotonic() - started:.1f} s)", flush=True)


if __name__ == "__main__":
    sys.exit(main())
