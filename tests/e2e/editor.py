#!/usr/bin/env python3
"""Drives the real window with mouse and keys, on a screen of its own, and checks what it leaves on disk.

Usage: editor.py PROGRAM SOURCE_ROOT, under with-display.sh --bus. Exits 77 where xdotool, ffmpeg or PyGObject is not installed. Nothing
here waits for a time or knows a place: each step is looked for in the project, the queue's file or on the screen until it is there, or
the test gives up, and widgets are found by their accessible names.
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

try:
    from screen import PATIENCE, Failure, Screen, click, key, run, title, wait, windows, xdo
except ImportError as missing:
    print(f"{missing} (package python3-gi)", file=sys.stderr)
    sys.exit(77)

LONGEST_BLOCK = 0.5  # seconds for which the main loop may not look at events, with a screen drawn in software


class Session:
    """One run of the program on one project."""
    prefix = []

    def __init__(self, program, project):
        self.project = project
        self.program = program
        self.log = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        self.process = subprocess.Popen([*self.prefix, program, "open", str(project)], stderr=self.log,
                                        env=os.environ | {"VERA_WATCHDOG": str(round(LONGEST_BLOCK * 1000))})
        self.window = wait("the window", self.find_window)
        self.screen = Screen()
        self.canvas = self.screen.area(self.screen.find("image", "Picture at the playhead"))
        wait("the picture", lambda: len(set(self.grab()[::997])) > 20)

    def find_window(self):
        for window in windows():
            if "sample" in title(window):
                xdo("windowfocus", window)
                return window
        return None

    def grab(self):
        """The pixels of the canvas on the screen."""
        x, y, width, height = self.canvas
        return run("ffmpeg", "-v", "error", "-f", "x11grab", "-draw_mouse", "0", "-video_size", f"{width}x{height}", "-i",
                   f"{os.environ['DISPLAY']}+{x},{y}", "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-").stdout

    def place(self, across, down):
        """A place on the canvas, from its upper left corner (0, 0) to the lower right one (1, 1)."""
        x, y, width, height = self.canvas
        return round(x + width * across), round(y + height * down)

    def frame(self):
        """Where the timeline says that the playhead is, counted from 1."""
        said = re.match(r"Frame (\d+)", self.screen.find("slider", "Timeline").description())
        return int(said[1]) if said else None

    def go(self, frame):
        """Clicks on the ruler until the timeline says that the playhead is at this frame, counted from 0."""
        x, y, width, _ = self.screen.area(self.screen.find("slider", "Timeline"))
        key("End")
        wait("the last frame", lambda: (self.frame() or 0) > 1)
        step = width / self.frame()
        at = x + (frame + 0.5) * step

        def closer():
            nonlocal at
            click((round(at), y + 10))
            now = self.frame() - 1
            at += (frame - now) * step * 0.8
            return now == frame

        wait(f"frame {frame}", closer)

    def dialog(self):
        others = [window for window in windows() if window != self.window]
        if others:
            xdo("windowfocus", others[-1])
            return others[-1]
        return None

    def back(self):
        wait("the end of the dialog", lambda: windows() == [self.window])
        xdo("windowfocus", self.window)

    def export(self):
        """With what the dialog proposes."""
        key("ctrl+e")
        wait("the export dialog", self.dialog)
        self.screen.press("button", "Export")
        self.back()

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
        self.check_said()

    def check_said(self):
        """Shows what the program said: nothing of its own mistakes, and that the main loop always came back in time."""
        self.log.seek(0)
        said = self.log.read()
        print(said, end="", file=sys.stderr, flush=True)
        mistake = re.search(r"^\(.*-CRITICAL \*\*.*$", said, re.MULTILINE)
        if mistake:
            raise Failure(mistake[0])
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


def check_names(session):
    """Assistive technology gets a name for everything that can be acted on, on each page."""
    for page in ("Layers", "Queue", "Edit"):
        session.screen.press("tab", page)
        names = wait(f"the page {page}", lambda page=page: session.screen.find("tab", page) and session.screen.nameless() or ["-"])
        if names != ["-"]:
            raise Failure(f"these on the page {page} have no name: {'; '.join(names)}")


def scrub_and_mark(session):
    """A click on the ruler moves the playhead, i and o set the range."""
    for press, member, frame in (("i", "in_frame", 10), ("o", "out_frame", 14)):
        session.go(frame)
        key(press)
        session.saved(f"{member} at {frame}", lambda s: s.get(member) == frame)
    key("Home", "Right", "Right", "i", "Right", "Right", "Right", "Right", "o")
    session.saved("the range 2 to 6", lambda s: (s.get("in_frame"), s.get("out_frame")) == (2, 6))


def make_edit(session, instruction, steps):
    key("ctrl+shift+n")
    session.saved("a new edit", lambda s: newest(s)["instruction"] == "")
    xdo("type", "--delay", 20, instruction)
    session.screen.press("spin button", "Steps", 3)
    xdo("type", "--delay", 20, str(steps))
    key("Tab")
    session.saved("instruction and steps",
                  lambda s: newest(s)["instruction"] == instruction and newest(s).get("steps") == steps)


def drag(start, *places):
    xdo("mousemove", *start, "mousedown", 1)
    for place in places:
        xdo("mousemove", *place)
    xdo("mouseup", 1)


def draw_region(session):
    session.screen.press("button", "Rectangle")
    drag(session.place(0.4, 0.5), *(session.place(0.4 + 0.025 * i, 0.5 + 0.025 * i) for i in range(1, 9)))
    session.saved("a region", lambda s: newest(s).get("region"))


def shapes(state):
    return (newest(state).get("region") or {}).get("shapes", [])


def change_region(session):
    """A polygon that Return ends, a lasso drawn faster than the screen follows, keyframes by keys; then all of it undone."""
    key("shift+g")
    for corner in ((0.2, 0.5), (0.3, 0.5), (0.25, 0.63)):
        click(session.place(*corner))
    key("Return")
    session.saved("a polygon", lambda s: len(shapes(s)) == 2 and len(shapes(s)[1]["keyframes"][0]["points"].split()) == 3)
    key("shift+l")
    corners = [session.place(*corner) for corner in ((0.4, 0.65), (0.48, 0.65), (0.48, 0.75), (0.4, 0.75))]
    xdo("mousemove", *corners[0], "mousedown", 1, "mousemove", *corners[1], "mousemove", *corners[2], "mousemove", *corners[3],
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


def toggles(session, press):
    """Whether a key changes the picture and, pressed again, brings it back; not while a layer is still being made."""
    def soon(check):
        return any(check(session.grab()) for _ in range(20))

    first = session.grab()
    key(press)
    has_changed = soon(lambda picture: picture != first)
    key(press)
    return soon(lambda picture: picture == first) and has_changed


def look_around(session):
    """Overlay, wipe and A/B change what is seen, and leave it as it was."""
    for press in ("m", "w", "shift+w", "Return"):
        wait(f"the effect of {press}", lambda press=press: toggles(session, press))


def undo_and_redo(session):
    key("ctrl+z")
    session.saved("no take after undo", lambda s: not newest(s).get("takes"))
    key("ctrl+shift+z")
    session.saved("the take after redo", lambda s: len(newest(s).get("takes", [])) == 1)


def export(session, program):
    folder = session.project.parent / "sample-export-1"
    session.export()
    wait("the export", folder.exists)
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
    click(session.place(0.4, 0.4))
    key("Home", "Right", "Right", "Right", "i")
    journals = pathlib.Path(os.environ["XDG_STATE_HOME"])
    wait("an unsaved change in the journal", lambda: any(re.search(rb'"in_frame"\s*:\s*3\b', path.read_bytes())
                                                         for path in journals.rglob("*") if path.is_file()))
    session.process.kill()
    session.process.wait()
    session.check_said()
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
    session.screen.press("tab", "Queue")
    session.screen.press("button", "Go on")
    wait("the next step of the resumed job", lambda: not steps.exists() or steps.stat().st_mtime_ns != before)
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
            picture = pathlib.Path(program).resolve().parent.parent / "e2e-editor-failed.png"
            subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "x11grab", "-i",
                            os.environ["DISPLAY"], "-frames:v", "1", picture], check=False)
            return 1
        finally:
            if session.process.poll() is None:
                session.process.kill()
                session.process.wait()
    return 0


def walk(session, program):
    steps = (("names", check_names), ("scrub and mark", scrub_and_mark), ("edit", lambda s: make_edit(s, "Add a lamp", 2)), ("region", draw_region),
             ("change region", change_region), ("take", make_take), ("look around", look_around), ("undo and redo", undo_and_redo),
             ("export", lambda s: export(s, program)), ("quit", Session.quit))
    for name, step in steps:
        started = time.monotonic()
        step(session)
        print(f"ok {name} ({time.monotonic() - started:.1f} s)", flush=True)


if __name__ == "__main__":
    sys.exit(main())
