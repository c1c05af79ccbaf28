#!/usr/bin/env python3
"""The kill test itself under test: with the commit before the receipt it counts no loss, and with that
commit taken out (sanitizer build, TRM_FAULT=in.no-commit:fail) it must count some.

  kill_finds_loss.py [words of the sentences to run]
"""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from suite import Suite, check, holds  # noqa: E402

KILL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "kill.py")


def kill(*words):
    run = subprocess.Popen([sys.executable, KILL, "--seed", "3", "--kills", "3", "--messages", "32", *words],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        out, err = run.communicate(timeout=240)
    finally:
        if run.poll() is None:
            run.terminate()  # it stops its gateways
            run.wait(30)
    metrics = {}
    for line in out.splitlines():
        if line.startswith("metric "):
            _, name, value, _ = line.split()
            metrics[name] = int(value)
    holds(out, "metric kill_lost", "the output, " + err[-1000:])
    return run.returncode, metrics


def kept():
    code, metrics = kill("--build", "test")
    check(code == 0 and metrics["kill_lost"] == 0 and metrics["kill_twice"] == 0, metrics)
    check(metrics["kill_times"] == 3 and metrics["kill_messages"] >= 32, metrics)


def broken():
    code, metrics = kill("--break-promise", "--settle", "4")
    check(code == 0 and metrics["kill_lost"] > 0, metrics)


def main():
    suite = Suite(sys.argv[1:])
    suite.run("three kills under load lose nothing and bring nothing twice", kept)
    suite.run("a receipt that leaves before its commit is found out as loss", broken)
    return suite.close()


if __name__ == "__main__":
    sys.exit(main())
