"""The figures of the decision: the engine alone, conditions, tenants, replay, and over HTTP. A part
whose program is not built is left out, and said."""
import os
import subprocess

import decide_http
import kit

PROGRAMS = ["bench_decide", "bench_cel", "bench_directory", "bench_replay"]


def run(name):
    path = os.path.join(kit.BUILD, "bench", name)
    if not os.access(path, os.X_OK):
        kit.say(f"# {name}: not built, left out")
        return
    kit.say(f"# {name}")
    subprocess.run([path], check=True)


def main():
    for name in PROGRAMS:
        run(name)
    kit.say("# decide_http")
    decide_http.main()


if __name__ == "__main__":
    main()
