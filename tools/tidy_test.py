"""Plants one breach of each rule in a small tree: tidy must name each, and nothing else."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import tidy  # noqa: E402

OPENING = "/* What it is for. */\n"


def table():
    rows = (f"| `{folder}/` | {', '.join(uses) or '–'} | x |" for folder, uses in tidy.LAYERS.items())
    return "\n".join(rows) + "\n"


class TidyTest(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.root = Path(self.dir.name).resolve()
        self.write("docs/architecture.md", table())
        for folder in ("base", "io", "store"):
            self.write(f"src/{folder}/meson.build", "lib = static_library('x', 'a.c')\n")

    def tearDown(self):
        self.dir.cleanup()

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def expect(self, name, text, *rules):
        self.write(name, text)
        found = tidy.Tidy(self.root).check()
        self.assertEqual([breach.split(": ")[1] for breach in found], list(rules), found)

    def test_clean(self):
        body = (
            '#include "base/b.h"\n#include "io/c.h"\n#include <stdio.h>\n\n'
            "/* strcpy(a, b) in a comment */\n"
            "static const int table[] = {\n" + "\t1,\n" * 80 + "};\n"
            'int f(struct files *fs) {\n\tputs("gets(x)");\n\treturn fs->ops->open(fs) + x.read(1);\n}\n'
            "struct ops {\n\tenum err (*open)(struct files *fs, const char *path);\n};\n"
        )
        self.expect("src/store/a.c", OPENING + body)

    def test_upward_include(self):
        self.expect("src/base/a.c", OPENING + '#include "io/io.h"\n', "layers")

    def test_include_forms(self):
        self.expect("src/io/a.c", OPENING + '#include <base/buf.h>\n#include "buf.h"\n', "include", "include")

    def test_wrapped_library(self):
        self.expect("src/io/a.c", OPENING + "#include <uv.h>\n")
        self.expect("src/store/a.c", OPENING + "#include <uv.h>\n", "layers")

    def test_unknown_folder(self):
        self.write("src/extra/meson.build", "'a.c'\n")
        self.expect("src/extra/a.c", OPENING, "layers")

    def test_banned_call(self):
        self.expect("src/io/a.c", OPENING + "void f(char *a) {\n\tstrcpy(a, a);\n}\n", "banned call")

    def test_outside_world(self):
        call = OPENING + "long f(void) {\n\treturn time(0);\n}\n"
        self.expect("src/io/a.c", call)
        self.expect("src/base/a.c", call, "outside world")

    def test_function_length(self):
        lines = "\tg();\n" * (tidy.FUNCTION_LINES - 2)
        self.expect("src/io/a.c", OPENING + "void f(int a,\n       int b) {\n" + lines[6:] + "}\n")
        self.expect("src/io/a.c", OPENING + "void f(void) {\n" + lines + "\tg();\n}\n", "function length")

    def test_file_size(self):
        self.expect("src/io/a.c", OPENING + "int a;\n" * (tidy.FILE_LINES - 1))
        self.expect("src/io/a.c", OPENING + "int a;\n" * tidy.FILE_LINES, "file size")

    def test_small_things(self):
        self.expect("src/io/a.c", "int a; \n", "opening", "trailing space")
        self.write("src/io/a.c", OPENING)
        self.expect("src/io/a.h", OPENING, "header")

    def test_dead_file(self):
        self.expect("src/io/b.c", OPENING, "dead file")

    def test_table_must_agree(self):
        self.expect("docs/architecture.md", table().replace("| `io/` | base |", "| `io/` | cell |"), "layers")
        self.expect("docs/architecture.md", table().replace("| `app/`", "| `xxx/`"), "layers", "layers")


if __name__ == "__main__":
    unittest.main()
