"""The desks of the offices in a test world: what each one sends, and what arrives at it.

Moldova and Ukraine talk REST, Belarus and Albania by folder, IOM by REST. What arrives is fetched,
kept, acknowledged, and found again by case and kind.
"""
import hashlib
import json
import os
import secrets
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from demo import read_form  # noqa: E402
from forms import OFFICE, Forms  # noqa: E402
from world import World, wait_for  # noqa: E402

FACE = {"MD": "rest", "UA": "rest", "BY": "folder", "AL": "folder", "IOM": "rest"}


class Arrived:
    """One deliverable as the office got it."""

    def __init__(self, kind, case, body, losses=None, files=(), headers=None, name=""):
        self.kind, self.case, self.body = kind, case, body
        self.losses, self.files, self.headers, self.name = losses, list(files), headers or {}, name

    def number(self, country):
        """The number one answers to."""
        return read_form(country, self.body)[2]


class Desk:
    def __init__(self, gateway, face=None):
        self.g, self.country = gateway, gateway.country
        self.face = face or FACE[self.country]
        self.arrived = []

    def poll(self):
        if not self.g.alive():
            return
        if self.face == "rest":
            self.poll_rest()
        else:
            self.poll_folder()

    def poll_rest(self):
        for d in self.g.deliverables():
            name = delivery_id(d)
            if d.get("kind") == "opaque":
                continue
            a = self.g.fetch(name)
            losses = self.g.rest("GET", f"/v1/deliverables/{name}/losses").need(200).json()
            files = [self.g.rest("GET", f"/v1/deliverables/{name}/attachments/{i + 1}", timeout=60).need(200).body
                     for i in range(int(a.headers.get("trm-attachments", "0")))]
            self.g.acknowledge(name)
            self.arrived.append(Arrived(a.headers["trm-kind"], a.headers["trm-case"], a.body, losses, files,
                                        a.headers, name))

    def poll_folder(self):
        folder = os.path.join(self.g.office_folder, "outgoing")
        for name in self.g.outgoing():
            path = os.path.join(folder, name)
            with open(path, "rb") as f:
                body = f.read()
            if body.startswith(b"{") and b'"parts"' in body:
                continue
            stem = name.rsplit(".", 1)[0]
            losses = None
            if os.path.exists(os.path.join(folder, stem + ".losses.json")):
                with open(os.path.join(folder, stem + ".losses.json"), encoding="utf-8") as f:
                    losses = json.load(f)
            files = []
            for other in sorted(os.listdir(folder)):
                if other.startswith(stem + "-") and not other.endswith(".tmp"):
                    with open(os.path.join(folder, other), "rb") as f:
                        files.append(f.read())
            kind, case, _ = read_form(self.country, body)
            os.makedirs(os.path.join(folder, "done"), exist_ok=True)
            os.rename(path, os.path.join(folder, "done", name))
            self.arrived.append(Arrived(kind, case, body, losses, files, {}, name))

    def find(self, case, kind):
        for a in self.arrived:
            if a.case == case and a.kind == kind:
                return a
        return None

    def wait(self, case, kind, seconds=20.0):
        def look():
            self.poll()
            return self.find(case, kind)
        return wait_for(f"{kind} of case {case} at {self.g.gateway}", look, seconds)


def delivery_id(d):
    return d["deliveryId"]


class Offices:
    """A world of gateways with their desks, forms and further callers."""

    ROLES = ("operator", "auditor")

    def __init__(self, countries, seed=11, build="test", ca_options=("--rsa2048",), **options):
        self.world = World(countries, build=build, ca_options=ca_options, **options)
        self.forms = Forms(seed)
        self.desks = {}
        self.keys = {}  # (country, role) -> key

    def __getitem__(self, country):
        return self.world[country]

    def configure(self, more=None, partner=None, **sections):
        """more(country): further sections for that gateway; partner: members of every partner's file."""
        for g in self.world:
            clients = {}
            for role in self.ROLES:
                self.keys[g.country, role] = key = secrets.token_urlsafe(24)
                clients[role] = {"role": role, "person": role,
                                 "keySha256": hashlib.sha256(key.encode()).hexdigest()}
            extra = dict(sections)
            for name, values in (more(g.country) if more else {}).items():
                extra[name] = {**extra.get(name, {}), **values}
            extra["clients"] = {**clients, **extra.get("clients", {})}
            g.configure(**extra)
            g.operator = self.keys[g.country, "operator"]
            g.auditor = self.keys[g.country, "auditor"]
            for other in self.world:
                if other is not g:
                    g.add_partner(other, **(partner or {}))
            self.desks[g.country] = Desk(g)

    def person(self, country):
        return self.forms.person(country)

    def refer(self, sender, receiver, agreement, person=None, face=None, **more):
        """(accepted, result) of an M01 in the sender's own form."""
        p = person or self.forms.person(receiver if receiver != "IOM" else sender)
        document = self.forms.m01(sender, OFFICE[receiver], agreement, p, **more)
        return self.world[sender].submit(document, face or FACE[sender])

    def send(self, sender, receiver, agreement, **more):
        """An M01 that must be taken: its result."""
        ok, result = self.refer(sender, receiver, agreement, **more)
        if not ok:
            raise AssertionError(f"{agreement} {sender} -> {receiver} was refused: "
                                 f"{json.dumps(result, ensure_ascii=False)[:1500]}")
        return result

    def reply(self, country, kind, to, agreement, case, ref, **more):
        document = self.forms.answer(country, kind, OFFICE[to], agreement, case, ref, **more)
        return self.world[country].submit(document, FACE[country])

    def verb(self, country, case, word, **more):
        return self.world[country].rest("POST", f"/v1/cases/{case}/{word}", json.dumps(more),
                                        {"Content-Type": "application/json"})

    def wait_state(self, country, message, *states, seconds=20.0):
        def look():
            m = self.world[country].message(message)
            return m if m["state"] in states else None
        return wait_for(f"message {message} at {country} to be {' or '.join(states)} "
                        f"(it is {self.world[country].message(message)})", look, seconds)

    def operate(self, country, method, path, **body):
        g = self.world[country]
        return g.rest(method, path, json.dumps(body) if body else None,
                      {"Content-Type": "application/json"} if body else None, key=g.operator)

    def trouble(self):
        return "\n".join(f"     --- {g.gateway}: {g.last_log(6)}" for g in self.world)
