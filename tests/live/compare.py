#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Compare a recording of a real btrfs with the layout the model prints for the same script.

Exit status 1 and the first difference if they differ. Compared are, per dump, the files with
everything but FIEMAP, the number and bytes of disk extents, and length and references of each
extent listed; not its address, nor the order that comes from addresses.
"""

import json
import sys

FILE_KEYS = ("size", "ext", "n", "inline", "prealloc", "holes")


def first_item_difference(real, model):
    for i in range(max(len(real), len(model))):
        a = real[i] if i < len(real) else None
        b = model[i] if i < len(model) else None
        if a != b:
            return f"item {i}: real {a}, model {b}"
    return None


def file_difference(name, real, model):
    if model is None:
        return f"{name}: not in the model"
    for key in FILE_KEYS:
        if real[key] != model.get(key):
            if key == "ext":
                return f"{name}: {first_item_difference(real[key], model.get(key) or [])}"
            return f"{name}: {key}: real {real[key]}, model {model.get(key)}"
    return None


def extents(step):
    return sorted((e[1], e[2]) for e in step["disk"] if e != 0)


def extent_difference(real, model):
    a, b = extents(real), extents(model)
    only_real, only_model = list(a), []
    for e in b:
        if e in only_real:
            only_real.remove(e)
        else:
            only_model.append(e)
    if only_real or only_model:
        return (f"disk extents (length, references): only real {only_real[:8]}, "
                f"only model {only_model[:8]}")
    return None


def step_difference(real, model):
    extra = [n for n in model["files"] if n not in real["files"]]
    if extra:
        return f"{extra[0]}: only in the model"
    if list(real["files"]) != list(model["files"]):
        return f"order of files: real {list(real['files'])}, model {list(model['files'])}"
    for name, content in real["files"].items():
        text = file_difference(name, content, model["files"].get(name))
        if text:
            return text
    for key in ("disk_n", "disk_bytes"):
        if real[key] != model[key]:
            return f"{key}: real {real[key]}, model {model[key]}; {extent_difference(real, model)}"
    return extent_difference(real, model)


def difference(real, model):
    ops = []
    for i, step in enumerate(real["steps"]):
        if i >= len(model["steps"]):
            return f"step {i}: the model has only {len(model['steps'])}"
        ops = step["ops"]
        text = step_difference(step, model["steps"][i])
        if text:
            return f"step {i} after {ops}: {text}"
    if len(model["steps"]) > len(real["steps"]):
        return f"the model has {len(model['steps'])} steps, the recording {len(real['steps'])}"
    return None


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: compare.py RECORDING.json MODEL.json")
    with open(sys.argv[1], encoding="utf-8") as f:
        real = json.load(f)
    with open(sys.argv[2], encoding="utf-8") as f:
        model = json.load(f)
    text = difference(real, model)
    if text:
        print(f"{real['name']}: {text}")
        sys.exit(1)


if __name__ == "__main__":
    main()
