"""Counts one stage's results for tools/test.sh.

usage: test_report.py COUNTS meson|junit FILE

Appends "PASSED FAILED" to COUNTS, prints the output of what failed and, last, a line
"N passed, N failed, N skipped". Exit status 1 when anything failed, or when there is
no result at all: a stage that ran nothing proves nothing.
"""

import json
import sys
import xml.etree.ElementTree as ElementTree

OUTPUT_LINES = 80  # of each failure


def meson_results(path):
    """Yields (name, outcome, output) from meson's JSON-lines test log."""
    outcomes = {"OK": "passed", "EXPECTEDFAIL": "passed", "SKIP": "skipped"}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            result = json.loads(line)
            output = f"{result.get('stdout', '')}\n{result.get('stderr', '')}"
            outcome = outcomes.get(result["result"], "failed")
            yield f"{result['name']}: {result['result']}", outcome, output


def junit_results(path):
    """Yields (name, outcome, output) from pytest's JUnit XML."""
    for case in ElementTree.parse(path).iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        bad = [child for child in case if child.tag in ("failure", "error")]
        if bad:
            yield name, "failed", "\n".join(child.text or "" for child in bad)
        elif case.find("skipped") is not None:
            yield name, "skipped", ""
        else:
            yield name, "passed", ""


def main():
    counts_path, kind, path = sys.argv[1:]
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    read = {"meson": meson_results, "junit": junit_results}[kind]
    try:
        for name, outcome, output in read(path):
            counts[outcome] += 1
            if outcome == "failed":
                print(f"--- {name}")
                print("\n".join(output.strip().splitlines()[-OUTPUT_LINES:]))
    except (OSError, ValueError, ElementTree.ParseError) as error:
        print(f"no results in {path}: {error}")
        counts["failed"] += 1
    if sum(counts.values()) == 0:
        print(f"{path} holds no results")
        counts["failed"] += 1
    with open(counts_path, "a", encoding="utf-8") as out:
        out.write(f"{counts['passed']} {counts['failed']}\n")
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return 1 if counts["failed"] else 0


sys.exit(main())
