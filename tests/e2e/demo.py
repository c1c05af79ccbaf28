#!/usr/bin/env python3
"""make demo: five gateways on loopback, real referrals between them, what each side sees.

  make demo                       every active leg of every shipped agreement, once
  make demo SEED=7                other people, other codes
  make demo KEEP=1                leaves the gateways running and says how to talk to them
  make demo FROM=UA TO=MD IN=f    carries your own document

Ends with the lines demo_delivered, demo_wrong, demo_seconds; exit 0 only when everything that was
expected happened.
"""
import argparse
import base64
import json
import os
import re
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from forms import OFFICE, Forms, plain  # noqa: E402
from world import COUNTRIES, TREE, Failure, World, agreement, shipped_agreements, wait_for  # noqa: E402

FACE = {"MD": "rest", "UA": "rest", "BY": "folder", "AL": "folder", "IOM": "ctl"}
PDF = b"%PDF-1.4\n% a consent form of somebody invented\n"


def say(*words):
    print(*words, flush=True)


def office_as_written(country, to):
    """How a country's form spells an office: the national forms know ids of two letters only."""
    return "XX-IOM-MISSION" if to == "IOM" and country != "IOM" else OFFICE[to]


class Referral:
    """One case of the demo, from M01 to its answer."""

    def __init__(self, sender, receiver, agreement_id, person, plan):
        self.sender, self.receiver, self.agreement = sender, receiver, agreement_id
        self.person, self.plan = person, plan
        self.case = self.message = None
        self.steps = []      # (kind, from, to)
        self.seen = {}       # kind -> what the other side got, in its form
        self.losses = []     # of the sender
        self.receiving = []  # of the receiver
        self.decision = None
        self.answered = False
        self.attachment = None
        self.linked = None   # the case this one goes on from

    def __str__(self):
        return f"{self.agreement} {self.sender} -> {self.receiver}"


class Demo:
    def __init__(self, world, seed):
        self.world, self.forms = world, Forms(seed)
        self.referrals, self.by_case = [], {}
        self.wrong = 0
        self.seen = set()
        self.arrived = 0

    def expect(self, truth, what):
        if not truth:
            self.wrong += 1
            say(f"WRONG: {what}")
        return truth

    # -- sending ----------------------------------------------------------------------------

    def send(self, referral, **more):
        g = self.world[referral.sender]
        document = self.forms.m01(referral.sender, office_as_written(referral.sender, referral.receiver),
                                  referral.agreement, referral.person, **more)
        ok, result = g.submit(document, FACE[referral.sender])
        if not self.expect(ok, f"{referral}: the referral was refused: {json.dumps(result)[:1200]}"):
            return False
        referral.case, referral.message = result["caseId"], result["messageId"]
        referral.losses = result.get("losses", [])
        self.by_case[referral.case] = referral
        self.referrals.append(referral)
        referral.steps.append(("M01", referral.sender, referral.receiver))
        return True

    # -- receiving, through each office's own face ------------------------------------------

    def poll(self, country):
        """New deliverables of an office: (kind, case, number to answer, document, headers, losses)."""
        return {"rest": self.poll_rest, "folder": self.poll_folder, "ctl": self.poll_ctl}[FACE[country]](country)

    def poll_rest(self, country):
        g = self.world[country]
        for d in g.deliverables():
            if not d.get("available", True):
                continue
            a = g.fetch(d["deliveryId"])
            losses = g.rest("GET", f"/v1/deliverables/{d['deliveryId']}/losses").need(200).json()
            files = [g.rest("GET", f"/v1/deliverables/{d['deliveryId']}/attachments/{i + 1}").need(200).body
                     for i in range(int(a.headers.get("trm-attachments", "0")))]
            g.acknowledge(d["deliveryId"])
            yield a.headers["trm-kind"], a.headers["trm-case"], a.body, losses, files

    def poll_ctl(self, country):
        g = self.world[country]
        for d in g.ctl_json("deliverable", "list")["items"]:
            target = os.path.join(g.folder, "got-" + d["deliveryId"])
            g.ctl("deliverable", "get", d["deliveryId"], "--output", target)
            with open(target, "rb") as f:
                body = f.read()
            g.ctl("deliverable", "ack", d["deliveryId"])
            yield d["kind"], d["caseId"], body, {}, []

    def poll_folder(self, country):
        g = self.world[country]
        folder = os.path.join(g.office_folder, "outgoing")
        for name in g.outgoing():
            path = os.path.join(folder, name)
            with open(path, "rb") as f:
                body = f.read()
            losses_path = path.rsplit(".", 1)[0] + ".losses.json"
            losses = json.load(open(losses_path, encoding="utf-8")) if os.path.exists(losses_path) else {}
            os.makedirs(os.path.join(folder, "done"), exist_ok=True)
            os.rename(path, os.path.join(folder, "done", name))
            kind, case, _ = read_form(country, body)
            yield kind, case, body, losses, []

    # -- answering --------------------------------------------------------------------------

    def document(self, referral, country, kind, to, body, **more):
        """Answers with a national document, naming the number that stood in what was received."""
        _, _, ref = read_form(country, body)
        doc = self.forms.answer(country, kind, office_as_written(country, to), referral.agreement, referral.case, ref, **more)
        ok, result = self.world[country].submit(doc, FACE[country])
        self.expect(ok, f"{referral}: {kind} of {country} was refused: {json.dumps(result, ensure_ascii=False)[:1200]}")
        referral.steps.append((kind, country, to))

    def verb(self, referral, country, kind, to, word, **more):
        """Answers with a verb of the API or of the tool."""
        g = self.world[country]
        if FACE[country] == "ctl":
            words = ["case", word, referral.case]
            for k, v in more.items():
                for item in v if isinstance(v, list) else [v]:
                    words += ["--" + k.replace("_", "-"), item]
            run = g.ctl(*words, check=False)
            self.expect(run.returncode == 0, f"{referral}: case {word}: {run.stderr[:600]}")
        else:
            a = g.rest("POST", f"/v1/cases/{referral.case}/{word}", json.dumps(more),
                       {"Content-Type": "application/json"})
            self.expect(a.status == 202, f"{referral}: case {word}: {a.status} {a.body[:800]}")
        referral.steps.append((kind, country, to))

    def take(self, r, body):
        if r.receiver in ("BY", "AL", "UA"):
            self.document(r, r.receiver, "M03", r.sender, body)
        else:
            self.verb(r, r.receiver, "M03", r.sender, "take", officer="Elena Ceban")

    def decide(self, r, body):
        decline = r.plan == "decline"
        r.decision = "declined" if decline else "accepted"
        if body is not None and r.receiver in ("BY", "AL", "UA"):
            self.document(r, r.receiver, "M04", r.sender, body, decline=decline)
        elif decline:
            self.verb(r, r.receiver, "M04", r.sender, "decline", reasons=["NOT_NATIONAL"]) \
                if FACE[r.receiver] != "ctl" else self.verb(r, r.receiver, "M04", r.sender, "decline",
                                                           reason="NOT_NATIONAL")
        else:
            self.verb(r, r.receiver, "M04", r.sender, "accept", officer="Elena Ceban")

    ASKED = {"MD": "person.maritalStatus", "UA": "Osoba/SimeinyiStan", "BY": "СемейноеПоложение", "AL": "GjendjaCivile",
             "IOM": "Person/MaritalStatus"}

    def ask(self, r, body):
        if r.receiver in ("BY", "AL", "UA"):
            self.document(r, r.receiver, "M05", r.sender, body)
        elif FACE[r.receiver] == "ctl":
            self.verb(r, r.receiver, "M05", r.sender, "ask", field=self.ASKED[r.receiver])
        else:
            self.verb(r, r.receiver, "M05", r.sender, "ask", fields=[{"field": self.ASKED[r.receiver],
                                                                     "purpose": "ASSIST"}])

    def reply(self, r):
        """The sender's office answers what was asked, from its own referral."""
        if FACE[r.sender] == "ctl":
            self.verb(r, r.sender, "M06", r.receiver, "answer", provide=self.ASKED[r.sender])
        else:
            self.verb(r, r.sender, "M06", r.receiver, "answer",
                      fields=[{"field": self.ASKED[r.sender], "state": "provided"}])

    def handle(self, country, kind, case, body, losses, files):
        r = self.by_case.get(case)
        if not self.expect(r is not None, f"{country} got a {kind} of an unknown case {case}"):
            return
        self.arrived += 1
        r.seen[kind] = (country, body)
        if kind == "M01":
            r.receiving = losses.get("here", []) if isinstance(losses, dict) else losses
            self.m01_body = body
            if r.attachment:
                self.expect(files and files[0] == r.attachment, f"{r}: the attachment did not arrive as it was")
            self.take(r, body)
            if r.plan == "question":
                r.m01_body = body
                self.ask(r, body)
            else:
                self.decide(r, body)
        elif kind == "M05":
            self.reply(r)
        elif kind == "M06":
            self.decide(r, r.m01_body)
        elif kind == "M04":
            r.answered = True

    def run_until_answered(self, seconds, which=None):
        def all_done():
            for country in self.world.countries:
                if self.world[country].alive():
                    for item in list(self.poll(country)):
                        self.handle(country, *item)
            return all(r.answered for r in (which or self.referrals))
        wait_for("all answers to come home", all_done, seconds)

    # -- telling ----------------------------------------------------------------------------

    def tell(self, r):
        g = self.world[r.sender]
        m = g.message(r.message) if FACE[r.sender] != "ctl" else g.ctl_json("show", r.message)
        country, body = r.seen.get("M01", (None, b""))
        say(f"\n== {r}   case {r.case}")
        say(f"   sent       M01 by {OFFICE[r.sender]} through {FACE[r.sender]}, "
            f"receipted {m.get('receiptAt') or 'NOT AT ALL'}")
        if body:
            text = decode(body).strip().splitlines()
            say(f"   {r.receiver:3} got    {len(body)} octets in its own form, beginning:")
            for line in [t for t in text if t.strip()][1:5]:
                say(f"              {line.strip()[:100]}")
        withheld = [x for x in r.losses if x.get("kind") == "withheld"]
        other = [x for x in r.losses if x.get("kind") not in ("withheld", "carried")]
        for x in withheld[:6]:
            say(f"   withheld   {x.get('path') or x.get('field') or x.get('category')}: {x.get('reason') or ''}"
                f"{' [' + x['clause'] + ']' if x.get('clause') else ''}")
        if len(withheld) > 6:
            say(f"   withheld   and {len(withheld) - 6} more fields")
        for x in (other + [y for y in r.receiving if y.get("kind") not in ("withheld", "carried")])[:5]:
            say(f"   {x['kind']:10} {x.get('field') or x.get('path')}: {x.get('from') or ''} -> {x.get('to') or ''} "
                f"{x.get('reason') or ''}".rstrip())
        if r.linked:
            linked = self.world[r.receiver].case(r.case).get("linkedCase")
            self.expect(linked == r.linked, f"{r}: linked to {linked} instead of {r.linked}")
            say(f"   goes on    from case {r.linked} (AL -> IOM)")
        say("   then       " + ", ".join(f"{k} {a}->{b}" for k, a, b in r.steps[1:]) + f"; {r.decision}")
        self.expect(m.get("state") == "delivered", f"{r}: the M01 is {m.get('state')}")

    def delivered(self):
        total = 0
        for g in self.world:
            after = ""
            while True:
                page = g.rest("GET", f"/v1/messages?direction=out&after={after}").need(200).json()
                total += sum(1 for m in page["items"] if m["state"] == "delivered")
                after = page.get("next") or ""
                if not after:
                    break
        return total


def decode(body):
    head = body[:80].decode("ascii", "replace")
    m = re.search(r'encoding="([^"]+)"', head)
    return body.decode(m.group(1) if m else "utf-8", "replace")


def read_form(country, body):
    """(kind, case, number to answer) as the office's own people would read them off its form."""
    text = decode(body)

    def tag(name):
        m = re.search(rf"<(?:\w+:)?{name}[^>/]*>([^<]*)<", text)
        return m.group(1).strip() if m else ""

    if country == "MD":
        d = json.loads(text)
        kinds = {"referralRequest": "M01", "receipt": "M03", "decision": "M04", "informationRequest": "M05",
                 "informationResponse": "M06"}
        return kinds[d["type"]], d["case"].get("crossBorderCaseId", ""), d["messageId"]
    if country == "BY":
        kinds = {"НП": "M01", "РС": "M03", "РШ": "M04", "ЗП": "M05", "ОТ": "M06"}
        return kinds[tag("ВидСообщения")], tag("НомерДелаМежд"), tag("ИсходящийНомер")
    if country == "UA":
        kinds = {"Napravlennia": "M01", "PidtverdzhenniaOtrymannia": "M03", "RishenniaPoNapravlenniu": "M04",
                 "ZapytVidomostei": "M05", "VidpovidNaZapyt": "M06"}
        return kinds[tag("serviceCode") or tag("id:serviceCode")], tag("MizhnarodnyiNomer"), tag("VykhidnyiNomer")
    if country == "AL":
        kinds = {"KerkeseReferimi": "M01", "VertetimMarrje": "M03", "Vendim": "M04", "KerkeseInformacioni": "M05",
                 "PergjigjeInformacioni": "M06"}
        root = re.search(r"<([A-Za-z]+) version", text).group(1)
        return kinds[root], tag("NumriNderkombetar"), tag("NrDalje")
    m = re.search(r'kind="(M\d\d)"', text)
    return m.group(1), tag("CaseId"), tag("OfficeNumber") or tag("MessageId")


def active_legs():
    for name in shipped_agreements():
        a = agreement(name)
        for leg in a["legs"]:
            if leg["state"] in ("ACTIVE", "PROVISIONAL"):
                yield name, leg["from"], leg["to"]


def citizen_for(sender, receiver):
    for country in (receiver, sender, "MD"):
        if country != "IOM":
            return country
    return "MD"


def everything(demo, world):
    # Referrals to the organisation first: one of them goes on from there under a second case.
    legs = sorted(active_legs(), key=lambda leg: leg[2] != "IOM")
    say(f"{len(legs)} active legs of {len(shipped_agreements())} agreements")
    for i, (name, sender, receiver) in enumerate(legs):
        person = demo.forms.person(citizen_for(sender, receiver) if receiver != "IOM" else sender)
        plan = "decline" if i == 1 else "question" if i == 2 else "accept"
        r = Referral(sender, receiver, name, person, plan)
        more = {}
        if (sender, receiver) == ("IOM", "BY"):
            # There is no leg between AL and BY: the organisation carries the case on, linked to the first.
            first = next(x for x in demo.referrals if (x.sender, x.receiver) == ("AL", "IOM"))
            r.person, r.linked = first.person, first.case
            more["linked"] = first.case
        if sender == "MD" and receiver == "UA" and not any(x.attachment for x in demo.referrals):
            r.attachment = PDF
            more["attachment"] = {"name": "consimtamant.pdf", "mediaType": "application/pdf", "category": "consent",
                                  "contentBase64": base64.b64encode(PDF).decode()}
        demo.send(r, **more)
    demo.run_until_answered(60)
    refusals(demo, world)
    waits(demo, world)


def refusals(demo, world):
    say("\n-- what is refused")
    p = demo.forms.person("UA")
    ok, result = world["BY"].submit(demo.forms.m01_by("UA-COORD", "BYUA-1", p), FACE["BY"])
    demo.expect(not ok and "suspended" in json.dumps(result), f"a suspended leg was not refused: {result}")
    say(f"   BY -> UA under BYUA-1: {result.get('code')}: {result.get('detail')}")
    ok, result = world["MD"].submit(demo.forms.m01_md("UA-COORD", "MDUA-1", p, consent=False))
    demo.expect(not ok, f"a referral without consent was not refused: {result}")
    say(f"   MD -> UA without consent: {result.get('code')}: {result.get('detail')}")
    for f in (result.get("findings") or [])[:2]:
        say(f"      {f.get('field')}: {f.get('text')}; {f.get('remedy')}")


def waits(demo, world):
    say("\n-- a partner that is away")
    world["AL"].stop()
    r = Referral("MD", "AL", "ALMD-1", demo.forms.person("AL"), "accept")
    demo.send(r)
    time.sleep(1.0)
    state = world["MD"].message(r.message)["state"]
    demo.expect(state in ("waiting", "sending"), f"{r}: is {state} while the partner is down")
    say(f"   MD -> AL while AL is down: {state}")
    world["AL"].start()
    demo.run_until_answered(20, [r])
    say(f"   AL is back: {world['MD'].message(r.message)['state']}, answered")


def own_document(demo, world, sender, receiver, path):
    with open(path, "rb") as f:
        data = f.read()
    g = world[sender]
    a = g.rest("POST", f"/v1/messages?to={OFFICE[receiver]}", data)
    result = a.json()
    say(json.dumps(result, ensure_ascii=False, indent=1))
    if not demo.expect(a.status == 202, f"{sender} refused the document"):
        return
    got = wait_for("the document to arrive", lambda: world[receiver].deliverables(), 20)
    body = world[receiver].fetch(got[0]["deliveryId"]).body
    demo.arrived += 1
    say(f"\n{receiver} got:\n{decode(body)}")


def keep_running(world):
    say("\nThe gateways go on running. Talk to them, for example:")
    for g in world:
        say(f"  {g.gateway:7} REST https://localhost:{g.office_port}/v1/cases   "
            f"-H 'Authorization: Bearer {g.key}' --cacert {world.ca}")
    g = world["MD"] if "MD" in world.gateways else next(iter(world))
    say(f"  {world.trmctl} --socket {g.socket} --key {g.folder}/office.key case list")
    say("  office folders: " + ", ".join(x.office_folder for x in world))
    say("Stop them with:\n  kill " + " ".join(str(x.process.pid) for x in world) + f" && rm -r {world.folder}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--from", dest="sender", choices=COUNTRIES)
    parser.add_argument("--to", dest="receiver", choices=COUNTRIES)
    parser.add_argument("--in", dest="document")
    parser.add_argument("--quiet", action="store_true", help="only the metrics")
    args = parser.parse_args()
    own = args.sender and args.receiver and args.document
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    world = World([args.sender, args.receiver] if own else list(COUNTRIES), keep=args.keep)
    demo = Demo(world, args.seed)
    started = time.monotonic()
    try:
        world.configure()
        say(f"starting {len(world.countries)} gateways in {world.folder}")
        started = time.monotonic()
        world.start()
        names = shipped_agreements() if not own else [n for n in shipped_agreements()]
        world.install(*names)
        if own:
            own_document(demo, world, args.sender, args.receiver, args.document)
        else:
            everything(demo, world)
        seconds = time.monotonic() - started
        if not args.quiet:
            for r in demo.referrals:
                demo.tell(r)
        delivered = demo.delivered()
        if args.keep:
            keep_running(world)
    except (Failure, KeyboardInterrupt, OSError, KeyError) as e:
        seconds, delivered = time.monotonic() - started, 0
        demo.wrong += 1
        say(f"WRONG: {type(e).__name__}: {e}")
        for g in world:
            say(f"--- {g.gateway}: {g.last_log(5)}")
        args.keep = False
    finally:
        if not args.keep:
            world.keep = False
            world.stop()
    say(f"\nmetric demo_delivered {delivered} messages")
    say(f"metric demo_wrong {demo.wrong} expectations")
    say(f"metric demo_seconds {seconds:.1f} s")
    return 0 if demo.wrong == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
