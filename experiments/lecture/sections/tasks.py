"""What it is for: thirteen tasks, each with its command.

Convolution and pooling are parts; what a network does with pictures is decided by what its outputs
mean and by its loss. Each command trains one from scratch, on what comes with the package, and
writes beside its figure that of a simple method on the same data. Here is what your own runs found,
the newest of each in runs/; of a task without a run, what its network is given.
"""

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from cnn_jax import data, pages
from cnn_jax.data import photos, scenes
from experiments.lecture._drawing import row
from experiments.lecture._section import code
from experiments.lecture._training import garments

TRY = "Run a command, for some minutes, and this page again: its picture is here."
REFERENCE = "Lecture, applications; the reference of each network is in cnn_jax/models."
RUNS = Path("runs")
KEYS = jax.random.split(jax.random.key(0), 4)


@dataclass(frozen=True)
class Task:
    """A task: its command, what it does, the picture that it leaves, and what it is given."""

    command: str
    what: str
    picture: str
    given: Callable[[], dict[str, Any]]


@functools.cache
def composed():
    train, pictures = garments("train"), list(photos.load("train", channels=3).values())
    make = scenes.scenes(train.images, train.labels, pictures, size=64, objects=(1, 3))
    return jax.jit(make)(KEYS)


@functools.cache
def moving():
    train, pictures = garments("train"), list(photos.load("train", channels=3).values())
    options = {"size": 64, "frames": 4, "objects": (1, 2), "speed": (4.0, 6.0)}
    return jax.jit(scenes.videos(train.images, train.labels, pictures, **options))(KEYS)


def of_scenes(what):
    truth = jax.device_get(composed())
    found = {}
    for number, image in enumerate(truth["image"]):
        shown = image.copy()
        for place in np.flatnonzero(truth["boxes_valid"][number]):
            mask = truth["masks"][number, place]
            if what == "boxes":
                top, left, bottom, right = truth["boxes"][number, place].astype(int)
                shown[[top, bottom - 1], left:right] = 255
                shown[top:bottom, [left, right - 1]] = 255
            elif what != "images":
                shade = place if what == "instances" else truth["classes"][number, place]
                shown[mask] = COLORS[shade % len(COLORS)]
        found[f"scene {number + 1}"] = shown
    return found


def said():
    truth, language = composed(), scenes.COARSE
    words = language.describe(truth["classes"], truth["boxes"], truth["boxes_valid"])
    pairs = zip(map(language.text, words), np.asarray(truth["image"]))
    return {f"{n}: {text}": image for n, (text, image) in enumerate(pairs, 1)}


def frames():
    return {f"frame {n}": frame for n, frame in enumerate(np.asarray(moving()["video"][0]), 1)}


def two_views():
    gray = list(photos.load("train", channels=1).values())
    pair = jax.jit(data.views.views(gray))(KEYS[:1])
    return {name: np.asarray(pair[name][0]) for name in ("first", "second")}


def left_and_right():
    color = list(photos.load("train", channels=3).values())
    truth = jax.device_get(jax.jit(data.stereo_pairs.pairs(color))(KEYS[:1]))
    left, right = truth["image"][0]
    return {"left": left, "right": right, "disparity": truth["disparity"][0] * 8}


def people():
    color = list(photos.load("train", channels=3).values())
    made = jax.jit(data.figures.figures(color))(KEYS)["image"]
    return {f"person {n}": image for n, image in enumerate(np.asarray(made), 1)}


def noisy():
    cut = photos.load("test", channels=1)["camera"][60:188, 160:288]
    noise = np.random.default_rng(0).normal(0, 25, cut.shape)
    return {"clean": cut, "noise of 25 of 255": np.clip(cut + noise, 0, 255)}


def small():
    cut = photos.load("test", channels=1)["camera"][60:186, 160:286]
    return {"large": cut, "a third": cut.reshape(42, 3, 42, 3).mean((1, 3))}


def clothes():
    split = garments("train", 8)
    return {
        f"{n}: {split.classes[k]}": image
        for n, (k, image) in enumerate(zip(split.labels, split.images), 1)
    }


COLORS = np.array([[230, 60, 60], [60, 180, 80], [70, 110, 240], [240, 200, 60], [200, 80, 220]])
COLORS = np.concatenate([COLORS, COLORS // 2]).astype(np.uint8)
TASKS = {
    "classify": Task("lenet", "what is this?", "confusion.png", clothes),
    "detect": Task(
        "detect", "what is where?", "detections.png", functools.partial(of_scenes, "boxes")
    ),
    "segment": Task(
        "segment", "what is each pixel?", "segments.png", functools.partial(of_scenes, "classes")
    ),
    "instances": Task(
        *("instances", "which pixels are one thing?", "masks.png"),
        functools.partial(of_scenes, "instances"),
    ),
    "track": Task("track", "where has it gone?", "tracks.png", frames),
    "video": Task("video", "how does it move?", "clips.png", frames),
    "camera_pose": Task("camera_pose", "how did the camera move?", "estimates.png", two_views),
    "body_pose": Task("body_pose", "where are the joints?", "poses.png", people),
    "stereo": Task("stereo", "how far away is it?", "held_out.png", left_and_right),
    "denoise": Task("denoise", "what is under the noise?", "held_out.png", noisy),
    "superresolve": Task("superresolve", "what was it when large?", "held_out.png", small),
    "caption": Task("caption", "say it in a sentence.", "captions.png", said),
    "synthesize": Task("synthesize", "make new ones.", "samples.png", clothes),
}


def newest(command):
    """The newest finished run of a command, if there is one; trials with --smoke do not count."""
    files = (RUNS / command).glob("*/result.json")
    for file in sorted(files, key=lambda file: (file.stat().st_mtime, file), reverse=True):
        try:
            result = json.loads(file.read_text(encoding="utf-8"))
            if result.get("finished", True) and not result["config"].get("smoke"):
                return file.parent, result["headline"]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue  # a damaged one
    return None


def depends():
    """What this section depends on besides its code: the runs."""
    return repr({name: newest(task.command) for name, task in TASKS.items()})


def show():
    rows, parts = [], []
    for name, task in TASKS.items():
        command, run = f"python -m experiments.{task.command}", newest(task.command)
        if run is None:
            rows.append([name, task.what, command, "not yet run", "", ""])
            picture = row(task.given(), side=1.8)
            caption = f"{name}: what the network is given, or is to say; {command} trains one."
        else:
            folder, headline = run
            values = [headline["value"], headline["baseline"]]
            figures = ["none" if value is None else f"{value:.4g}" for value in values]
            better = "" if headline["higher_is_better"] else ", lower is better"
            rows.append([name, task.what, command, headline["name"] + better, *figures])
            picture, caption = folder / task.picture, f"{name}: {command}, from {folder}."
        if not isinstance(picture, Path) or picture.is_file():
            parts.append(pages.figure(picture, caption))
    heads = ["task", "the question", "command", "figure", "the network", "a simple method"]
    return [code(composed, moving), pages.table(heads, rows), *parts]
