"""Five gateways on loopback, each with its own folder, store, keys and partners; started, watched
and stopped by their process ids. Used by the demo, the scenario tests and the kill test.

Nothing here knows how the daemon works inside: only its configuration file, its faces (REST, folder,
trmctl) and its process.
"""
import base64
import concurrent.futures
import hashlib
import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

COUNTRIES = {
    "BY": dict(gateway="BY-GW1", office="BY-COORD", form="BY-anketa/1", zone="Europe/Minsk", language="ru"),
    "MD": dict(gateway="MD-GW1", office="MD-COORD", form="MD-referral/1.2", zone="Europe/Chisinau", language="ro"),
    "UA": dict(gateway="UA-GW1", office="UA-COORD", form="UA-napravlennia/2.0", zone="Europe/Kyiv", language="uk"),
    "AL": dict(gateway="AL-GW1", office="AL-ONAC", form="AL-referim/1.0", zone="Europe/Tirane", language="sq"),
    "IOM": dict(gateway="IOM-GW1", office="IOM-MISSION", form="IOM-canonical/1", zone="UTC", language="en"),
}


class Failure(Exception):
    """Something that was expected did not happen."""


def free_ports(count):
    held = [socket.socket() for _ in range(count)]
    for s in held:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


def wait_for(what, check, seconds=30.0, pause=0.05):
    """The first true value that check() gives; Failure after so many seconds."""
    end = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(pause)


def write(path, data, mode=0o600):
    if isinstance(data, str):
        data = data.encode()
    with open(path + ".tmp", "wb", opener=lambda p, f: os.open(p, f, mode)) as f:
        f.write(data)
    os.rename(path + ".tmp", path)


class Answer:
    """What REST answered."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def need(self, *statuses):
        if self.status not in statuses:
            raise Failure(f"status {self.status}, wanted {statuses}: {self.body[:1500].decode(errors='replace')}")
        return self


class Gateway:
    """One trmd: its folder, its faces, its process."""

    def __init__(self, world, country):
        self.world, self.country = world, country
        self.__dict__.update(COUNTRIES[country])
        self.folder = os.path.join(world.folder, self.gateway)
        self.keys = os.path.join(world.folder, "keys", self.gateway)
        self.socket = os.path.join(self.folder, "control.sock")
        self.office_folder = os.path.join(self.folder, "office")
        self.log_path = os.path.join(self.folder, "trmd.log")
        self.key = secrets.token_urlsafe(24)
        self.partner_port, self.office_port = free_ports(2)
        self.process = None
        self.settings = {}

    # -- configuration ----------------------------------------------------------------------

    def configure(self, **sections):
        os.makedirs(os.path.join(self.folder, "partners"), exist_ok=True)
        for name in ("incoming", "outgoing", "done", "rejected"):
            os.makedirs(os.path.join(self.office_folder, name), exist_ok=True)
        key_file = os.path.join(self.folder, "office.key")
        write(key_file, self.key)
        settings = {
            "gateway": {"id": self.gateway, "country": "" if self.country == "IOM" else self.country,
                        "host": self.gateway.lower() + ".example", "environment": "demo", "zone": self.zone,
                        "partners": "partners"},
            "store": {"folder": "store"},
            "keys": {k: {"key": f"{self.keys}/{k}.key", "certificate": f"{self.keys}/{k}.pem"}
                     for k in ("sign", "encrypt", "seal")},
            "keks": {"1": {"file": f"{self.keys}/kek-1.bin"}},
            "partners": {"port": self.partner_port, "certificate": f"{self.keys}/tls.pem",
                         "key": f"{self.keys}/tls.key", "clientCa": self.world.ca},
            "office": {"port": self.office_port, "certificate": f"{self.keys}/tls.pem",
                       "key": f"{self.keys}/tls.key", "clientCertificate": False},
            "control": {"socket": "control.sock"},
            "http": {"spool": "spool"},
            "offices": {self.office: {"form": self.form, "language": self.language, "folder": "office"}},
            "clients": {"case-system": {"office": self.office, "role": "officer", "person": "demo",
                                        "keySha256": hashlib.sha256(self.key.encode()).hexdigest()}},
            "dispatch": {"retrySpacing": ["200ms", "500ms", "1s"], "poll": "500 ms"},
            "folder": {"poll": "50 ms", "again": "1 d"},
        }
        for name, values in sections.items():
            settings.setdefault(name, {}).update(values)
        self.settings = settings
        os.makedirs(os.path.join(self.folder, "spool"), mode=0o700, exist_ok=True)
        write(os.path.join(self.folder, "gateway.json"), json.dumps(settings, indent=1))

    def add_partner(self, other, **more):
        keys = other.keys
        partner = {
            "partner": other.gateway, "country": other.country if other.country != "IOM" else "",
            "name": other.gateway, "endpoint": f"https://localhost:{other.partner_port}/as4",
            "tls": {"ca": self.world.ca},
            "sign": {"certificates": [f"{keys}/sign.pem"]},
            "encrypt": {"certificates": [f"{keys}/encrypt.pem"]},
            "seal": {"certificates": [f"{keys}/seal.pem"]},
        }
        partner.update(more)
        write(os.path.join(self.folder, "partners", other.gateway + ".json"), json.dumps(partner, indent=1))

    # -- the process ------------------------------------------------------------------------

    def start(self, wait=True, env=None):
        log = open(self.log_path, "ab")
        self.process = subprocess.Popen([self.world.trmd, "--config", os.path.join(self.folder, "gateway.json")],
                                        stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                                        env=dict(os.environ, **(env or {})))
        log.close()
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, seconds=20.0):
        def ready():
            if self.process.poll() is not None:
                raise Failure(f"{self.gateway} ended with {self.process.returncode}: {self.last_log()}")
            try:
                return self.rest("GET", "/readyz", key=None).status == 200
            except OSError:
                return False
        wait_for(f"{self.gateway} to be ready", ready, seconds, 0.02)

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, how=signal.SIGTERM, seconds=20.0):
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self.process = None
        return code

    def kill(self):
        return self.stop(signal.SIGKILL)

    def last_log(self, lines=8):
        try:
            with open(self.log_path, errors="replace") as f:
                return "".join(f.readlines()[-lines:])
        except OSError:
            return ""

    # -- faces ------------------------------------------------------------------------------

    def rest(self, method, path, body=None, headers=None, key="own", timeout=30.0):
        context = ssl.create_default_context(cafile=self.world.ca)
        connection = http.client.HTTPSConnection("localhost", self.office_port, timeout=timeout, context=context)
        all_headers = dict(headers or {})
        if key == "own":
            all_headers["Authorization"] = "Bearer " + self.key
        elif key:
            all_headers["Authorization"] = "Bearer " + key
        try:
            connection.request(method, path, body=body, headers=all_headers)
            r = connection.getresponse()
            return Answer(r.status, dict((k.lower(), v) for k, v in r.getheaders()), r.read())
        finally:
            connection.close()

    def ctl(self, *words, check=True, office=True, stdin=None):
        args = [self.world.trmctl, "--socket", self.socket]
        if office:
            args += ["--key", os.path.join(self.folder, "office.key")]
        run = subprocess.run(args + list(words), capture_output=True, input=stdin, timeout=60)
        if check and run.returncode != 0:
            raise Failure(f"trmctl {' '.join(words)}: exit {run.returncode}: "
                          f"{(run.stderr or run.stdout)[:1500].decode(errors='replace')}")
        return run

    def ctl_json(self, *words, **more):
        return json.loads(self.ctl(*words, "--json", **more).stdout)

    def drop(self, name, document, attachments=()):
        """Lays a document into the office's folder, attachments first, as an office's system would."""
        incoming = os.path.join(self.office_folder, "incoming")
        for file_name, data in attachments:
            write(os.path.join(incoming, file_name), data)
        write(os.path.join(incoming, name), document)

    def dropped(self, name, seconds=30.0):
        """The .result.json of a dropped document, and whether it was taken."""
        def look():
            for place in ("done", "rejected"):
                path = os.path.join(self.office_folder, place, name + ".result.json")
                if os.path.exists(path):
                    with open(path, encoding="utf-8") as f:
                        return place == "done", json.load(f)
            return None
        return wait_for(f"the result of {name} at {self.gateway}", look, seconds)

    # -- what an office does ------------------------------------------------------------------

    def submit(self, document, face="rest", name=None, attachments=()):
        """(accepted, result) through one of the faces."""
        if face == "rest":
            for file_name, data in attachments:
                self.rest("PUT", "/v1/attachments/" + file_name, data).need(200, 201)
            a = self.rest("POST", "/v1/messages", document)
            return a.status == 202, a.json()
        if face == "folder":
            name = name or f"d{secrets.token_hex(4)}.xml"
            self.drop(name, document, attachments)
            return self.dropped(name)
        path = os.path.join(self.folder, f"submit-{secrets.token_hex(4)}")
        write(path, document)
        run = self.ctl("submit", path, "--json", check=False)
        os.unlink(path)
        if not run.stdout:
            raise Failure(f"trmctl submit: exit {run.returncode}: {run.stderr[:800].decode(errors='replace')}")
        return run.returncode == 0, json.loads(run.stdout)

    def deliverables(self):
        return self.rest("GET", "/v1/deliverables").need(200).json()["items"]

    def fetch(self, delivery_id):
        return self.rest("GET", f"/v1/deliverables/{delivery_id}").need(200)

    def acknowledge(self, delivery_id):
        self.rest("POST", f"/v1/deliverables/{delivery_id}/acknowledge").need(200, 204)

    def outgoing(self):
        folder = os.path.join(self.office_folder, "outgoing")
        return sorted(n for n in os.listdir(folder) if n.endswith((".xml", ".json")) and ".losses" not in n
                      and not n.startswith("."))

    def message(self, message_id):
        return self.rest("GET", f"/v1/messages/{message_id}").need(200).json()

    def case(self, case_id):
        return self.rest("GET", f"/v1/cases/{case_id}").need(200).json()


class World:
    """All gateways of a run, in one temporary folder."""

    def __init__(self, countries=tuple(COUNTRIES), build="release", keep=False, folder=None, ca_options=()):
        self.folder = folder or tempfile.mkdtemp(prefix="trm-world-")
        self.keep = keep
        base = os.environ.get("TRM_BUILD", os.path.join(TREE, "build"))
        self.trmd = os.path.join(base, build, "trmd")
        self.trmctl = os.path.join(base, build, "trmctl")
        self.countries = list(countries)
        names = [COUNTRIES[c]["gateway"] for c in self.countries]
        subprocess.run([os.path.join(TREE, "certs", "make-test-ca.sh"), "--quiet", *ca_options,
                        os.path.join(self.folder, "keys"), *names], check=True)
        self.ca = os.path.join(self.folder, "keys", "ca.pem")
        self.gateways = {c: Gateway(self, c) for c in self.countries}

    def __getitem__(self, country):
        return self.gateways[country]

    def __iter__(self):
        return iter(self.gateways.values())

    def configure(self, **sections):
        for g in self:
            g.configure(**sections)
            for other in self:
                if other is not g:
                    g.add_partner(other)

    def start(self, **more):
        for g in self:
            g.start(wait=False, **more)
        for g in self:
            g.wait_ready()

    def install(self, *agreements):
        """Installs the shipped agreements at every gateway that is named in them."""
        names = agreements or shipped_agreements()
        bundles = {name: os.path.join(self.folder, name + ".bundle") for name in names}
        with concurrent.futures.ThreadPoolExecutor(len(self.countries)) as pool:
            list(pool.map(self.bundle, bundles, bundles.values()))
            list(pool.map(lambda g: [g.ctl("agreement", "install", bundles[name], office=False) for name in names
                                     if g.gateway in agreement_gateways(name)], self))

    def bundle(self, name, path):
        run = subprocess.run([self.trmctl, "agreement", "bundle", name, "--share", TREE, "--output", path],
                             capture_output=True)
        if run.returncode != 0:
            raise Failure(f"bundle of {name}: exit {run.returncode}: {(run.stderr or run.stdout)[:1500].decode()}")

    def stop(self):
        for g in self:
            try:
                g.stop()
            except Exception as e:  # the others must be stopped too
                print(f"stopping {g.gateway}: {e}", file=sys.stderr)
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def shipped_agreements():
    names = []
    for n in sorted(os.listdir(os.path.join(TREE, "agreements"))):
        path = os.path.join(TREE, "agreements", n)
        if n.endswith(".json") and "id" in json.load(open(path, encoding="utf-8")):
            names.append(n[:-5])
    return names


def agreement(name):
    with open(os.path.join(TREE, "agreements", name + ".json"), encoding="utf-8") as f:
        return json.load(f)


def agreement_gateways(name):
    text = json.dumps(agreement(name))
    for party in agreement(name).get("parties", []):
        if "party" in party:
            with open(os.path.join(TREE, "agreements", party["party"]), encoding="utf-8") as f:
                text += f.read()
    return [c["gateway"] for c in COUNTRIES.values() if f'"{c["gateway"]}"' in text]
