"""The figures of the decision: the engine alone, conditions, tenants, replay, and over HTTP. A part
whose program is not built is left out, and said."""
import os
import subprocess

import cel
import decide_http
import kit


def run(name):
    subprocess.run([os.path.join(kit.BUILD, "bench", name)], check=True)


# The program that is needed, and what measures with it.
PARTS = [("bench_decide", run), ("bench_cel", lambda _: cel.main()), ("bench_directory", run),
         ("bench_replay", run)]


def main():
    for program, measure in PARTS:
        built = os.access(os.path.join(kit.BUILD, "bench", program), os.X_OK)
        kit.say(f"# {program}" + ("" if built else ": not built, left out"))
        if built:
            measure(program)
    kit.say("# decide_http")
    decide_http.main()


if __name__ == "__main__":
    main()
