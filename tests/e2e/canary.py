#!/usr/bin/env python3
"""No personal value leaves its place: unique words are planted in every text, name and number of
referrals of all four countries, and looked for in logs, metrics, refusals, process lists, store,
spool, temporary files and cores, in every form a program might write them.

An office's own exchange folder is its own disk: what lies there is the office's. What is withheld must
not be even there on the receiving side. Ends with "N passed, N failed".
"""
import base64
import datetime
import glob
import json
import os
import re
import resource
import signal
import socket
import ssl
import stat
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from forms import idnp, nid, rnokpp, today  # noqa: E402
from office import Offices  # noqa: E402
from suite import Suite, check, holds  # noqa: E402
from wire import forge, post  # noqa: E402
from world import TREE, Failure, wait_for  # noqa: E402

# The same word in both scripts: every transliteration of the one is the other.
CYRILLIC, LATIN = "Картамон", "Kartamon"
SUFFIX = dict(zip("абдкмнопрт", "abdkmnoprt"))
WRITTEN = datetime.date(2026, 11, 24)  # the day for which the samples are written
ENCODINGS = ("utf-8", "windows-1251", "utf-16-le", "utf-16-be", "koi8-r", "iso8859-5", "cp866")


# --- the forms in which a word can appear ----------------------------------------------------------


def encoded(text):
    for name in ENCODINGS:
        try:
            yield name, text.encode(name)
        except UnicodeEncodeError:
            continue


def percent(octets, upper):
    text = "".join(f"%{b:02X}" if b > 127 or not chr(b).isalnum() else chr(b) for b in octets)
    return (text if upper else text.lower()).encode()


def base64_inside(octets):
    """What of its Base64 does not depend on the neighbours, at each of three places."""
    for skip in range(3):
        whole = base64.b64encode(b"\0" * skip + octets)
        first = (skip * 8 + 5) // 6
        last = (skip + len(octets)) * 8 // 6
        yield whole[first:last]


def forms(text):
    """{octets: name} of every way to write a word."""
    found = {}
    for case in (text, text.upper(), text.lower()):
        for name, octets in encoded(case):
            found.setdefault(octets, name)
            if name in ("utf-8", "windows-1251"):
                for upper in (True, False):
                    found.setdefault(percent(octets, upper), f"percent of {name}")
                for piece in base64_inside(octets):
                    found.setdefault(piece, f"Base64 of {name}")
                    found.setdefault(piece.replace(b"+", b"-").replace(b"/", b"_"), f"Base64 of {name}")
                found.setdefault(octets.hex().encode(), f"hexadecimal of {name}")
                found.setdefault(octets.hex().upper().encode(), f"hexadecimal of {name}")
        for style, name in ((lambda c: f"\\u{ord(c):04x}", "JSON escapes"), (lambda c: f"\\u{ord(c):04X}", "JSON escapes"),
                            (lambda c: f"&#x{ord(c):x};", "references"), (lambda c: f"&#x{ord(c):X};", "references"),
                            (lambda c: f"&#{ord(c)};", "references")):
            found.setdefault("".join(c if c.isascii() else style(c) for c in case).encode(), name)
    return found


class Hunter:
    """Looks for words in octets."""

    def __init__(self, words):
        self.patterns = {}
        for w in words:
            for octets, name in forms(w).items():
                check(len(octets) >= 6, f"a pattern of {len(octets)} octets says nothing")
                self.patterns.setdefault(octets, (w, name))

    def hunt(self, octets, where):
        """Sentences about what was found."""
        found = []
        for pattern, (word, name) in self.patterns.items():
            at = octets.find(pattern)
            if at >= 0:
                around = octets[max(0, at - 40):at + len(pattern) + 30]
                found.append(f"{where}: {word} as {name} at octet {at}: {around!r}")
        return found


# --- what is planted -------------------------------------------------------------------------------


class Canary:
    def __init__(self, country, field, words):
        self.country, self.field, self.words = country, field, words


class Plantation:
    """Documents with canaries, and the list of them."""

    # field -> (pattern of its value within the document, script, shape)
    FIELDS = {
        "BY": ["Фамилия", "СобственноеИмя", "Отчество", "Прозвішча", "Імя", "ІмяПаБацьку", "ФамилияЛат", "ИмяЛат",
               "ПрежняяФамилия", "МестоРождения", "Национальность", "Вероисповедание", "СерияНомер", "КемВыдан",
               "АдресРегистрации", "БезопаснаяСвязь", "Родственники", "Здоровье", "Возвращение", "ПланРеабилитации",
               "ФИОИсполнителя", "Должность", "Примечание"],
        "UA": ["PIB", "Prizvyshche", "Imia", "PoBatkovi", "PrizvyshcheLat", "ImiaLat", "NazvaMistsia", "SeriiaNomer",
               "KymVydano", "TekstAdresy", "PIBChlena", "MistsePodii", "OtsinenoKym", "OpysZdorovia", "Marshrut",
               "PlanDopomohy", "PIBPosadovoi", "Orhanizatsiia", "Prymitka", "Elektronnyi", "VidmovaVidNomera"],
        "AL": ["Emri", "Atesia", "Mbiemri", "MbiemriMeparshem", "Vendlindja", "NrDokumenti1", "VendBanimi", "Rruga",
               "UdhezimeKontakti", "Familjari1", "Familjari2", "Shendeti", "Kthimi", "PlaniRiintegrimit",
               "PersoniKontaktit", "Shenime"],
        "MD": ["surname", "givenName", "formerName", "locality", "street", "instructions", "safeContactInstructions",
               "noContactReason", "assessedBy", "measures", "description", "reference", "route", "summary", "name",
               "organisation", "notes", "nr", "article", "reason", "number", "issuer"],
    }
    NEVER = {"BY": ("Национальность", "Вероисповедание", "Здоровье"), "UA": ("Elektronnyi",),
             "AL": ("Shendeti",), "MD": ("nr", "article", "reason")}
    LATIN_ONLY = {"ФамилияЛат", "ИмяЛат", "PrizvyshcheLat", "ImiaLat"}
    NUMBERS = {"СерияНомер", "SeriiaNomer", "NrDokumenti1"}

    def __init__(self):
        self.canaries, self.count = [], 0

    def word(self, latin):
        letters = "абдкмнопрт"
        suffix = letters[self.count // 100 % 10] + letters[self.count // 10 % 10] + letters[self.count % 10]
        self.count += 1
        both = CYRILLIC + suffix, LATIN + "".join(SUFFIX[c] for c in suffix)
        return both[1] if latin else both[0], both

    def value(self, country, field):
        latin = country in ("AL", "MD") or field in self.LATIN_ONLY
        if field in self.NUMBERS or (country, field) == ("MD", "number"):
            text = f"AB83519{self.count:03d}"
            self.count += 1
            return text, (text,)
        word, both = self.word(latin)
        if field in self.LATIN_ONLY:
            word = word.upper()
        if field == "PIB":
            second, more = self.word(False)
            third, last = self.word(False)
            return f"{word} {second} {third}", both + more + last
        return word, both

    def plant(self, country, field):
        text, words = self.value(country, field)
        self.canaries.append(Canary(country, field, words))
        return text

    def number(self, country, text):
        """A personal number or telephone number that is a canary: as it is, and without blanks."""
        self.canaries.append(Canary(country, "number", (text, re.sub(r"\D", "", text)) if " " in text else (text,)))
        return text

    def words(self):
        return sorted({w for c in self.canaries for w in c.words})

    def never(self, country):
        """Words that may not arrive anywhere."""
        return sorted({w for c in self.canaries if c.country == country and c.field in self.NEVER[country]
                       for w in c.words})

    # -- documents ------------------------------------------------------------------------------

    def xml(self, country, text):
        for field in self.FIELDS[country]:
            def put(m, field=field):
                return m.group(1) + self.plant(country, field) + m.group(3)
            text = re.sub(rf"(<{field}(?:\s[^>]*)?>)([^<]+)(</{field}>)", put, text)
        return text

    def json(self, value, key=None):
        if isinstance(value, dict):
            return {k: self.json(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [self.json(v, key) for v in value]
        if key in self.FIELDS["MD"] and isinstance(value, str) and not value.startswith("+"):
            return self.plant("MD", key)
        return value


def shift(text):
    """Dates written for one day, moved to today."""
    delta = today() - WRITTEN

    def moved(y, m, d):
        try:
            return datetime.date(int(y), int(m), int(d)) + delta
        except ValueError:
            return None

    def iso(m):
        d = moved(*m.groups())
        return d.isoformat() if d and int(m.group(1)) >= 2025 else m.group(0)

    def dots(m):
        d = moved(m.group(3), m.group(2), m.group(1))
        return d.strftime("%d.%m.%Y") if d and int(m.group(3)) >= 2025 else m.group(0)
    text = re.sub(r"\b(\d{4})-(\d\d)-(\d\d)", iso, text)
    return re.sub(r"\b(\d\d)\.(\d\d)\.(\d{4})\b", dots, text)


def sample(country, name, encoding):
    with open(os.path.join(TREE, "mappings", "national", country, "samples", name), "rb") as f:
        return shift(f.read().decode(encoding))


def born(text, pattern, form):
    return datetime.datetime.strptime(re.search(pattern, text).group(1), form).date()


class Documents:
    """The full sample of each country with canaries in it."""

    def __init__(self):
        self.p = Plantation()
        self.runs = 0

    def by(self):
        text = sample("BY", "m01-adult-full.xml", "windows-1251")
        text = self.fresh(text, "0117", "0341")
        text = re.sub(r"<Фотография>[^<]*</Фотография>", "<Фотография/>", text)
        text = re.sub(r"<Приложения>[^<]*</Приложения>", "", text)
        text = text.replace("2999000543210", self.p.number("BY", idnp(83519)))
        text = text.replace("+373 600 00 021", self.p.number("BY", "+373 600 83 519"))
        text = text.replace("26000000991", self.p.number("BY", "26000083519"))
        return self.p.xml("BY", text).encode("windows-1251")

    def ua(self):
        text = sample("UA", "m01-adult-full.xml", "utf-8")
        text = self.fresh(text, "2026-0301", "vykh-0301")
        text = text.replace("2999000600012", self.p.number("UA", idnp(83520)))
        text = text.replace("+380 50 000 00 41", self.p.number("UA", "+380 50 083 51 92"))
        text = text.replace("12026990000000991", self.p.number("UA", "12026990000083519"))
        return self.p.xml("UA", text).encode()

    def al(self):
        text = sample("AL", "m01-adult-full.xml", "utf-8")
        text = self.fresh(text, "26-051", "dal-0051")
        day = born(text, r"<Datelindja>([^<]+)<", "%d.%m.%Y")
        text = re.sub(r"<NID>[^<]*", "<NID>" + self.p.number("AL", nid(day, True, 0)), text)
        text = text.replace("2999000600779", self.p.number("AL", idnp(83521)))
        text = text.replace("+355 69 000 0051", self.p.number("AL", "+355 69 083 5193"))
        return self.p.xml("AL", text).encode()

    def md(self):
        text = sample("MD", "m01-adult-full.json", "utf-8")
        text = self.fresh(text, "MD-0201", "md-2026-000201")
        day = born(text, r'"birthDate": "([^"]+)"', "%Y-%m-%d")
        text = text.replace("3367799927", self.p.number("MD", rnokpp(day, True, 3)))
        text = text.replace("+380 50 000 00 31", self.p.number("MD", "+380 50 083 51 94"))
        doc = json.loads(text)
        doc.pop("attachments")
        return json.dumps(self.p.json(doc), ensure_ascii=False, indent=1).encode()

    def fresh(self, text, *numbers):
        """Own numbers, so that nothing counts as sent before."""
        self.runs += 1
        for n in numbers:
            check(n in text, f"{n} is not in the sample")
            text = text.replace(n, n + f"-{self.runs}")
        return text


ROUTES = {"MD": ("UA", "MDUA-1", "rest"), "UA": ("MD", "MDUA-1", "rest"), "BY": ("MD", "BYMD-1", "folder"),
          "AL": ("MD", "ALMD-1", "folder")}


# --- where it is looked for ------------------------------------------------------------------------


class Watcher:
    """Command lines and environments of every process of this user, gathered all the time."""

    def __init__(self):
        self.seen, self.stopped = set(), threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        own = os.getpid()
        while not self.stopped.wait(0.05):
            for folder in glob.glob("/proc/[0-9]*"):
                if folder == f"/proc/{own}":
                    continue
                for name in ("cmdline", "environ"):
                    try:
                        with open(os.path.join(folder, name), "rb") as f:
                            self.seen.add(f.read())
                    except OSError:
                        continue

    def stop(self):
        self.stopped.set()
        self.thread.join(5)


def files_below(folder, without):
    for root, folders, names in os.walk(folder):
        folders[:] = [f for f in folders if os.path.join(root, f) not in without]
        for n in names:
            path = os.path.join(root, n)
            if os.path.isfile(path) and not os.path.islink(path):
                yield path


def open_files(pid):
    """Regular files that a process holds open, each once, unlinked ones included; none when we may not look."""
    seen = set()
    for fd in glob.glob(f"/proc/{pid}/fd/*"):
        try:
            at = os.stat(fd)
            if stat.S_ISREG(at.st_mode) and (at.st_dev, at.st_ino) not in seen:
                seen.add((at.st_dev, at.st_ino))
                with open(fd, "rb") as f:
                    yield fd, f.read()
        except OSError:
            continue


def cores(world, started):
    with open("/proc/sys/kernel/core_pattern", encoding="ascii", errors="replace") as f:
        pattern = f.read().strip()
    places = [world.folder] + [g.folder for g in world]
    if pattern.startswith("/"):
        places.append(os.path.dirname(pattern))
    for place in places:
        for path in glob.glob(os.path.join(place, "*core*")):
            try:
                if os.path.isfile(path) and os.path.getmtime(path) >= started and path.endswith(tuple("0123456789e")):
                    yield path
            except OSError:
                continue


class Test:
    def __init__(self):
        resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)
        self.o = Offices(["BY", "MD", "UA", "AL"], build="release")
        self.world = self.o.world
        self.started = time.time()
        self.documents = Documents()
        self.plantation = self.documents.p
        self.heard = []    # (where, octets) that others than the office are told
        self.receivers = {}  # country of the sender -> [(where, octets)] at the receiving side
        self.cases = {}
        self.temp = os.path.join(self.world.folder, "tmp")
        os.makedirs(self.temp)
        self.watcher = Watcher()

    def start(self):
        self.o.configure()
        self.world.start(env={"TMPDIR": self.temp})
        self.world.install("MDUA-1", "BYMD-1", "ALMD-1")

    def close(self):
        self.watcher.stop()
        self.world.stop()

    def own_places(self):
        """The offices' own folders: clear text may stand there."""
        return {g.office_folder for g in self.world} | {os.path.join(self.world.folder, "keys")}

    # -- what happens -----------------------------------------------------------------------------

    def send_all(self):
        for country, (to, _, face) in ROUTES.items():
            document = getattr(self.documents, country.lower())()
            ok, r = self.world[country].submit(document, face)
            check(ok, f"{country}: {json.dumps(r, ensure_ascii=False)[:1500]}")
            self.heard.append((f"result of {country}", json.dumps(
                {k: v for k, v in r.items() if k not in ("losses", "withheld")}).encode()))
            a = self.o.desks[to].wait(r["caseId"], "M01", 30)
            self.receivers.setdefault(country, []).extend(
                [(f"deliverable at {to}", a.body), (f"losses at {to}", json.dumps(a.losses, ensure_ascii=False).encode())])
            self.cases[country] = (to, r)

    def answer_all(self):
        for country, (to, r) in self.cases.items():
            case = r["caseId"]
            self.o.verb(to, case, "take", officer="Elena Ceban").need(202)
            self.o.verb(to, case, "ask", fields=[{"field": "Person/MaritalStatus"}]).need(202)
            self.o.desks[country].wait(case, "M05", 30)
            self.o.verb(country, case, "answer", fields=[{"field": "Person/MaritalStatus", "state": "provided"}]).need(202)
            a = self.o.desks[to].wait(case, "M06", 30)
            self.receivers[country].append((f"answer at {to}", a.body))
            for path in (f"/v1/cases/{case}", f"/v1/messages?case={case}", f"/v1/messages/{r['messageId']}",
                         f"/v1/messages/{r['messageId']}/why"):
                self.receivers[country].append((f"{path} at {to}", self.world[to].rest("GET", path).need(200).body))
                for g in (self.world[to], self.world[country]):
                    self.heard.append((f"{path} to the operator", g.rest("GET", path, key=g.operator).body))
            for g in (self.world[to], self.world[country]):
                self.heard.append(("refusal to the operator",
                                   g.rest("GET", f"/v1/messages/{r['messageId']}/losses", key=g.operator).need(403).body))

    def mistakes(self):
        """Documents with canaries in all the wrong places: every refusal is kept."""
        word = self.plantation.word(True)[0]
        cyrillic = self.plantation.word(False)[0]
        self.plantation.canaries.append(Canary("MD", "mistake", (word, cyrillic)))
        good = self.documents.md()
        for where in (("person", "birthDate"), ("person", "gender"), ("case", "urgency"), ("risk", "riskLevel"),
                      ("case", "beneficiaryType"), ("trafficking", "victimStatus"), ("person", "maritalStatus")):
            d = json.loads(good)
            d[where[0]][where[1]] = word
            self.refuse("MD", json.dumps(d).encode())
        d = json.loads(good)
        d["person"]["idnp"] = {"x": word}
        d["unheardOf"] = cyrillic
        d["notes"] = (cyrillic + " ") * 2000
        self.refuse("MD", json.dumps(d).encode())
        self.refuse("MD", good[:len(good) - 40] + word.encode())
        self.refuse("MD", good.replace(b'"notes": "', b'"notes": "\xff'))
        text = self.documents.by()
        put = cyrillic.encode("windows-1251")
        for tag in ("Срочность", "ДатаРождения", "Пол", "ВидЭксплуатации", "КатегорияРиска"):
            t = tag.encode("windows-1251")
            self.refuse("BY", re.sub(b"<" + t + b">[^<]*", b"<" + t + b">" + put, text, count=1))
        self.refuse("BY", text.decode("windows-1251").encode())
        self.refuse("BY", text[:len(text) // 2])
        text = self.documents.ua().decode()
        for tag in ("Stat", "DataNarodzhennia", "Hromadianstvo", "RivenRyzyku"):
            self.refuse("UA", re.sub(rf"<{tag}([^>]*)>[^<]*", rf"<{tag}\1>{cyrillic}", text, count=1).encode())
        self.refuse("UA", text.replace("</Napravlennia>", f"<Nevidome>{cyrillic}</Nevidome></Napravlennia>").encode())
        text = self.documents.al().decode()
        for tag in ("Urgjenca", "Datelindja", "NID", "Forma1"):
            self.refuse("AL", re.sub(rf"<{tag}>[^<]*", f"<{tag}>{word}", text, count=1).encode())

    def refuse(self, country, document):
        ok, r = self.world[country].submit(document, ROUTES[country][2])
        check(not ok, f"{country}: a document with a mistake was taken: {document[:200]!r}")
        self.heard.append((f"refusal of {country}", json.dumps(r, ensure_ascii=False).encode()))

    def forged(self):
        """A partner's message with canaries where codes stand: what the receiver says and logs about it."""
        to, r = self.cases["MD"]
        e = self.world["MD"].rest("GET", f"/v1/messages/{r['messageId']}/evidence").need(200).json()
        document = base64.b64decode(e["sealedDocument"])
        word = self.plantation.word(True)[0]
        self.plantation.canaries.append(Canary("MD", "forged", (word,)))
        for pattern, put in ((rb'<Level code="[A-Z_]+"', b'<Level code="' + word.encode() + b'"'),
                             (rb"<BirthDate precision=\"day\">[^<]*", b'<BirthDate precision="day">' + word.encode()),
                             (rb'kind="M01"', b'kind="' + word.encode() + b'"'),
                             (rb"<Risk>", b"<Risk><" + word.encode() + b"/>")):
            changed, n = re.subn(pattern, put, document, count=1)
            check(n == 1, f"{pattern} is not in the document")
            kind, body = forge(self.world, self.world["MD"], self.world[to], changed, r["caseId"], "MDUA-1")
            for name in ("forge.xml", "forge.out", "forge.out.type"):
                os.unlink(os.path.join(self.world.folder, name))
            _, _, answer = post(self.world[to], body, kind, self.world["MD"].keys)
            check(b"Receipt>" not in answer, "a forged message was receipted")
            self.heard.append(("answer to a forged message", answer))

    def killed(self):
        """SIGABRT at sender and receiver while a large body is half received and messages are under way."""
        big = self.plantation.word(True)[0]
        self.plantation.canaries.append(Canary("MD", "half a body", (big,)))
        g = self.world["MD"]
        plain = socket.create_connection(("127.0.0.1", g.office_port), 10)
        s = ssl.create_default_context(cafile=self.world.ca).wrap_socket(plain, server_hostname="localhost")
        try:
            s.sendall(f"PUT /v1/attachments/half.pdf HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {g.key}\r\n"
                      f"Content-Type: application/pdf\r\nContent-Length: 8000000\r\n\r\n".encode())
            s.sendall((big + " ").encode() * 300_000)
            time.sleep(0.5)
            self.half_open = list(open_files(g.process.pid))
            documents = [self.documents.md() for _ in range(4)]
            for d in documents:
                check(self.world["MD"].submit(d)[0], "a referral was refused")
            for victim in ("MD", "UA"):
                self.world[victim].process.send_signal(signal.SIGABRT)
            for victim in ("MD", "UA"):
                code = self.world[victim].process.wait(30)
                check(code == -signal.SIGABRT, f"{victim} ended with {code}")
        finally:
            plain.close()
        self.sweep_stopped = self.sweep()
        for victim in ("MD", "UA"):
            self.world[victim].start(env={"TMPDIR": self.temp})
        before = len(self.o.desks["UA"].arrived)

        def all_there():
            self.o.desks["UA"].poll()
            return len(self.o.desks["UA"].arrived) >= before + len(documents)
        wait_for("the messages of before the kill", all_there, 40)

    # -- what is looked at ------------------------------------------------------------------------

    def sweep(self):
        """(where, octets) of every file of the gateways but the offices' own folders."""
        return [(p, self.octets(p)) for p in files_below(self.world.folder, self.own_places())]

    @staticmethod
    def octets(path):
        try:
            with open(path, "rb") as f:
                return f.read()
        except OSError:
            return b""

    def hunter(self):
        return Hunter([CYRILLIC, LATIN] + [w for w in self.plantation.words() if not w.startswith((CYRILLIC, LATIN))])

    def none(self, places):
        hunter, found = self.hunter(), []
        count = 0
        for where, octets in places:
            count += 1
            found += hunter.hunt(octets, where)
        check(not found, f"{len(found)} found:\n       " + "\n       ".join(found[:12]))
        return count


def main():
    suite = Suite()
    t = Test()

    def finds():
        words = {"text": t.plantation.words() or [CYRILLIC, LATIN]}["text"]
        hunter = t.hunter()
        path = os.path.join(t.world.folder, "planted")
        count = 0
        for w in (words[0], words[-1], CYRILLIC + "абд", LATIN.upper() + "ABD"):
            for octets in list(forms(w))[:200]:
                with open(path, "wb") as f:
                    f.write(os.urandom(500) + octets + os.urandom(500))
                hit = [x for p, o in t.sweep() if p == path for x in hunter.hunt(o, p)]
                check(hit, f"{octets!r} was planted and not found")
                count += 1
                if count > 60:
                    break
        os.unlink(path)

    def finds_in_base64():
        hunter = t.hunter()
        for w in t.plantation.words()[:3] + [CYRILLIC, LATIN]:
            for skip in range(3):
                for encoding in ("utf-8", "windows-1251"):
                    octets = base64.b64encode(b"x" * skip + f"{w} and more".encode(encoding))
                    check(hunter.hunt(octets, "planted"), f"{w} at {skip} in Base64 of {encoding} was not found")

    def withheld():
        for country, places in t.receivers.items():
            to = ROUTES[country][0]
            g = t.world[to]
            places = places + [(p, t.octets(p)) for p in files_below(g.folder, set())]
            words = t.plantation.never(country)
            check(words, f"nothing is withheld of {country}")
            hunter = Hunter(words)
            found = [x for where, octets in places for x in hunter.hunt(octets, where)]
            check(not found, f"of {country} at {to}: " + "\n       ".join(found[:10]))

    def carried():
        for country, places in t.receivers.items():
            body = places[0][1]
            mine = [c for c in t.plantation.canaries if c.country == country]
            there = [c.field for c in mine if any(Hunter([w]).hunt(body, "") for w in c.words)]
            check(len(there) >= 6, f"of {country} only {there} arrived: the hunt would prove nothing")

    def cores_none():
        found = list(cores(t.world, t.started))
        t.none((p, t.octets(p)) for p in found)
        check(not found, f"core files: {found}")

    try:
        t.start()
        suite.run("referrals of all four countries with canaries in every field are sent and handed over", t.send_all,
                  trouble=t.o.trouble)
        suite.run("they are taken, asked about and answered", t.answer_all, trouble=t.o.trouble)
        suite.run("documents with canaries in the wrong places are refused", t.mistakes)
        suite.run("forged messages with canaries are refused", t.forged)
        suite.run("sender and receiver end by SIGABRT in the middle and finish afterwards", t.killed, trouble=t.o.trouble)
        suite.run("a canary planted in a file is found, in every form", finds)
        suite.run("a canary is found in Base64 at each of the three places", finds_in_base64)
        suite.run("what was carried arrived, so that there is something to find", carried)
        suite.run("no canary stands in a log, a store file, a spool or a temporary file", lambda: t.none(t.sweep()))
        suite.run("nor did one right after the kill", lambda: t.none(getattr(t, "sweep_stopped", [("", CYRILLIC.encode())])))
        suite.run("nor in a file that a gateway holds open, unlinked ones too", lambda: t.none(
            getattr(t, "half_open", []) + [x for g in t.world if g.alive() for x in open_files(g.process.pid)]))
        suite.run("no canary stands in a metric or a status", lambda: t.none(
            (f"{path} of {g.gateway}", g.rest("GET", path, key=g.operator).need(200).body) for g in t.world
            for path in ("/metrics", "/v1/status", "/v1/tasks", "/v1/queue", "/v1/partners", "/v1/cases", "/v1/messages")))
        suite.run("no canary stands in a refusal, an error or what an operator is told", lambda: t.none(t.heard))
        suite.run("no canary stands in a command line or an environment", lambda: t.none(
            (f"process {i}", x) for i, x in enumerate(list(t.watcher.seen))))
        suite.run("no core is left, and none holds a canary", cores_none)
        suite.run("what is withheld occurs nowhere on the receiving side, deliverable and loss report included", withheld)
        print(f"metric canaries {len(t.plantation.words())} words")
    except (Failure, OSError) as e:
        suite.failed += 1
        print(f"FAIL the gateways did not start: {e}\n{t.o.trouble()}")
    finally:
        t.close()
    return suite.close()


if __name__ == "__main__":
    sys.exit(main())
