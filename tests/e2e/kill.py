#!/usr/bin/env python3
"""make test-kill: sender and receiver are killed with SIGKILL at random moments under load.

At least 500 messages in all states: referrals both ways, every third case taken (M03) by its receiver,
messages held and released by an operator, deliverables listed, fetched and acknowledged. After fifty
kills everything that a face had accepted must have arrived exactly once: nothing lost, nothing
delivered twice under two delivery ids.

  kill.py [--kills 50] [--messages 1200] [--seed N]

Ends with metric kill_times, kill_messages, kill_lost, kill_twice. `--break-promise` runs a build in which
the receiver answers before its commit (TRM_FAULT=in.no-commit:fail) and must find loss: a test that
cannot fail is none.
"""
import argparse
import hashlib
import http.client
import json
import os
import random
import secrets
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from forms import Forms  # noqa: E402
from world import Failure, World  # noqa: E402


class Load:
    """Submits referrals from one gateway to another until told to stop; remembers what was accepted.
    `part()` is how much of them may be out by now: so that there is load at every kill, not a rush
    before the first and silence after."""

    def __init__(self, world, sender, receiver, agreement, seed, total, part):
        self.part = part
        self.world, self.sender, self.receiver, self.agreement = world, sender, receiver, agreement
        self.forms = Forms(seed)
        self.total = total
        self.accepted = {}  # case -> message
        self.lock = threading.Lock()
        self.stop = False

    def submit_until_known(self, key, document):
        """The same request again until its fate is known: the key makes it harmless."""
        while not self.stop:
            try:
                a = self.world[self.sender].rest("POST", "/v1/messages", document, {"Idempotency-Key": key}, timeout=10)
            except (OSError, Failure, ValueError, http.client.HTTPException):
                time.sleep(0.05)
                continue
            if a.status == 202:
                return a.json()
            if a.status in (503, 500, 408, 429):
                time.sleep(0.1)
                continue
            raise Failure(f"refused: {a.status} {a.body[:600]}")
        return None

    def run(self):
        for i in range(self.total):
            while i >= self.total * self.part() and not self.stop:
                time.sleep(0.02)
            if self.stop:
                return
            with self.lock:
                document = self.forms.m01(self.sender, OFFICES[self.receiver], self.agreement,
                                          self.forms.person(self.receiver))
            result = self.submit_until_known(f"{self.sender}-{self.agreement}-{i}-{id(self)}", document)
            if result is None:
                return
            with self.lock:
                self.accepted[result["caseId"]] = result["messageId"]


OFFICES = {"MD": "MD-COORD", "UA": "UA-COORD"}


class Reader:
    """The receiving office: fetches, remembers every delivery id and what it brought, acknowledges."""

    def __init__(self, world, country, takes=True):
        self.world, self.country, self.takes = world, country, takes
        self.got = {}  # message id -> set of delivery ids
        self.acknowledged = set()
        self.accepted = {}  # case -> the M03 this office sent on it
        self.to_take = {}  # case -> as often as it was tried
        self.stop = False
        self.fault = None

    def take(self, g, case):
        """Sends the M03; the same key until its fate is known."""
        a = g.rest("POST", f"/v1/cases/{case}/take", json.dumps({}),
                   {"Content-Type": "application/json", "Idempotency-Key": f"take-{case}"}, timeout=10)
        if a.status == 202:
            self.accepted[case] = a.json()["messageId"]
        if a.status == 202 or a.status not in (408, 429, 500, 503):
            del self.to_take[case]
        if a.status not in (202, 408, 429, 500, 503):
            self.fault = f"taking case {case} was refused: {a.status} {a.body[:400]}"

    def once(self):
        g = self.world[self.country]
        listed = g.rest("GET", "/v1/deliverables", timeout=10)
        if listed.status != 200:
            return 0
        items = listed.json()["items"]
        for d in items:
            a = g.rest("GET", f"/v1/deliverables/{d['deliveryId']}", timeout=10)
            if a.status != 200:
                continue
            message = a.headers["trm-message"]
            repeat = a.headers.get("trm-repeat", "false") == "true"
            if d["deliveryId"] in self.acknowledged and not repeat:
                self.fault = f"delivery {d['deliveryId']} came again unmarked after its acknowledgement"
            self.got.setdefault(message, set()).add(d["deliveryId"])
            ack = g.rest("POST", f"/v1/deliverables/{d['deliveryId']}/acknowledge", timeout=10)
            if ack.status in (200, 204):
                self.acknowledged.add(d["deliveryId"])
                if self.takes and d["kind"] == "M01" and int(d["caseId"][-1], 36) % 3 == 0 \
                        and d["caseId"] not in self.accepted:
                    self.to_take[d["caseId"]] = 0
        for case in list(self.to_take):
            self.take(g, case)
        return len(items)

    def run(self):
        while not self.stop:
            try:
                if self.once() == 0:
                    time.sleep(0.05)
            except (OSError, ValueError, KeyError, http.client.HTTPException):
                time.sleep(0.05)


class Operator:
    """Holds what waits in a queue, now this, now that, and releases it a little later."""

    def __init__(self, world, country, key, seed):
        self.world, self.country, self.key = world, country, key
        self.rng = random.Random(seed)
        self.held = {}  # message -> its state is not known to be free again
        self.holds = 0
        self.stop = False

    def order(self, g, message, word):
        return g.rest("POST", f"/v1/queue/{message}/{word}", key=self.key, timeout=10).status

    def once(self):
        g = self.world[self.country]
        for message in list(self.held):
            # 409 and 422: it left the queue before the hold reached it
            if self.order(g, message, "release") in (200, 204, 404, 409, 422):
                del self.held[message]
        if self.stop:
            return
        items = g.rest("GET", "/v1/queue", key=self.key, timeout=10).need(200).json()["items"]
        waiting = [m["messageId"] for m in items]
        for message in self.rng.sample(waiting, min(2, len(waiting))):
            self.held[message] = True
            if self.order(g, message, "hold") in (200, 204):
                self.holds += 1

    def run(self):
        while not self.stop or self.held:
            try:
                self.once()
            except (OSError, ValueError, KeyError, Failure, http.client.HTTPException):
                pass
            time.sleep(self.rng.uniform(0.05, 0.4))


def settle(senders, readers, seconds):
    """Until nothing waits any more on either side."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        want = {m for x in senders for m in list(x.accepted.values())}
        got = {m for r in readers for m in list(r.got)}
        if want <= got and not any(r.to_take for r in readers):
            return
        time.sleep(0.2)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--messages", type=int, default=1200)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--seconds", type=float, default=480)
    parser.add_argument("--settle", type=float, default=60, help="seconds that the last ones may take")
    parser.add_argument("--break-promise", action="store_true")
    parser.add_argument("--build", default="release")
    args = parser.parse_args()
    rng = random.Random(args.seed)
    print(f"seed {args.seed}", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the gateways are stopped all the same
    started = time.monotonic()
    build = "test" if args.break_promise else args.build
    world = World(["MD", "UA"], build=build, ca_options=["--rsa2048"])
    env = {"TRM_FAULT": "in.no-commit:fail"} if args.break_promise else {}
    kills = 0
    try:
        operator = secrets.token_urlsafe(24)
        world.configure(dispatch={"retrySpacing": ["100ms", "200ms", "500ms"], "poll": "200 ms"},
                        clients={"operator": {"role": "operator", "person": "operator",
                                              "keySha256": hashlib.sha256(operator.encode()).hexdigest()}})
        world.start(env=env)
        world.install("MDUA-1")
        half = args.messages // 4 + 1
        loads = [Load(world, a, b, "MDUA-1", args.seed + i, half, lambda: (kills + 1) / (args.kills + 1))
                 for i, (a, b) in enumerate((("MD", "UA"), ("UA", "MD"), ("MD", "UA"), ("UA", "MD")))]
        readers = [Reader(world, c, takes=not args.break_promise) for c in ("MD", "UA")]
        operators = [] if args.break_promise else [Operator(world, c, operator, args.seed) for c in ("MD", "UA")]
        threads = [threading.Thread(target=x.run, daemon=True) for x in loads + readers + operators]
        for t in threads:
            t.start()
        deadline = started + args.seconds
        while kills < args.kills and time.monotonic() < deadline:
            time.sleep(rng.uniform(0.3, 2.5))
            victim = world[rng.choice(("MD", "UA"))]
            victim.kill()
            kills += 1
            if kills % 10 == 0:
                accepted = sum(len(x.accepted) for x in loads + readers)
                print(f"{kills} kills, {accepted} messages accepted, {sum(len(r.got) for r in readers)} "
                      f"arrived, {time.monotonic() - started:.0f} s", flush=True)
            time.sleep(rng.uniform(0.0, 0.4))
            victim.start(env=env)
        for t in threads[:len(loads)]:
            t.join(max(1.0, deadline + 60 - time.monotonic()))
        for x in loads:
            x.stop = True
        for o in operators:
            o.stop = True
        settle(loads + readers, readers, args.settle)
        for r in readers:
            r.stop = True
        time.sleep(0.5)
        accepted = {m for x in loads + readers for m in x.accepted.values()}
        got = {}
        for r in readers:
            for message, ids in r.got.items():
                got.setdefault(message, set()).update(ids)
        lost = accepted - set(got)
        twice = [m for m, ids in got.items() if len(ids) > 1]
        faults = [r.fault for r in readers if r.fault]
    finally:
        world.stop()
    for m in sorted(lost)[:10]:
        print(f"lost: {m}")
    for m in twice[:10]:
        print(f"twice: {m}")
    for f in faults:
        print(f)
    print(f"metric kill_times {kills} kills")
    print(f"metric kill_messages {len(accepted)} messages")
    print(f"metric kill_lost {len(lost)} messages")
    print(f"metric kill_twice {len(twice) + len(faults)} deliveries")
    print(f"{sum(len(r.accepted) for r in readers)} cases taken, "
          f"{sum(o.holds for o in operators)} messages held and released")
    print(f"metric kill_seconds {time.monotonic() - started:.0f} s")
    if args.break_promise:
        print("1 passed, 0 failed" if lost else "0 passed, 1 failed")
        return 0 if lost else 1
    return 0 if not lost and not twice and not faults and kills >= args.kills else 1


if __name__ == "__main__":
    sys.exit(main())
