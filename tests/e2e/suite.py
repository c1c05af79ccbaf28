"""Named tests: each a function with a sentence; run, counted, closed with "N passed, N failed".

A test fails by an exception; what it says is printed with the test's sentence. Tests of one group
share what the group's setup gives; a group whose setup fails, fails all its tests.
"""
import os
import signal
import sys
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from world import Failure  # noqa: E402


def check(truth, what):
    """Fails the test unless truth."""
    if not truth:
        raise Failure(str(what)[:3000])
    return truth


def same(got, wanted, what):
    check(got == wanted, f"{what}: got {got!r}, wanted {wanted!r}")


def holds(text, part, what="the text"):
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    check(part in text, f"{what} does not hold {part!r}: {text[:1200]}")


class Suite:
    def __init__(self, wanted=()):
        self.passed = self.failed = 0
        self.wanted = list(wanted)  # words of the sentences to run; none: all
        self.started = time.monotonic()
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is stopped all the same

    def wants(self, sentence):
        return not self.wanted or any(w in sentence for w in self.wanted)

    def run(self, sentence, function, *args, trouble=None):
        """One test; trouble() gives what helps to understand a failure."""
        if not self.wants(sentence):
            return
        started = time.monotonic()
        try:
            function(*args)
        except Exception as e:  # every test gets its verdict
            self.failed += 1
            where = traceback.extract_tb(e.__traceback__)
            mine = [f for f in where if not f.filename.endswith(("suite.py", "world.py"))] or where
            print(f"FAIL {sentence}\n     {os.path.basename(mine[-1].filename)}:{mine[-1].lineno}: "
                  f"{type(e).__name__}: {e}", flush=True)
            if trouble is not None:
                print(trouble(), flush=True)
            return
        self.passed += 1
        print(f"ok   {sentence} ({time.monotonic() - started:.2f} s)", flush=True)

    def all(self, tests, *args, trouble=None):
        for function in tests:
            self.run(sentence_of(function), function, *args, trouble=trouble)

    def close(self):
        print(f"metric seconds {time.monotonic() - self.started:.0f} s")
        print(f"{self.passed} passed, {self.failed} failed")
        return 0 if self.failed == 0 and self.passed > 0 else 1


def sentence_of(function):
    """The first line of its manual, without the full stop."""
    return (function.__doc__ or function.__name__.replace("_", " ")).strip().splitlines()[0].rstrip(".")


class Group:
    """Collects test functions in the order they are written."""

    def __init__(self):
        self.tests = []

    def __call__(self, function):
        self.tests.append(function)
        return function
