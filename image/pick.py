#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""pick.py FROM TO PATH...: copies programs out of an unpacked package tree, with the shared libraries they need.

PATHs are relative to FROM (either with or without usr/); TO gets the programs where they were and every library in lib/.
The loader and libgcc_s (opened at run time by pthread_cancel) come along. A library that is nowhere is an error.
TRIPLET in the environment names another architecture than x86_64-linux-gnu.
"""
import os
import shutil
import subprocess
import sys


TRIPLET = os.environ.get("TRIPLET", "x86_64-linux-gnu")
LOADERS = {"x86_64-linux-gnu": ("ld-linux-x86-64.so.2", "lib64"), "aarch64-linux-gnu": ("ld-linux-aarch64.so.1", "lib")}
OBJDUMP = "objdump" if TRIPLET == "x86_64-linux-gnu" else TRIPLET + "-objdump"


def needed(path):
    out = subprocess.run([OBJDUMP, "-p", path], capture_output=True, text=True).stdout
    return [line.split()[1] for line in out.split("\n") if line.strip().startswith("NEEDED")]


def copy(source, target):
    os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.copy(source, target)


def main():
    tree, root, paths = sys.argv[1], sys.argv[2], sys.argv[3:]
    libraries = {}
    for folder, _, names in sorted(os.walk(tree)):
        if TRIPLET in folder and "gconv" not in folder:
            libraries.update({n: os.path.join(folder, n) for n in names if ".so" in n})
    for folder, _, names in os.walk(tree):
        if "lib/xen-4.17" in folder:
            libraries.update({n: os.path.join(folder, n) for n in names if ".so" in n})
    todo, done = ["libgcc_s.so.1"], set()
    for path in paths:
        source = os.path.join(tree, path)
        if not os.path.exists(source):
            raise SystemExit("pick.py: no %s" % path)
        copy(source, os.path.join(root, path))
        todo += needed(source)
    while todo:
        name = todo.pop()
        if name in done or name.startswith("ld-linux"):
            continue
        done.add(name)
        if name not in libraries:
            raise SystemExit("pick.py: no package has %s" % name)
        copy(libraries[name], os.path.join(root, "lib", name))
        todo += needed(libraries[name])
    loader, folder = LOADERS[TRIPLET]
    copy(libraries[loader], os.path.join(root, folder, loader))


main()
