#!/usr/bin/env python3
"""Times exact seeks into a 1080p H.264 file with a key frame every 250 frames, ours beside mpv's, turn by turn: of a
clip that was just opened, of one whose filmstrip is there, and of one with proxies.

Usage: scrub-bench.py SCRUB_BENCH [CLIP]. SCRUB_BENCH is the built tests/bench/scrub-bench; without CLIP (24 frames a second)
one of a minute is made with ffmpeg. mpv is left out where it is not installed. SEEKS in the environment
is the number of seeks. Numbers are medians with the range from the 5th to the 95th
percentile; the ratio is ours / mpv's of each target, so 1.0 is as fast as mpv and less is faster.
"""
import json
import os
import pathlib
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time

RATE = 24
SECONDS = 60
TARGETS = int(os.environ.get("SEEKS", "40"))


def make_clip(path: pathlib.Path) -> None:
    subprocess.run(
        ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", f"testsrc2=s=1920x1080:r={RATE}:d={SECONDS}",
         "-vf", "noise=alls=12:allf=t", "-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-x264-params",
         "keyint=250:min-keyint=250:scenecut=0:bframes=3:b-pyramid=normal", "-pix_fmt", "yuv420p", str(path)], check=True)


class Mpv:
    """A paused mpv that is driven over its JSON socket."""

    def __init__(self, clip: str, folder: str):
        path = os.path.join(folder, "mpv.socket")
        self.process = subprocess.Popen(
            ["mpv", "--no-config", "--vo=null", "--ao=null", "--pause", "--keep-open=yes", "--really-quiet", "--no-terminal",
             f"--input-ipc-server={path}", clip])
        self.socket = socket.socket(socket.AF_UNIX)
        for _ in range(200):
            try:
                self.socket.connect(path)
                break
            except OSError:
                time.sleep(0.05)
        self.file = self.socket.makefile("rw", encoding="utf-8")
        self.send(["get_property", "duration"])
        time.sleep(2.0)

    def send(self, command: list) -> None:
        self.file.write(json.dumps({"command": command}) + "\n")
        self.file.flush()

    def wait(self, event: str) -> None:
        while json.loads(self.file.readline()).get("event") != event:
            pass

    def seek(self, frame: int) -> float:
        begin = time.monotonic()
        self.send(["seek", frame / RATE, "absolute+exact"])
        self.wait("seek")
        self.wait("playback-restart")
        return 1000 * (time.monotonic() - begin)

    def close(self) -> None:
        self.send(["quit"])
        self.process.wait()


class Ours:
    def __init__(self, program: str, *arguments: str):
        self.process = subprocess.Popen([program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def seek(self, frame: int) -> dict:
        self.process.stdin.write(f"{frame}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def spread(values: list[float]) -> str:
    v = sorted(values)
    low, mid, high = (v[min(len(v) - 1, int(p * len(v)))] for p in (0.05, 0.5, 0.95))
    return f"{mid:9.2f}  ({low:.2f} .. {high:.2f})"


def count_frames(clip: str) -> int:
    shown = subprocess.run(["ffprobe", "-v", "error", "-select_streams", "v:0", "-count_packets", "-show_entries", "stream=nb_read_packets",
                            "-of", "csv=p=0", clip], check=True, capture_output=True, text=True)
    return int(shown.stdout.strip().strip(","))


def choose_targets(n_frames: int) -> list[int]:
    """Each in another group of pictures than the one before, so that neither program has it decoded."""
    source = random.Random(3)
    targets = [source.randrange(n_frames)]
    while len(targets) < TARGETS:
        frame = source.randrange(n_frames)
        if frame // 250 != targets[-1] // 250:
            targets.append(frame)
    return targets


def main() -> int:
    if len(sys.argv) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        clip = sys.argv[2] if len(sys.argv) == 3 else os.path.join(folder, "gop250.mp4")
        if len(sys.argv) == 2:
            make_clip(pathlib.Path(clip))
        targets = choose_targets(count_frames(clip))
        ours = {"just opened": Ours(sys.argv[1], clip), "with the filmstrip": Ours(sys.argv[1], clip, "--filmstrip"),
                "with proxies": Ours(sys.argv[1], clip, folder)}
        for one in ours.values():
            one.seek(0)
        mpv = Mpv(clip, folder) if shutil.which("mpv") else None
        results, theirs = {title: [] for title in ours}, []
        for frame in targets:
            for title, one in ours.items():
                results[title].append(one.seek(frame))
            if mpv is not None:
                theirs.append(mpv.seek(frame))
        for one in ours.values():
            one.close()
        if mpv is not None:
            mpv.close()
    print(f"{len(targets)} seeks; median (5th .. 95th percentile); {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    for title, some in results.items():
        print(title)
        print("  in memory, request and get, us", spread([r["cached_us"] for r in some]))
        print("  something to look at, ms      ", spread([r["first_ms"] for r in some]))
        print("  frames between it and the aim  ", spread([r["first_away"] for r in some]))
        print("  the exact frame, ms           ", spread([r["exact_ms"] for r in some]))
        if theirs:
            print("  exact, ours / mpv's           ", spread([r["exact_ms"] / t for r, t in zip(some, theirs)]))
    if theirs:
        print("mpv\n  the exact frame, ms           ", spread(theirs))
    else:
        print("mpv is not installed: nothing to compare with")
    return 0


if __name__ == "__main__":
    sys.exit(main())
