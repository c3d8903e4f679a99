#!/usr/bin/env python3
"""What goes wrong while the real window is open: full disks, missing permissions, files that vanish, jobs that fail, damaged projects.

Usage: faults.py PROGRAM SOURCE_ROOT, under with-display.sh --mounts --bus. Each fault has to be told in a sentence that names the file;
nothing may be lost by it, and the program goes on.
"""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

try:
    from editor import Session, make_edit
    from screen import Failure, key, run, wait
except ImportError as missing:
    print(f"{missing} (package python3-gi)", file=sys.stderr)
    sys.exit(77)

DISK = "24m"  # of the file system that fills up


def wait_to_read(session, what, *words):
    """Waits for a label that has all of these words."""
    return wait(what, lambda: session.screen.look_for("label", lambda name, _: all(word in name for word in words)))


def fill(folder):
    """Leaves no block free."""
    with open(folder / "filler", "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass


def change(session, frame):
    key("Home", *["Right"] * frame, "i")


def read_settled(project):
    """The project's file, when a key that was pressed once more than needed has been followed too."""
    written = None
    while written != (written := project.stat().st_mtime_ns):
        time.sleep(2)
    return project.read_bytes()


def full_disk(session, folder):
    """A save on a full disk leaves the old file; with room again it succeeds."""
    session.saved("a first save", lambda s: s["edits"])
    before = read_settled(session.project)
    fill(folder)
    change(session, 3)
    key("ctrl+s")
    wait_to_read(session, "word of the full disk", "sample.vera")
    if session.project.read_bytes() != before:
        raise Failure("a save that failed changed the project's file")
    (folder / "filler").unlink()
    session.saved("the same change with room again", lambda s: s.get("in_frame") == 3)


def full_disk_export(session, folder):
    """An export fails in words, leaves nothing that looks finished, and the next one succeeds."""
    fill(folder)
    session.export()
    session.screen.press("tab", "Queue")
    wait_to_read(session, "word of the export that failed", "sample-export-1")
    if list(folder.glob("sample-export-1/manifest.json")):
        raise Failure("an export that failed has a manifest")
    (folder / "filler").unlink()


def no_permission(session, folder):
    """A folder that may not be written to: told, and nothing is lost."""
    before = session.project.read_bytes()
    change(session, 4)
    folder.chmod(0o555)
    key("ctrl+s")
    wait_to_read(session, "word of the missing permission", "sample.vera", "Permission denied")
    session.export()
    session.screen.press("tab", "Queue")
    wait_to_read(session, "word of the export", "sample-export-", "Permission denied")
    if session.project.read_bytes() != before:
        raise Failure("a save that failed changed the project's file")
    folder.chmod(0o755)
    session.saved("the change with permission", lambda s: s.get("in_frame") == 4)


def vanished_media(session, folder):
    """The clip is deleted while it is shown: the picture stays, a take says what is missing."""
    (folder / "sample.mp4").rename(folder / "elsewhere.mp4")
    key("Home", "Right", "Right")
    make_edit(session, "Add a lamp", 1)
    key("ctrl+Return")
    session.screen.press("tab", "Queue")
    wait_to_read(session, "word of the clip", "sample.mp4", "No such file")
    (folder / "elsewhere.mp4").rename(folder / "sample.mp4")


def vanished_model(session, folder, root):
    """A model is deleted while its job waits behind another one; that job fails, the one after it is made."""
    state = session.saved("the project", lambda s: s["edits"])
    session.quit()
    model = pathlib.Path(tempfile.mkdtemp(prefix="vera-model-"))
    shutil.copytree(root / "data" / "models" / "vera-small", model / "doomed")
    for edit in state["edits"]:
        edit["steps"], edit["last"] = 1, 4
    state["edits"][-1]["model"] = str(model / "doomed")
    session.project.write_text(json.dumps(state), encoding="utf-8")
    again = Session(session.program, session.project)
    again.screen.press("tab", "Queue")
    key("ctrl+Return")
    shutil.rmtree(model)
    wait_to_read(again, "word of the model", "doomed")
    again.screen.press("tab", "Layers")
    again.screen.press("label", "Add a large red balloon drifting up on the right.")
    key("ctrl+Return")
    wait("the take of the next job", lambda: list(folder.glob("sample-takes/*/take.json")))
    return again


def truncated(session, folder):
    """Cut off after every hundredth byte: told, left as it is, and the window keeps what it has."""
    whole = session.project.read_bytes()
    for length in range(0, len(whole), 100):
        path = folder / f"cut-{length}.vera"
        path.write_bytes(whole[:length])
        before = hashlib.sha256(path.read_bytes()).digest()
        run("gdbus", "call", "--session", "-d", "io.github.vera_editor.Vera", "-o", "/io/github/vera_editor/Vera", "-m",
            "org.freedesktop.Application.Open", f"['{path.as_uri()}']", "{}")
        wait_to_read(session, f"word of the project cut at {length}", path.name)
        session.screen.press("button", "Close")
        wait("the end of the dialog", lambda: not session.screen.look("label", "The Project Cannot Be Opened"))
        if hashlib.sha256(path.read_bytes()).digest() != before:
            raise Failure(f"{path.name} was changed")
        if session.process.poll() is not None:
            raise Failure(f"the program ended with {session.process.returncode}")
        path.unlink()


def main():
    program, root = sys.argv[1], pathlib.Path(sys.argv[2])
    for tool in ("xdotool", "ffmpeg", "gdbus", "setpriv"):
        if shutil.which(tool) is None:
            print(f"{tool} is not installed", file=sys.stderr)
            return 77
    os.environ["VERA_DATA_DIR"] = str(root / "data")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="vera-faults-"))
    run("mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder))
    for name in ("sample.vera", "sample.mp4", "region.png"):
        shutil.copy(root / "data" / "sample" / name, folder)
    # Whoever runs this, the program has no more rights than any other.
    Session.prefix = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
    session = Session(program, folder / "sample.vera")
    try:
        for step in (full_disk, full_disk_export, no_permission, vanished_media):
            step(session, folder)
            print(f"ok {step.__name__}", flush=True)
        session = vanished_model(session, folder, root)
        print("ok vanished_model", flush=True)
        # Last: each project that is opened gets a window.
        truncated(session, folder)
        print("ok truncated", flush=True)
    except (Failure, subprocess.CalledProcessError) as failure:
        print(f"FAILED: {failure}", file=sys.stderr)
        print("\n".join(sorted({f"{node.role}: {node.name}" for node in session.screen.walk() if node.role == "label"})), file=sys.stderr)
        return 1
    finally:
        session.process.kill()
        session.process.wait()
        run("umount", str(folder))
        folder.rmdir()
    return 0


if __name__ == "__main__":
    sys.exit(main())
