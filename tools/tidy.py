"""Holds the rules that no compiler checks; `make lint`, and the meson test `tidy`.

usage: tidy.py [ROOT]

- a folder of src/ includes only what LAYERS allows, as "folder/file.h", and the table
  in docs/architecture.md says the same;
- calls that are banned, everywhere or outside src/io;
- a function has at most 70 lines, a file at most 500;
- each file opens with a comment, each header has #pragma once;
- each .c file is named in its folder's meson.build;
- no trailing spaces.

Prints `file:line: rule: what` for each breach; exit status 1 when there is one.
"""

import re
import sys
from pathlib import Path

FUNCTION_LINES = 70
FILE_LINES = 500

# What each folder of src/ may include beside itself. The same is in docs/architecture.md.
LAYERS = {
    "base": [],
    "io": ["base"],
    "cel": ["base"],
    "policy": ["base", "cel"],
    "store": ["base", "io"],
    "coord": ["base", "io"],
    "cell": ["base", "io", "store", "coord"],
    "event": ["base", "io", "policy", "cell"],
    "trust": ["base", "io", "policy", "cell"],
    "edge": ["base", "io", "policy", "store", "coord", "cell", "event", "trust"],
    "app": ["base", "io", "policy", "store", "coord", "cell", "event", "trust", "edge"],
}

# Libraries that one folder wraps, so that the rest can do without them.
WRAPPED = {"uv.h": "io", "curl/curl.h": "io", "lmdb.h": "store", "urcu/urcu-memb.h": "policy"}

BANNED = "strcpy strcat strncpy sprintf vsprintf gets strtok atoi atol atof alloca rand srand"

# The outside world: reached through the port (src/io) only.
OUTSIDE = (
    "time clock gettimeofday clock_gettime clock_nanosleep nanosleep usleep sleep "
    "random getrandom getentropy RAND_bytes "
    "socket bind listen accept accept4 connect send recv sendto recvfrom sendmsg recvmsg poll select "
    "open openat creat fopen fdopen read write pread pwrite readv writev preadv2 pwritev2 fsync fdatasync "
    "rename unlink mkdir ftruncate fallocate"
)

# (path prefix, calls or None for all, why). Keep it short.
EXCEPTIONS = [
    ("src/base/log.c", "clock_gettime write", "a log line carries the true time, not the port's"),
    ("src/coord/embedded", "open fsync fdatasync pread pwrite nanosleep", "maps one file and holds kernel "
     "locks on it, which files.h has not; the simulation uses coord_memory"),
    ("src/store/dir_lock.c", "open", "the kernel's lock on a data directory, which files.h has not"),
    ("src/app/", "open unlink poll", "supervising processes and waiting for them has no loop"),
]


def without_comments(text):
    """The same text with comments, strings and characters blanked; lines stay where they are."""
    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''

    def blank(match):
        body = match.group(0)
        if body[0] in "\"'":
            return body[0] + " " * (len(body) - 2) + body[0]
        return re.sub(r"[^\n]", " ", body)

    return re.sub(pattern, blank, text, flags=re.S)


class Tidy:
    def __init__(self, root):
        self.root = root
        self.breaches = []

    def report(self, path, line, rule, what):
        self.breaches.append(f"{path.relative_to(self.root)}:{line}: {rule}: {what}")

    def check(self):
        for top in ("src", "include", "test", "bench", "examples"):
            for path in sorted((self.root / top).rglob("*.[ch]")):
                self.check_file(path)
        self.check_dead_files()
        self.check_architecture()
        return self.breaches

    def check_file(self, path):
        text = path.read_text(encoding="utf-8")
        code = without_comments(text)
        lines = text.split("\n")
        if not text.startswith("/*"):
            self.report(path, 1, "opening", "says neither what it is for nor what it may not know")
        if path.suffix == ".h" and not re.search(r"^#pragma once$", text, re.M):
            self.report(path, 1, "header", "lacks #pragma once")
        if len(lines) - 1 > FILE_LINES:
            self.report(path, FILE_LINES, "file size", f"{len(lines) - 1} lines, over {FILE_LINES}")
        for number, line in enumerate(lines, 1):
            if line != line.rstrip():
                self.report(path, number, "trailing space", "remove it")
        self.check_includes(path, lines)
        self.check_calls(path, code)
        self.check_functions(path, code)

    def folder_of(self, path):
        """The folder under src/, or None for a file elsewhere."""
        parts = path.relative_to(self.root).parts
        return parts[1] if parts[0] == "src" and len(parts) > 2 else None

    def check_includes(self, path, lines):
        folder = self.folder_of(path)
        if folder is not None and folder not in LAYERS:
            self.report(path, 1, "layers", f"src/{folder} is not in the table")
            return
        for number, line in enumerate(lines, 1):
            match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
            if match:
                self.check_include(path, number, folder, match.group(1), match.group(2))

    def check_include(self, path, number, folder, quote, name):
        target = name.split("/")[0] if "/" in name else None
        own = target in LAYERS or target == "holdfast"
        if quote == "<":
            if own:
                self.report(path, number, "include", f'write "{name}": it is ours')
            elif folder and WRAPPED.get(name, folder) != folder:
                self.report(path, number, "layers", f"only src/{WRAPPED[name]} may use <{name}>")
            return
        if folder is None:
            return
        if not own:
            self.report(path, number, "include", f'"{name}" is not of the form "folder/file.h"')
        elif target not in (folder, "holdfast") and target not in LAYERS[folder]:
            self.report(path, number, "layers", f"src/{folder} may not use {target}")

    def check_calls(self, path, code):
        folder = self.folder_of(path)
        self.check_words(path, code, BANNED, "banned call")
        if folder is not None and folder != "io":
            self.check_words(path, code, OUTSIDE, "outside world")

    def check_words(self, path, code, words, rule):
        # Not a member (x.open, ops->open), not a longer name, not a declaration of another type's.
        pattern = r"(?<![\w.>])(" + "|".join(words.split()) + r")\s*\("
        for match in re.finditer(pattern, code):
            call = match.group(1)
            if not self.excepted(path, call):
                number = code.count("\n", 0, match.start(1)) + 1
                self.report(path, number, rule, f"{call}()")

    def excepted(self, path, call):
        name = str(path.relative_to(self.root))
        return any(
            name.startswith(prefix) and (calls is None or call in calls.split())
            for prefix, calls, _ in EXCEPTIONS
        )

    def check_functions(self, path, code):
        """A definition starts in column 0, has '(' before its '{', and ends with '}' in column 0."""
        start = None
        for number, line in enumerate(code.split("\n"), 1):
            if start is None:
                if re.match(r"[A-Za-z_]", line):
                    start, head = number, ""
                else:
                    continue
            if head is not None:
                head += line + "\n"
                if "{" in line:
                    is_function = "(" in head.split("{")[0] and "=" not in head.split("{")[0]
                    if line.rstrip().endswith("}") or line.rstrip().endswith("};"):
                        start = None  # on one line
                        continue
                    head = None
                elif ";" in line:
                    start = None
                continue
            if line.startswith("}"):
                if is_function and number - start + 1 > FUNCTION_LINES:
                    length = number - start + 1
                    self.report(path, start, "function length", f"{length} lines, over {FUNCTION_LINES}")
                start = None

    def check_dead_files(self):
        for path in sorted((self.root / "src").glob("*/**/*.c")):
            build = self.root / "src" / self.folder_of(path) / "meson.build"
            name = str(path.relative_to(build.parent))
            if not build.exists() or f"'{name}'" not in build.read_text(encoding="utf-8"):
                self.report(path, 1, "dead file", f"not in {build.relative_to(self.root)}")

    def check_architecture(self):
        """Rows `| `folder/` | may use | …` of docs/architecture.md against LAYERS."""
        path = self.root / "docs" / "architecture.md"
        if not path.exists():
            self.report(path, 1, "layers", "missing: it holds the table of folders")
            return
        rows = {}
        for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
            match = re.match(r"\| `(\w+)/` \|([^|]*)\|", line)
            if not match:
                continue
            folder, uses = match.group(1), re.findall(r"\w+", match.group(2))
            rows[folder] = uses
            if sorted(uses) != sorted(LAYERS.get(folder, ["?"])):
                self.report(path, number, "layers", f"{folder} differs from LAYERS in tools/tidy.py")
        for folder in sorted(set(LAYERS) - set(rows)):
            self.report(path, 1, "layers", f"the table lacks {folder}")


def main():
    default = Path(__file__).resolve().parent.parent
    root = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else default
    breaches = Tidy(root).check()
    for breach in breaches:
        print(breach)
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
