#!/usr/bin/env python3
"""Scenario tests: real gateways of the sanitizer build on loopback, talked to through their faces.

  scenario.py              all
  scenario.py WORD...      those whose sentence holds one of the words

Ends with "N passed, N failed".
"""
import base64
import hashlib
import hmac
import http.client
import http.server
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from demo import decode  # noqa: E402
from forms import OFFICE  # noqa: E402
from office import Offices, delivery_id  # noqa: E402
from suite import Group, Suite, check, holds, same  # noqa: E402
from wire import Tap, error_of, forge, is_receipt, post  # noqa: E402
from world import TREE, Failure, agreement, wait_for, write  # noqa: E402

PDF = b"%PDF-1.4\n% a scanned page of somebody invented\n"
ALL = ["MDUA-1", "ALMD-1", "ALUA-1", "BYMD-1", "BYUA-1", "IOM-RELAY"]
LONG_ENOUGH = 8.0  # seconds within which a suspension must have taken effect
exchange, refusal, wire, running = Group(), Group(), Group(), Group()


def text_of(answer):
    return json.dumps(answer, ensure_ascii=False)


def bundle_of(o, name, change, label):
    """A bundle of a shipped agreement that change(json) has been at; its file."""
    tree = os.path.join(o.world.folder, "tree-" + label)
    os.makedirs(tree)
    subprocess.run(["cp", "-r", os.path.join(TREE, "agreements"), tree], check=True)
    os.symlink(os.path.join(TREE, "mappings"), os.path.join(tree, "mappings"))
    path = os.path.join(tree, "agreements", name + ".json")
    a = agreement(name)
    change(a)
    write(path, json.dumps(a, ensure_ascii=False, indent=1))
    out = os.path.join(tree, name + ".bundle")
    run = subprocess.run([o.world.trmctl, "agreement", "bundle", name, "--share", tree, "--output", out],
                         capture_output=True, timeout=60)
    check(run.returncode == 0, f"bundle of {name}: {run.stderr.decode()[:800]}")
    return out


def install(o, country, bundle):
    o[country].ctl("agreement", "install", bundle, office=False)


def set_leg(o, country, agreement_id, sender, receiver, state):
    o.operate(country, "POST", f"/v1/agreements/{agreement_id}/legs", **{
        "from": sender, "to": receiver, "state": state, "reason": "a test"}).need(200)


# --- exchange ----------------------------------------------------------------------------------


@exchange
def moldova_to_ukraine(o):
    """A referral of Moldova reaches Ukraine over REST in Ukraine's own form"""
    p = o.person("UA")
    r = o.send("MD", "UA", "MDUA-1", person=p)
    same(r["kind"], "M01", "kind")
    same(r["repeated"], False, "repeated")
    a = o.desks["UA"].wait(r["caseId"], "M01")
    same(a.headers["trm-message"], r["messageId"], "message id at the receiver")
    holds(a.body, "<Napravlennia")
    holds(a.body, p.number)
    holds(a.body, f"<DataNarodzhennia>{p.born:%Y-%m-%d}</DataNarodzhennia>")
    m = o.wait_state("MD", r["messageId"], "delivered")
    check(m["receiptAt"], "no receipt")
    case = o["UA"].case(r["caseId"])
    same(case["role"], "receiver", "role at Ukraine")


@exchange
def answers_by_documents_and_verbs(o):
    """Ukraine takes and accepts by its own documents, Moldova sees both in JSON, the case is accepted on both sides"""
    r = o.send("MD", "UA", "MDUA-1")
    case = r["caseId"]
    ref = o.desks["UA"].wait(case, "M01").number("UA")
    for kind in ("M03", "M04"):
        ok, result = o.reply("UA", kind, "MD", "MDUA-1", case, ref)
        check(ok, f"{kind}: {text_of(result)[:1500]}")
        same(result["caseId"], case, "case")
    taken, decided = o.desks["MD"].wait(case, "M03"), o.desks["MD"].wait(case, "M04")
    same(json.loads(taken.body)["type"], "receipt", "type")
    same(json.loads(decided.body)["decision"], "A", "decision")
    for country in ("MD", "UA"):
        same(o[country].case(case)["state"], "ACCEPTED", f"state at {country}")


@exchange
def belarus_by_folder(o):
    """A referral of Belarus in windows-1251, laid into the folder, reaches Moldova in JSON; Moldova declines by a verb"""
    p = o.person("MD")
    r = o.send("BY", "MD", "BYMD-1", person=p)
    a = o.desks["MD"].wait(r["caseId"], "M01")
    doc = json.loads(a.body)
    same(doc["type"], "referralRequest", "type")
    same(doc["person"]["birthDate"], f"{p.born:%Y-%m-%d}", "birth date")
    check("health" not in doc and "criminal" not in doc, "what BYMD-1 excludes went over")
    o.verb("MD", r["caseId"], "take", officer="Elena Ceban").need(202)
    o.desks["BY"].wait(r["caseId"], "M03")
    o.verb("MD", r["caseId"], "decline", reasons=["NOT_NATIONAL"]).need(202)
    home = o.desks["BY"].wait(r["caseId"], "M04")
    text = home.body.decode("windows-1251")
    holds(text, 'encoding="windows-1251"')
    holds(text, "<Итог>")
    same(o["BY"].case(r["caseId"])["state"], "DECLINED", "state")


@exchange
def albania_to_ukraine(o):
    """A referral of Albania reaches Ukraine, and Ukraine's acceptance reaches Albania's folder"""
    r = o.send("AL", "UA", "ALUA-1")
    ref = o.desks["UA"].wait(r["caseId"], "M01").number("UA")
    for kind in ("M03", "M04"):
        ok, result = o.reply("UA", kind, "AL", "ALUA-1", r["caseId"], ref)
        check(ok, text_of(result)[:1500])
    holds(o.desks["AL"].wait(r["caseId"], "M04").body, "<Vendim")


@exchange
def iom_both_ways(o):
    """IOM writes and reads the canonical document itself: to Belarus, and from Moldova"""
    r = o.send("IOM", "BY", "IOM-RELAY")
    holds(o.desks["BY"].wait(r["caseId"], "M01").body.decode("windows-1251"), "<Анкета")
    r = o.send("MD", "IOM", "IOM-RELAY")
    a = o.desks["IOM"].wait(r["caseId"], "M01")
    holds(a.body, "urn:trm:referral:1")
    holds(a.body, r["caseId"])


@exchange
def linked_case(o):
    """Between Albania and Belarus IOM relays: the second case is linked to the first"""
    first = o.send("AL", "IOM", "IOM-RELAY")
    o.desks["IOM"].wait(first["caseId"], "M01")
    ok, r = o.refer("IOM", "BY", "IOM-RELAY", person=o.person("BY"), linked=first["caseId"])
    check(ok, text_of(r)[:1500])
    o.desks["BY"].wait(r["caseId"], "M01")
    same(o["IOM"].case(r["caseId"])["linkedCase"], first["caseId"], "linked case")


@exchange
def question_in_part(o):
    """A question about two fields is answered in part: one value comes home, the other is refused"""
    r = o.send("MD", "UA", "MDUA-1")
    case = r["caseId"]
    ref = o.desks["UA"].wait(case, "M01").number("UA")
    check(o.reply("UA", "M03", "MD", "MDUA-1", case, ref)[0], "M03 was refused")
    fields = ("Osoba/SimeinyiStan", "Ryzyk/RivenRyzyku")
    ok, result = o.reply("UA", "M05", "MD", "MDUA-1", case, ref, fields=fields)
    check(ok, text_of(result)[:1500])
    asked = json.loads(o.desks["MD"].wait(case, "M05").body)
    same(sorted(q["field"] for q in asked["questions"]), ["person.maritalStatus", "risk.riskLevel"], "what is asked")
    a = o.verb("MD", case, "answer", fields=[{"field": "person.maritalStatus", "state": "provided"},
                                             {"field": "risk.riskLevel", "state": "refused"}])
    a.need(202)
    home = decode(o.desks["UA"].wait(case, "M06").body)
    states = dict(re.findall(r'<Vidpovid pole="([^"]+)" stan="(\d)"', home))
    same(sorted(states), sorted(fields), "answered fields")
    check(states[fields[0]] != states[fields[1]], f"both fields have the same state: {states}")
    holds(home, "<SimeinyiStan>")
    check("<RivenRyzyku>" not in home, "the refused value went over")


@exchange
def ask_by_verb(o):
    """A question asked by a verb reaches Belarus in its own form, and is answered by its own document"""
    r = o.send("BY", "MD", "BYMD-1")
    case = r["caseId"]
    o.desks["MD"].wait(case, "M01")
    o.verb("MD", case, "take").need(202)
    o.verb("MD", case, "ask", fields=[{"field": "person.maritalStatus", "purpose": "ASSIST"}]).need(202)
    text = o.desks["BY"].wait(case, "M05").body.decode("windows-1251")
    holds(text, "СемейноеПоложение")
    o.verb("BY", case, "answer", fields=[{"field": "СемейноеПоложение", "state": "provided"}]).need(202)
    answer = json.loads(o.desks["MD"].wait(case, "M06").body)
    same([(x["field"], x["status"]) for x in answer["answers"]], [("person.maritalStatus", "provided")], "answers")
    check(answer["data"]["person"]["maritalStatus"], "no value")


@exchange
def same_key_twice(o):
    """The same request under the same key gives the first id; other content under it is refused with 409"""
    g, p = o["MD"], o.person("UA")
    first = o.forms.m01("MD", "UA-COORD", "MDUA-1", p)
    other = o.forms.m01("MD", "UA-COORD", "MDUA-1", o.person("UA"))
    key = {"Idempotency-Key": "scenario-1"}
    a = g.rest("POST", "/v1/messages", first, key).need(202).json()
    b = g.rest("POST", "/v1/messages", first, key).need(202).json()
    same((b["messageId"], b["caseId"], b["repeated"]), (a["messageId"], a["caseId"], True), "second answer")
    c = g.rest("POST", "/v1/messages", other, key).need(409).json()
    same(c["code"], "intake.other-content", "code")
    o.desks["UA"].wait(a["caseId"], "M01")
    listed = g.rest("GET", "/v1/messages?case=" + a["caseId"]).need(200).json()["items"]
    same(len(listed), 1, "messages of the case")


@exchange
def same_file_twice(o):
    """The same file laid into the folder twice gives the first id"""
    document = o.forms.m01("BY", "MD-COORD", "BYMD-1", o.person("MD"))
    ok, first = o["BY"].submit(document, "folder")
    check(ok, text_of(first)[:1500])
    ok, second = o["BY"].submit(document, "folder")
    check(ok, text_of(second)[:1500])
    same((second["messageId"], second["repeated"]), (first["messageId"], True), "second result")


@exchange
def same_number_twice(o):
    """The same national case number gives the first id; other content under it is refused: send a correction"""
    document = o.forms.m01("MD", "UA-COORD", "MDUA-1", o.person("UA"))
    g = o["MD"]
    a = g.rest("POST", "/v1/messages", document).need(202).json()
    b = g.rest("POST", "/v1/messages", document).need(202).json()
    same((b["messageId"], b["repeated"]), (a["messageId"], True), "second answer")
    changed = json.loads(document)
    changed["risk"]["riskFactors"] = ["debt"]
    c = g.rest("POST", "/v1/messages", text_of(changed).encode()).need(409).json()
    same(c["code"], "intake.number-used", "code")
    holds(c["detail"], "correction")
    holds(c["detail"], a["caseId"])


@exchange
def attachments(o):
    """An attachment inside a JSON document, and files beside a folder document, arrive octet by octet"""
    r = o.send("MD", "UA", "MDUA-1", attachment={
        "name": "consimtamant.pdf", "mediaType": "application/pdf", "category": "consent",
        "contentBase64": base64.b64encode(PDF).decode()})
    same(o.desks["UA"].wait(r["caseId"], "M01").files, [PDF], "files")
    scan = PDF + os.urandom(300_000)
    document = o.forms.m01("BY", "MD-COORD", "BYMD-1", o.person("MD"), attachments="согласие.pdf")
    ok, r = o["BY"].submit(document, "folder", attachments=[("согласие.pdf", scan)])
    check(ok, text_of(r)[:1500])
    a = o.desks["MD"].wait(r["caseId"], "M01")
    withheld = [x for x in r["losses"] if x["kind"] == "withheld" and "ttachment" in (x.get("path") or "")]
    if withheld:  # the form names no category for it: withheld and listed
        same(a.files, [], "files")
    else:
        same([hashlib.sha256(f).hexdigest() for f in a.files], [hashlib.sha256(scan).hexdigest()], "files")


@exchange
def attachment_of_assigned(o):
    """An office the case is handed on to gets the files its rights reach and no others, and none once it is taken back"""
    for category, files in (("needs", "0"), ("documents", "1")):
        r = o.send("MD", "UA", "MDUA-1", attachment={
            "name": "fisier.pdf", "mediaType": "application/pdf", "category": category,
            "contentBase64": base64.b64encode(PDF).decode()})
        same(o.desks["UA"].wait(r["caseId"], "M01").files, [PDF], f"files of the coordinator, {category}")
        o.verb("UA", r["caseId"], "assign", office="UA-CONS").need(200)
        items = o["UA"].rest("GET", "/v1/deliverables", key=o.consul).need(200).json()["items"]
        name = next(d["deliveryId"] for d in items if d["caseId"] == r["caseId"])
        a = o["UA"].rest("GET", f"/v1/deliverables/{name}", key=o.consul).need(200)
        same(a.headers["trm-attachments"], files, f"files of the consulate, {category}")
        o["UA"].rest("GET", f"/v1/deliverables/{name}/attachments/1", key=o.consul).need(200 if files == "1" else 404)
        o.verb("UA", r["caseId"], "assign", office="UA-CONS", withdraw=True).need(200)
        o["UA"].rest("GET", f"/v1/deliverables/{name}", key=o.consul).need(404)


@exchange
def large_attachment(o):
    """An attachment of 20 MB, uploaded beside its document, arrives octet by octet"""
    name, octets = "scan-large.pdf", PDF + os.urandom(20_000_000)
    digest = hashlib.sha256(octets).hexdigest()
    o["MD"].rest("PUT", "/v1/attachments/" + name, octets, {"Content-Type": "application/pdf"}, timeout=60).need(200, 201)
    o["MD"].rest("PUT", "/v1/attachments/" + name, octets[:100], {"Content-Type": "application/pdf"}).need(409)
    r = o.send("MD", "UA", "MDUA-1", attachment={
        "name": name, "mediaType": "application/pdf", "category": "consent",
        "url": "https://documents.example.org/" + name, "sha256": digest})
    a = o.desks["UA"].wait(r["caseId"], "M01", seconds=40)
    same([hashlib.sha256(f).hexdigest() for f in a.files], [digest], "files")


@exchange
def nothing_stays_in_outgoing(o):
    """What an office has acknowledged over REST does not stay in clear in its exchange folder"""
    r = o.send("MD", "UA", "MDUA-1")
    a = o.desks["UA"].wait(r["caseId"], "M01")
    folder = os.path.join(o["UA"].office_folder, "outgoing")
    wait_for("its files to go", lambda: not [n for n in os.listdir(folder) if n.startswith(a.name)], 10)


@exchange
def losses_and_why(o):
    """The sender reads its loss report and the whole history of a message in plain words"""
    r = o.send("MD", "UA", "MDUA-1")
    o.wait_state("MD", r["messageId"], "delivered")
    losses = o["MD"].rest("GET", f"/v1/messages/{r['messageId']}/losses").need(200).json()["losses"]
    check(losses, "no losses at all")
    for x in losses if isinstance(losses, list) else losses["losses"]:
        check(x.get("kind"), f"a loss without kind: {x}")
    why = o["MD"].rest("GET", f"/v1/messages/{r['messageId']}/why").need(200).json()
    holds(why["now"], "signed receipt is here")
    actions = [s["action"] for s in why["history"]]
    check(actions[:1] == ["message.accepted"] and "message.delivered" in actions, f"history: {actions}")
    out = o["MD"].ctl("why", r["messageId"]).stdout.decode()
    holds(out, "receipt")


@exchange
def check_only(o):
    """A document can be checked without being sent"""
    document = o.forms.m01("MD", "UA-COORD", "MDUA-1", o.person("UA"))
    a = o["MD"].rest("POST", "/v1/messages?check=1", document).need(200).json()
    same(a["state"], "checked", "state")
    time.sleep(0.3)
    a = o["MD"].rest("GET", "/v1/messages/" + (a.get("messageId") or "none"))
    same(a.status, 404, "status of the message that was only checked")


@exchange
def preview_both_sides(o):
    """A preview shows both sides before anything is sent"""
    document = o.forms.m01("MD", "UA-COORD", "MDUA-1", o.person("UA"), note="Notă pentru colegi")
    a = o["MD"].rest("POST", "/v1/preview?to=UA-COORD&agreement=MDUA-1", document).need(200).json()
    same((a["from"], a["to"], a["translated"]), ("MD-referral/1.2", "UA-napravlennia/2.0", True), "forms")
    holds(a["document"], "<Napravlennia")
    both = [x for x in a["rows"] if x["from"].get("label") and x["to"].get("label")]
    check(len(both) > 10, f"{len(both)} rows with labels of both sides")
    marks = {x["mark"] for x in a["rows"]}
    check({"carried", "withheld"} <= marks, f"marks: {marks}")
    check(all(x.get("why") for x in a["rows"] if x["mark"] in ("withheld", "lost")), "a loss without reason")


@exchange
def partner_down_and_back(o):
    """A message waits while its partner is down, and arrives when it is back, once"""
    o["AL"].stop()
    try:
        r = o.send("MD", "AL", "ALMD-1")
        time.sleep(1.5)
        m = o["MD"].message(r["messageId"])
        check(m["state"] in ("waiting", "sending") and m["attempts"] >= 1, f"while the partner is down: {m}")
    finally:
        o["AL"].start()
    o.desks["AL"].wait(r["caseId"], "M01")
    o.wait_state("MD", r["messageId"], "delivered")
    time.sleep(0.5)
    o.desks["AL"].poll()
    same(sum(1 for a in o.desks["AL"].arrived if a.case == r["caseId"]), 1, "hand-overs")


@exchange
def trmctl_does_it_all(o):
    """One case is sent, listed, taken and accepted with trmctl alone"""
    path = os.path.join(o.world.folder, "own.json")
    write(path, o.forms.m01("MD", "UA-COORD", "MDUA-1", o.person("UA")))
    r = o["MD"].ctl_json("submit", path)
    o.desks["UA"].wait(r["caseId"], "M01")
    listed = o["UA"].ctl_json("case", "list")["items"]
    check(r["caseId"] in [c["caseId"] for c in listed], "the case is not in the list")
    shown = o["UA"].ctl_json("case", "show", r["caseId"])
    check("take" in shown["actions"], f"actions: {shown['actions']}")
    o["UA"].ctl("case", "take", r["caseId"])
    o["UA"].ctl("case", "accept", r["caseId"])
    o.desks["MD"].wait(r["caseId"], "M04")
    same(o["MD"].ctl_json("case", "show", r["caseId"])["state"], "ACCEPTED", "state")


# --- refusals ------------------------------------------------------------------------------------


def refused(o, result, code):
    ok, r = result
    check(not ok, f"it was taken: {text_of(r)[:400]}")
    check(r["code"] == code or r["code"].startswith(code), f"code {r['code']}, wanted {code}: {text_of(r)[:1200]}")
    check(r.get("detail"), "no words")
    return r


@refusal
def suspended_leg(o):
    """A referral over a suspended leg is refused, with its clause"""
    r = refused(o, o.refer("BY", "UA", "BYUA-1"), "agreement.leg-suspended")
    check(r.get("clause"), f"no clause: {text_of(r)[:600]}")


@refusal
def missing_consent(o):
    """Without the person's consent a referral of each country is refused"""
    for sender, receiver, name in (("MD", "UA", "MDUA-1"), ("UA", "MD", "MDUA-1"), ("BY", "MD", "BYMD-1"),
                                   ("AL", "UA", "ALUA-1"), ("IOM", "MD", "IOM-RELAY")):
        ok, r = o.refer(sender, receiver, name, consent=False)
        check(not ok, f"{sender}: taken without consent")
        found = r["code"] + " " + " ".join(f.get("text", "") + f.get("code", "") for f in r.get("findings", []))
        check("consent" in found.lower() or "CONSENT" in found, f"{sender}: {text_of(r)[:900]}")


@refusal
def consent_forms(o):
    """What the national yes does not cover by the declared consent form is withheld, with the clause"""
    ok, r = o.refer("MD", "UA", "MDUA-1", extra=lambda d: d["consents"].__setitem__(
        slice(None), [c for c in d["consents"] if c["purpose"] == "assistance"]))
    check(ok, text_of(r)[:1500])
    full = o.send("MD", "UA", "MDUA-1")
    narrow = [x for x in r["losses"] if x["kind"] == "withheld"]
    wide = {x.get("path") for x in full["losses"] if x["kind"] == "withheld"}
    more = [x for x in narrow if x.get("path") not in wide]
    check(more, f"a narrower consent withholds nothing more than {wide}")
    check(all(x.get("clause") and "consent" in x["reason"] for x in more), f"withheld without clause: {more}")
    check(all(x.get("clause") or x.get("reason") for x in narrow), f"withheld without any reason: {narrow}")


@refusal
def terminated_agreement(o):
    """Under a terminated agreement nothing new is sent"""
    def end(a):
        a["version"] = "9"
        for leg in a["legs"]:
            leg["state"] = "TERMINATED"
    install(o, "AL", bundle_of(o, "ALUA-1", end, "terminated"))
    refused(o, o.refer("AL", "UA", "ALUA-1"), "agreement.leg-terminated")


@refusal
def unknown_bundle(o):
    """A receiver that lacks the bundle says so: the sender holds the message, and it goes when installed and released"""
    bundle = bundle_of(o, "ALMD-1", lambda a: a.__setitem__("version", "7"), "unknown")
    install(o, "MD", bundle)
    r = o.send("MD", "AL", "ALMD-1")
    m = o.wait_state("MD", r["messageId"], "held")
    same(m["hold"], "bundle", "kind of hold")
    holds(m["reason"], "bundle")
    tasks = o["MD"].rest("GET", "/v1/tasks").need(200).json()["items"]
    check(any(t.get("messageId") == r["messageId"] for t in tasks), "no task for a person")
    install(o, "AL", bundle)
    o["MD"].ctl("queue", "release", r["messageId"], office=False)
    o.desks["AL"].wait(r["caseId"], "M01")
    o.wait_state("MD", r["messageId"], "delivered")


@refusal
def suspended_while_waiting(o):
    """A leg that is suspended while a message waits holds it within seconds; it goes when the leg runs again"""
    o["AL"].stop()
    r = o.send("MD", "AL", "ALMD-1")
    time.sleep(0.5)
    started = time.monotonic()
    set_leg(o, "MD", "ALMD-1", "MD", "AL", "SUSPENDED")
    try:
        m = o.wait_state("MD", r["messageId"], "held", seconds=LONG_ENOUGH)
        same(m["hold"], "leg", "kind of hold")
        check(time.monotonic() - started < LONG_ENOUGH, "not within seconds")
        refused(o, o.refer("MD", "AL", "ALMD-1"), "agreement.leg-suspended")
    finally:
        o["AL"].start()
        set_leg(o, "MD", "ALMD-1", "MD", "AL", "ACTIVE")
    o.desks["AL"].wait(r["caseId"], "M01")


@refusal
def receiver_decides_too(o):
    """The receiver decides for itself: over a leg that it has suspended the message is refused for good, in words"""
    set_leg(o, "UA", "MDUA-1", "MD", "UA", "SUSPENDED")
    try:
        r = o.send("MD", "UA", "MDUA-1")
        m = o.wait_state("MD", r["messageId"], "rejected", "held")
        same((m["state"], m["reasonCode"]), ("rejected", "trm.denied"), "state and code")
        holds(m["reason"], "state of the leg")
        tasks = o["UA"].rest("GET", "/v1/tasks", key=o["UA"].operator).need(200).json()["items"]
        mine = [t for t in tasks if t.get("messageId") == r["messageId"]]
        check(mine and "suspended" in mine[0]["text"], f"what the receiver's people are told: {mine}")
    finally:
        set_leg(o, "UA", "MDUA-1", "MD", "UA", "ACTIVE")
    check(o.desks["UA"].find(r["caseId"], "M01") is None, "it was handed over")


def ten_mistakes(d):
    d["person"]["birthDate"] = "15.03.1992"
    d["person"]["gender"] = "7"
    d["person"]["citizenships"] = ["ZZZ"]
    d["case"]["beneficiaryType"] = "QQQ"
    d["case"]["urgency"] = "soon"
    d["trafficking"]["exploitation"] = ["Z"]
    d["risk"]["riskLevel"] = "9"
    d["services"] = [{"code": "NONE", "state": "needed"}]
    d["officers"][0]["email"] = ""
    d["unknownField"] = 1


@refusal
def ten_mistakes_ten_findings(o):
    """A document with ten mistakes gives ten findings, each naming the place and the remedy"""
    r = refused(o, o.refer("MD", "UA", "MDUA-1", extra=ten_mistakes), "intake.findings")
    errors = [f for f in r["findings"] if f["severity"] == "error"]
    places = {f.get("field") for f in errors}
    for part in ("birthDate", "gender", "citizenships", "beneficiaryType", "urgency", "exploitation", "riskLevel",
                 "services", "email", "unknownField"):
        check(any(part in (p or "") for p in places), f"no finding for {part}: {sorted(map(str, places))}")
    check(len(places) >= 10, f"{len(places)} places: {places}")
    for f in errors:
        check(f.get("field") or f.get("line"), f"a finding without place: {f}")
        check(f.get("remedy"), f"a finding without remedy: {f}")
        check(f.get("text"), f"a finding without words: {f}")


@refusal
def ten_mistakes_in_xml(o):
    """The same for the Ukrainian form: each wrong field is found by its own name, with its line"""
    document = o.forms.m01("UA", "MD-COORD", "MDUA-1", o.person("UA")).decode()
    wrong = {"DataNarodzhennia": "20.01.1985", "Stat": "X", "Hromadianstvo": "9999", "StatusOsoby": "50",
             "Terminovist": "99", "RivenRyzyku": "77", "SimeinyiStan": "88", "Katehoriia": "66", "StanZhody": "9",
             "SposibVerbuvannia": "QQ"}
    for field, value in wrong.items():
        document, n = re.subn(rf"<{field}>[^<]*</{field}>", f"<{field}>{value}</{field}>", document, count=1)
        same(n, 1, field)
    r = refused(o, o["UA"].submit(document.encode()), "intake.findings")
    errors = [f for f in r["findings"] if f["severity"] == "error"]
    for field in wrong:
        mine = [f for f in errors if (f.get("field") or "").endswith(field)]
        check(mine, f"no finding for {field}: {[f.get('field') for f in errors]}")
        check(mine[0].get("line") and mine[0].get("remedy"), f"{field}: no line or remedy: {mine[0]}")


@refusal
def wrong_octets(o):
    """Broken JSON, broken XML, a wrong encoding and an unknown code are each refused in words"""
    good = o.forms.m01("MD", "UA-COORD", "MDUA-1", o.person("UA"), note="Îngrijire")
    cases = {"broken JSON": good[:len(good) // 2], "no document": b"", "not JSON": b"<a/>",
             "wrong encoding": good.replace("Î".encode(), b"\xce")}
    for name, octets in cases.items():
        a = o["MD"].rest("POST", "/v1/messages?to=UA-COORD&agreement=MDUA-1", octets)
        check(a.status in (400, 422), f"{name}: {a.status} {a.body[:400]}")
        r = a.json()
        check(r.get("detail") and (r.get("findings") or a.status == 400), f"{name}: {text_of(r)[:400]}")
    same(o["MD"].rest("GET", "/livez", key=None).status, 200, "livez")
    document = o.forms.m01("BY", "MD-COORD", "BYMD-1", o.person("MD"), note="Примечание").decode("windows-1251")
    ok, r = o["BY"].submit(document.encode("utf-8"), "folder")
    check(not ok, "UTF-8 octets declared as windows-1251 were taken")
    document = o.forms.m01("UA", "MD-COORD", "MDUA-1", o.person("UA"), note="Примітка").decode()
    ok, r = o["UA"].submit(document.encode("windows-1251"))
    check(not ok and r["findings"], f"windows-1251 octets declared as UTF-8: {text_of(r)[:300]}")


@refusal
def unknown_case(o):
    """An answer to an unknown case is refused, and says which command shows the cases"""
    for country, to, name in (("UA", "MD", "MDUA-1"), ("MD", "UA", "MDUA-1"), ("BY", "MD", "BYMD-1"), ("AL", "MD", "ALMD-1")):
        ok, r = o.reply(country, "M03", to, name, "K7QX-92MD-4RTE-5", "md-1")
        check(not ok, f"{country}: taken")
        holds(text_of(r), "trmctl case list", country)
    a = o.verb("MD", "K7QX-92MD-4RTE-5", "take")
    check(a.status in (404, 422), f"{a.status} {a.body[:300]}")
    holds(a.body, "trmctl case list")


@refusal
def wrong_side_and_state(o):
    """The sender cannot accept its own referral, and nobody accepts twice"""
    r = o.send("MD", "UA", "MDUA-1")
    a = o.verb("MD", r["caseId"], "accept")
    same(a.status, 409, f"own referral accepted: {a.body[:300]}")
    o.desks["UA"].wait(r["caseId"], "M01")
    o.verb("UA", r["caseId"], "take").need(202)
    o.verb("UA", r["caseId"], "accept").need(202)
    a = o.verb("UA", r["caseId"], "accept")
    same(a.status, 409, f"accepted twice: {a.body[:300]}")


@refusal
def too_large(o):
    """A body of 300 MB is refused with 413 before it is sent, at the partner listener too"""
    for path, limit in (("/v1/messages", 8), ("/v1/attachments/huge.pdf", 256)):
        for length in (300_000_000, (limit << 20) + 1):
            status, seconds = announce(o["MD"], o["MD"].office_port, "PUT" if "attach" in path else "POST", path, length)
            same(status, 413, f"{path} with {length} octets")
            check(seconds < 5, f"answered after {seconds:.1f} s")
    status, _ = announce(o["UA"], o["UA"].partner_port, "POST", "/as4", 300_000_000, keys=o["MD"].keys,
                         kind='multipart/related; boundary="b"')
    same(status, 413, "the partner listener")
    same(o["MD"].rest("GET", "/livez", key=None).status, 200, "livez")


def announce(g, port, method, path, length, keys=None, kind="application/octet-stream"):
    """(status, seconds) of a request that announces so many octets and sends none of them."""
    context = ssl.create_default_context(cafile=g.world.ca)
    if keys:
        context.load_cert_chain(f"{keys}/tls.pem", f"{keys}/tls.key")
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), 10) as plain, \
            context.wrap_socket(plain, server_hostname="localhost") as s:
        s.sendall(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {g.key}\r\n"
                  f"Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n".encode())
        line = s.recv(200).decode("latin-1")
    return int(line.split(" ")[1]), time.monotonic() - started


@refusal
def who_may_what(o):
    """Without a key, with a wrong key, as operator, auditor or another office: nobody sees what is not theirs"""
    r = o.send("MD", "UA", "MDUA-1")
    ua = o["UA"]
    got = wait_for("the deliverable", lambda: [d for d in ua.deliverables() if d["caseId"] == r["caseId"]], 20)
    name = delivery_id(got[0])
    paths = [f"/v1/deliverables/{name}", f"/v1/deliverables/{name}/losses", f"/v1/deliverables/{name}/attachments/1"]
    for path in paths:
        same(ua.rest("GET", path, key=None).status, 401, f"{path} without key")
        same(ua.rest("GET", path, key="wrong").status, 401, f"{path} with a wrong key")
        for role in ("operator", "auditor"):
            same(ua.rest("GET", path, key=o.keys["UA", role]).status, 403, f"{path} as {role}")
        check(ua.rest("GET", path, key=o.consul).status in (403, 404), f"{path} as another office")
    for path in (f"/v1/messages/{r['messageId']}/losses", f"/v1/messages/{r['messageId']}/evidence"):
        same(o["MD"].rest("GET", path, key=o["MD"].operator).status, 403, f"{path} as operator")
    evidence = o["MD"].rest("GET", f"/v1/messages/{r['messageId']}/evidence", key=o["MD"].auditor).need(200).json()
    check("sealedDocument" not in evidence, "the auditor reads the content")
    for key, name in ((o["MD"].operator, "operator"), (o["MD"].auditor, "auditor")):
        same(o["MD"].rest("POST", f"/v1/cases/{r['caseId']}/accept", "{}", key=key).status, 403, f"accept as {name}")
        same(o["MD"].rest("POST", "/v1/messages", b"{}", key=key).status, 403, f"submit as {name}")
    same(ua.rest("GET", f"/v1/cases/{r['caseId']}", key=o.consul).status, 404, "the case for another office")
    same(ua.rest("GET", f"/v1/messages/{r['messageId']}", key=o.consul).status, 404, "the message for another office")
    cases = ua.rest("GET", "/v1/cases", key=o.consul).need(200).json()["items"]
    same([c for c in cases if c["caseId"] == r["caseId"]], [], "the case in another office's list")
    same(ua.rest("POST", "/v1/reload", "{}", key=None).status, 401, "reload without key")
    same(ua.rest("POST", "/v1/reload").status, 403, "reload as officer")
    o.desks["UA"].wait(r["caseId"], "M01")


@refusal
def operator_sees_no_content(o):
    """What the operator sees of a message and a case holds no word of the document"""
    p = o.person("UA")
    r = o.send("MD", "UA", "MDUA-1", person=p)
    seen = ""
    for path in (f"/v1/messages/{r['messageId']}", f"/v1/messages/{r['messageId']}/why", f"/v1/cases/{r['caseId']}",
                 "/v1/queue", "/v1/tasks", "/v1/status", "/v1/partners"):
        seen += o["MD"].rest("GET", path, key=o["MD"].operator).need(200).body.decode()
    for word in (p.surname, p.number, f"{p.born:%Y-%m-%d}", f"{p.born:%d.%m.%Y}"):
        check(word not in seen, "a value of the document is shown to the operator")


# --- the wire ------------------------------------------------------------------------------------


def sealed_of(o, result, country="MD"):
    e = o[country].rest("GET", f"/v1/messages/{result['messageId']}/evidence").need(200).json()
    return base64.b64decode(e["sealedDocument"])


def send_forged(o, document, case, *more, keys=None, **how):
    kind, body = forge(o.world, o["MD"], o["UA"], document, case, "MDUA-1", *more, **how)
    status, _, answer = post(o["UA"], body, kind, keys or o["MD"].keys)
    return status, answer


def other(document, pattern, put):
    changed, n = re.subn(pattern, put, document, count=1)
    same(n, 1, f"{pattern} in the document")
    return changed


@wire
def known_message(o):
    """A message sent again in a new envelope is receipted and not handed over twice"""
    r = o.send("MD", "UA", "MDUA-1")
    document = sealed_of(o, r)
    o.desks["UA"].wait(r["caseId"], "M01")
    status, answer = send_forged(o, document, r["caseId"], seal=False)
    check(status == 200 and is_receipt(answer), f"{status} {answer[:800]}")
    time.sleep(0.5)
    o.desks["UA"].poll()
    same(sum(1 for a in o.desks["UA"].arrived if a.case == r["caseId"]), 1, "hand-overs")


@wire
def lost_receipt(o):
    """A receipt is lost on the way: the same octets go once more, the same receipt comes, the office gets it once"""
    path = os.path.join(o["MD"].folder, "partners", "UA-GW1.json")
    with open(path, encoding="utf-8") as f:
        partner = json.load(f)
    tap = Tap(o["UA"], o["MD"])
    tap.answer = lambda _: len(tap.exchanges) > 1  # the first answer is cut off
    try:
        write(path, json.dumps({**partner, "endpoint": tap.url}))
        o["MD"].ctl("reload", office=False)
        r = o.send("MD", "UA", "MDUA-1")
        m = o.wait_state("MD", r["messageId"], "delivered")
        check(m["receiptAt"] and m["attempts"] >= 2, f"the message: {m}")
        first, second = tap.exchanges[0], tap.exchanges[1]
        same(first.body == second.body, True, "the octets of both attempts are the same")
        check(is_receipt(first.answer), first.answer[:300])
        same(first.answer == second.answer, True, "both receipts are the same")
        o.desks["UA"].wait(r["caseId"], "M01")
        time.sleep(0.5)
        o.desks["UA"].poll()
        same(sum(1 for a in o.desks["UA"].arrived if a.case == r["caseId"]), 1, "hand-overs")
    finally:
        write(path, json.dumps(partner))
        o["MD"].ctl("reload", office=False)
        tap.close()


@wire
def used_id_other_content(o):
    """A second message with a used id and other content is refused, and a person hears of it"""
    r = o.send("MD", "UA", "MDUA-1")
    o.desks["UA"].wait(r["caseId"], "M01")
    changed = other(sealed_of(o, r), rb"<Surname>[^<]*</Surname>", b"<Surname>Other</Surname>")
    status, answer = send_forged(o, changed, r["caseId"])
    check(not is_receipt(answer), "it was receipted")
    holds(error_of(answer)[1], "trm.", "the error's detail")
    time.sleep(0.3)
    o.desks["UA"].poll()
    same(sum(1 for a in o.desks["UA"].arrived if a.case == r["caseId"]), 1, "hand-overs")
    tasks = o["UA"].rest("GET", "/v1/tasks", key=o["UA"].operator).need(200).json()["items"]
    check([t for t in tasks if t.get("partner") == "MD-GW1"], "no task for a person")


@wire
def second_first_message(o):
    """A case begins once: a second M01 is refused, also one of its receiver, who would bring other consents into it"""
    r = o.send("MD", "UA", "MDUA-1")
    o.desks["UA"].wait(r["caseId"], "M01")
    again = other(sealed_of(o, r), rb"<MessageId>[^<]*<", b"<MessageId>" + fresh_uuid() + b"<")
    _, answer = send_forged(o, again, r["caseId"])
    holds(error_of(answer)[1], "trm.case-known", "detail of the sender's second")
    theirs = o.send("UA", "MD", "MDUA-1")
    document = other(sealed_of(o, theirs, "UA"), rb"<MessageId>[^<]*<", b"<MessageId>" + fresh_uuid() + b"<")
    document = document.replace(theirs["caseId"].encode(), r["caseId"].encode())
    kind, body = forge(o.world, o["UA"], o["MD"], document, r["caseId"], "MDUA-1")
    _, _, answer = post(o["MD"], body, kind, o["UA"].keys)
    holds(error_of(answer)[1], "trm.case-known", "detail of the receiver's")
    same(o["MD"].case(r["caseId"])["role"], "sender", "role in the case")


FORGERIES = (
    ("a changed document under the old seal", False, rb"<Surname>[^<]*</Surname>", b"<Surname>Other</Surname>", "trm.seal"),
    ("an unknown bundle", True, rb'digest="[0-9a-f]{64}"', b'digest="' + b"0" * 64 + b'"', "trm.bundle-unknown"),
    ("another environment", True, rb'environment="demo"', b'environment="live"', "trm.environment"),
    ("an unknown message", True, rb'kind="M01"', b'kind="M99"', "trm.kind-unknown"),
    ("an unknown office", True, rb'office="UA-COORD"', b'office="UA-NONE"', "trm.office-unknown"),
    ("the id of another gateway", True, rb'gateway="MD-GW1"', b'gateway="BY-GW1"', "trm.header"),
    ("a code of no list", True, rb'<Level code="[A-Z_]+"', b'<Level code="NONSENSE"', "trm.canonical"),
    ("an unknown element", True, rb"<Risk>", b"<Risk><Surprise/>", "trm.canonical"),
)


@wire
def forged_documents(o):
    """A partner with bad intentions is refused in words: seal, bundle, environment, kind, office, header, codes, schema"""
    r = o.send("MD", "UA", "MDUA-1")
    document = sealed_of(o, r)
    o.desks["UA"].wait(r["caseId"], "M01")
    for name, seal, pattern, put, wanted in FORGERIES:
        fresh = document if b"M99" in put else other(document, rb"<MessageId>[^<]*<", b"<MessageId>"
                                                     + fresh_uuid() + b"<")
        status, answer = send_forged(o, other(fresh, pattern, put), r["caseId"], seal=seal)
        code, detail = error_of(answer)
        check(not is_receipt(answer), f"{name} was receipted")
        check(detail.startswith(wanted), f"{name}: {status} {code} {detail!r}, wanted {wanted}")
    tasks = o["UA"].rest("GET", "/v1/tasks", key=o["UA"].operator).need(200).json()["items"]
    words = {t["code"]: t["text"] for t in tasks if t.get("partner") == "MD-GW1"}
    for wanted in {w for *_, w in FORGERIES} - {"trm.kind-unknown"}:
        check(len(words.get(wanted, "")) > 15, f"the receiver's people are not told of {wanted}: {words}")
    same(o["UA"].rest("GET", "/livez", key=None).status, 200, "livez")


def fresh_uuid():
    return str(uuid.uuid4()).encode()


@wire
def forged_seal_key(o):
    """A document sealed by another gateway's key, and a message signed by an unknown one, are refused"""
    r = o.send("MD", "UA", "MDUA-1")
    document = other(sealed_of(o, r), rb"<MessageId>[^<]*<", b"<MessageId>" + fresh_uuid() + b"<")
    _, answer = send_forged(o, document, r["caseId"], "--seal-keys", o["UA"].keys)
    holds(error_of(answer)[1], "trm.seal", "detail")
    foreign = os.path.join(o.world.folder, "keys", "other")
    _, answer = foreign_signer(o, document, r["caseId"], foreign)
    check(not is_receipt(answer), "a foreign signer was receipted")
    same(o["UA"].rest("GET", "/livez", key=None).status, 200, "livez")


def foreign_signer(o, document, case, foreign):
    kind, body = forge(o.world, o["MD"], o["UA"], document, case, "MDUA-1", "--seal-keys", o["MD"].keys, keys=foreign)
    status, _, answer = post(o["UA"], body, kind, o["MD"].keys)
    return status, answer


@wire
def forbidden_category(o):
    """The receiver enforces the agreement too: a category that it forbids is refused, and nothing of it is kept"""
    o.operate("MD", "POST", "/v1/partners/BY-GW1/pause").need(200)
    r = o.send("MD", "BY", "BYMD-1", person=o.person("BY"))
    try:
        document = other(sealed_of(o, r), rb"</Risk>",
                         b"</Risk><Health><FitToTravel>true</FitToTravel></Health>")
        kind, body = forge(o.world, o["MD"], o["BY"], document, r["caseId"], "BYMD-1")
        _, _, answer = post(o["BY"], body, kind, o["MD"].keys)
        detail = error_of(answer)[1]
        check(detail.startswith("trm.denied"), f"detail {detail!r}")
        same(o["BY"].rest("GET", f"/v1/cases/{r['caseId']}").status, 404, "the case at the receiver")
        tasks = o["BY"].rest("GET", "/v1/tasks", key=o["BY"].operator).need(200).json()["items"]
        mine = [t for t in tasks if t.get("messageId") == r["messageId"]]
        check(mine and "Health" in mine[0]["text"], f"what the receiver's people are told: {mine}")
    finally:
        o["MD"].ctl("queue", "cancel", r["messageId"], office=False)
        o.operate("MD", "POST", "/v1/partners/BY-GW1/resume").need(200)


@wire
def foreign_certificate(o):
    """A caller with a certificate of another authority, or with none, does not get past TLS; the daemon goes on"""
    for keys in (os.path.join(o.world.folder, "keys", "other"), os.path.join(o.world.folder, "keys", "expired"), None):
        try:
            status, _, answer = post(o["UA"], b"x", "application/soap+xml", keys, timeout=10)
        except OSError:
            continue
        raise Failure(f"{keys}: status {status} {answer[:200]}")
    r = o.send("MD", "UA", "MDUA-1")
    o.desks["UA"].wait(r["caseId"], "M01")


@wire
def not_as4(o):
    """Octets that are no AS4 message are answered, never with a receipt"""
    for kind, body in (("text/plain", b"hello"), ("application/soap+xml", b"<a/>"),
                       ('multipart/related; boundary="b"', b"--b\r\n\r\n<x"), ("application/soap+xml", b"\xff" * 5000)):
        status, _, answer = post(o["UA"], body, kind, o["MD"].keys)
        check(status in (200, 204, 400, 415, 500) and not is_receipt(answer), f"{kind}: {status} {answer[:200]}")
    same(o["UA"].rest("GET", "/readyz", key=None).status, 200, "readyz")


@wire
def opaque_both_ways(o):
    """Opaque messages of none, one and three parts go both ways, by trmctl to REST and to the folder"""
    folder = o.world.folder
    texts = [b"first part\n", os.urandom(70_000), b"<x/>"]
    names = []
    for i, octets in enumerate(texts):
        names.append(os.path.join(folder, f"opaque-{i}"))
        with open(names[-1], "wb") as f:
            f.write(octets)
    for count in (0, 1, 3):
        out = o["MD"].ctl_json("submit", "--opaque", "--partner", "UA-GW1", "--pmode", "test-parts", *names[:count], office=False)
        same(opaque_at_rest(o, "UA", out["messageId"]), [hashlib.sha256(t).hexdigest() for t in texts[:count]], f"{count} parts")
    out = o["UA"].ctl_json("submit", "--opaque", "--partner", "MD-GW1", "--pmode", "test-parts", names[1], office=False)
    same(opaque_at_rest(o, "MD", out["messageId"]), [hashlib.sha256(texts[1]).hexdigest()], "the way back")


def opaque_at_rest(o, country, eb_or_message):
    g = o[country]

    def look():
        return [d for d in g.deliverables() if d["kind"] == "opaque"]
    d = wait_for("an opaque deliverable", look, 20)[0]
    a = g.fetch(d["deliveryId"])
    files = [g.rest("GET", f"/v1/deliverables/{d['deliveryId']}/attachments/{i + 1}").need(200).body
             for i in range(int(a.headers["trm-attachments"]))]
    g.acknowledge(d["deliveryId"])
    return [hashlib.sha256(f).hexdigest() for f in files]


@wire
def opaque_to_folder(o):
    """An opaque message lies in the receiving office's folder as a list of its parts and the parts themselves"""
    folder = os.path.join(o["BY"].office_folder, "outgoing")
    octets = b"<x/>" + os.urandom(5000)
    path = os.path.join(o.world.folder, "opaque-part.bin")
    write(path, octets)
    before = set(os.listdir(folder))
    o["MD"].ctl_json("submit", "--opaque", "--partner", "BY-GW1", "--pmode", "test-parts", path, office=False)

    def look():
        new = sorted(set(os.listdir(folder)) - before)
        lists = [n for n in new if n.endswith(".json") and ".losses" not in n]
        return (lists, new) if lists else None
    lists, new = wait_for("the list of parts", look, 20)
    with open(os.path.join(folder, lists[0]), encoding="utf-8") as f:
        listed = json.load(f)
    same((listed["kind"], [p["octets"] for p in listed["parts"]]), ("opaque", [len(octets)]), "list of parts")
    stem = lists[0].rsplit(".", 1)[0]
    parts = [n for n in new if n.startswith(stem + "-")]
    same(len(parts), 1, f"parts in {new}")
    with open(os.path.join(folder, parts[0]), "rb") as f:
        same(f.read() == octets, True, "the part is what was sent")
    for n in (lists[0], parts[0]):
        same(os.stat(os.path.join(folder, n)).st_mode & 0o777, 0o600, f"mode of {n}")
    os.makedirs(os.path.join(folder, "done"), exist_ok=True)
    os.rename(os.path.join(folder, lists[0]), os.path.join(folder, "done", lists[0]))
    wait_for("the parts to go after the acknowledgement",
             lambda: not [n for n in os.listdir(folder) if n.startswith(stem)], 20)


@wire
def partner_test(o):
    """partner test goes through name, TCP, TLS, certificates and the AS4 test service, and names what fails"""
    a = o["MD"].ctl_json("partner", "test", "UA-GW1", office=False)
    steps = {s["step"]: s["ok"] for s in a["steps"]}
    check(len(steps) >= 4 and all(steps.values()), f"steps: {a['steps']}")
    before = len(o["UA"].deliverables())
    o["AL"].stop()
    try:
        run = o["MD"].ctl("partner", "test", "AL-GW1", "--json", office=False, check=False)
        steps = json.loads(run.stdout)["steps"]
        check(not steps[-1]["ok"] and steps[-1]["step"] == "tcp", f"steps: {steps}")
        check(run.returncode != 0, "exit 0 for a failed test")
    finally:
        o["AL"].start()
    same(len(o["UA"].deliverables()), before, "the test service handed something over")


# --- running -------------------------------------------------------------------------------------


@running
def reload_keeps_connections(o):
    """SIGHUP puts changed files into force without dropping a kept connection, and a broken file changes nothing"""
    g = o["MD"]
    path = os.path.join(g.folder, "gateway.json")
    settings = json.load(open(path, encoding="utf-8"))
    connection = http.client.HTTPSConnection("localhost", g.office_port, timeout=20,
                                             context=ssl.create_default_context(cafile=g.world.ca))
    try:
        same(ask(connection, "/v1/cases", g.key), 200, "before")
        kept = connection.sock
        settings["clients"]["new-desk"] = {"office": "MD-COORD", "role": "officer", "person": "new",
                                           "keySha256": hashlib.sha256(b"a new key").hexdigest()}
        write(path, json.dumps(settings))
        g.process.send_signal(signal.SIGHUP)
        wait_for("the new key to be taken", lambda: g.rest("GET", "/v1/cases", key="a new key").status == 200, 10)
        same(ask(connection, "/v1/cases", "a new key"), 200, "on the kept connection")
        check(connection.sock is kept, "the connection was dropped")
        del settings["clients"]["new-desk"]
        settings["clients"]["wrong"] = {"role": "emperor"}
        write(path, json.dumps(settings))
        g.process.send_signal(signal.SIGHUP)
        time.sleep(1.0)
        same(ask(connection, "/v1/cases", "a new key"), 200, "after a broken file")
        check(connection.sock is kept, "the connection was dropped by a broken file")
        del settings["clients"]["wrong"]
        write(path, json.dumps(settings))
        g.ctl("reload", office=False)
        same(g.rest("GET", "/v1/cases", key="a new key").status, 401, "the key that was taken out")
    finally:
        connection.close()


def ask(connection, path, key):
    connection.request("GET", path, headers={"Authorization": "Bearer " + key})
    r = connection.getresponse()
    r.read()
    return r.status


@running
def health_and_metrics(o):
    """livez, readyz and metrics need no key; metrics are Prometheus text without an id of a case"""
    r = o.send("MD", "UA", "MDUA-1")
    o.wait_state("MD", r["messageId"], "delivered")
    g = o["MD"]
    same(g.rest("GET", "/livez", key=None).status, 200, "livez")
    same(g.rest("GET", "/readyz", key=None).status, 200, "readyz")
    a = g.rest("GET", "/metrics", key=None).need(200)
    text = a.body.decode("ascii")
    types, samples = prometheus(text)
    check(len(types) >= 5 and len(samples) >= 10, f"{len(types)} types, {len(samples)} samples")
    check(any("UA-GW1" in s for s in samples), "no figure of the partner")
    check(r["caseId"] not in text and r["messageId"] not in text, "an id of a case stands in the metrics")


def prometheus(text):
    """(types, samples) of the text format 0.0.4; raises on the first line that is none."""
    types, samples, name = {}, [], r"[a-zA-Z_:][a-zA-Z0-9_:]*"
    label = rf'{name}="(?:[^"\\\n]|\\["\\n])*"'
    check(text.endswith("\n"), "no line end at the end")
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            m = re.fullmatch(rf"# TYPE ({name}) (counter|gauge|histogram|summary|untyped)", line)
            check(m and m.group(1) not in types, f"line {line!r}")
            types[m.group(1)] = m.group(2)
        elif line.startswith("# HELP ") or not line:
            continue
        else:
            m = re.fullmatch(rf"({name})(\{{{label}(?:,{label})*\}})? (-?[0-9.eE+]+|NaN|[+-]Inf)( [0-9]+)?", line)
            check(m, f"line {line!r}")
            check(re.sub("_(bucket|sum|count)$", "", m.group(1)) in types or m.group(1) in types, f"no TYPE: {line!r}")
            check(line.rsplit(" ", 1)[0] not in samples, f"twice: {line!r}")
            samples.append(line.rsplit(" ", 1)[0])
    return types, samples


@running
def notice_without_content(o):
    """A notice says that a case waits, signed, with the case number and nothing of the document"""
    p = o.person("MD")
    r = o.send("UA", "MD", "MDUA-1", person=p)

    def told():
        return [x for x in o.notices if json.loads(x[1]).get("caseId") == r["caseId"]]
    headers, body = wait_for("the notice", told, 20)[0]
    digest = hmac.new(o.notice_secret, body, "sha256").hexdigest()
    same(headers.get("Trm-Signature"), "sha256=" + digest, "signature")
    notice = json.loads(body)
    same(sorted(notice), ["at", "caseId", "event", "gateway", "office"], "members")
    same((notice["event"], notice["office"], notice["gateway"]), ("case-waits", "MD-COORD", "MD-GW1"), "notice")
    for word in (p.surname, p.given, p.number):
        check(word.encode() not in body, "the notice holds a value of the document")
    o.desks["MD"].wait(r["caseId"], "M01")


@running
def request_under_way_is_answered(o):
    """A request under way when SIGTERM comes is still answered, and what it handed in is kept"""
    g = o["MD"]
    document = o.forms.m01("MD", "UA-COORD", "MDUA-1", o.person("UA"))
    context = ssl.create_default_context(cafile=g.world.ca)
    with socket.create_connection(("127.0.0.1", g.office_port), 10) as plain, \
            context.wrap_socket(plain, server_hostname="localhost") as s:
        s.sendall(f"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {g.key}\r\n"
                  f"Content-Type: application/json\r\nContent-Length: {len(document)}\r\n\r\n".encode() + document[:200])
        time.sleep(0.3)
        g.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        s.sendall(document[200:])
        answer = b""
        while True:
            piece = s.recv(65536)
            answer += piece
            if not piece:
                break
    head, _, body = answer.partition(b"\r\n\r\n")
    holds(head, "202")
    case = json.loads(body)["caseId"]
    same(g.process.wait(30), 0, "exit")
    g.start()
    same(g.case(case)["role"], "sender", "role after a new start")
    o.desks["UA"].wait(case, "M01")


@running
def check_finds_all(o):
    """--check lists all problems of a broken configuration, and passes the good one"""
    g = o["BY"]
    run = subprocess.run([g.world.trmd, "--config", os.path.join(g.folder, "gateway.json"), "--check"],
                         capture_output=True, timeout=30)
    same(run.returncode, 0, f"the good one: {run.stdout.decode()[-600:]} {run.stderr.decode()[-600:]}")
    folder = os.path.join(o.world.folder, "broken")
    os.makedirs(os.path.join(folder, "partners"))
    settings = json.loads(json.dumps(g.settings))
    settings["keys"]["sign"]["key"] = "/nowhere/sign.key"
    settings["keys"]["encrypt"]["certificate"] = g.keys + "/sign.pem"
    settings["office"]["certificate"] = "/nowhere/tls.pem"
    write(os.path.join(folder, "gateway.json"), json.dumps(settings))
    write(os.path.join(folder, "partners", "XX-GW1.json"), '{"partner": "XX-GW1", "endpoint": "http://plain"}')
    write(os.path.join(folder, "partners", "YY-GW1.json"), '{"partner": ')
    run = subprocess.run([g.world.trmd, "--config", os.path.join(folder, "gateway.json"), "--check"],
                         capture_output=True, timeout=30)
    text = (run.stdout + run.stderr).decode()
    same(run.returncode, 78, f"exit: {text[-600:]}")
    for part in ("/nowhere/sign.key", "XX-GW1.json", "YY-GW1.json", "/nowhere/tls.pem"):
        holds(text, part, "what --check says")


@running
def apart(o):
    """Two offices with one folder, two clients with one key, a client of no office here: said, and nothing is served"""
    g = o["BY"]
    folder = os.path.join(o.world.folder, "apart")
    os.makedirs(os.path.join(folder, "partners"))
    sha = hashlib.sha256(b"one key").hexdigest()
    for name, office, client, words in (
            ("same", {"folder": g.office_folder}, {}, "one's folder is the other's"),
            ("inside", {"folder": os.path.join(g.office_folder, "incoming")}, {}, "one's folder is the other's"),
            ("key", {}, {"keySha256": g.settings["clients"]["case-system"]["keySha256"]}, "of another client"),
            ("role", {}, {"role": "boss", "keySha256": sha}, '"boss"'),
            ("office", {}, {"office": "BY-NONE", "keySha256": sha}, "BY-NONE is not of this gateway")):
        settings = json.loads(json.dumps(g.settings))
        settings["store"]["folder"], settings["control"]["socket"] = "store", "control.sock"
        settings["offices"][g.office]["folder"] = g.office_folder
        settings["offices"]["BY-OTHER"] = {**settings["offices"][g.office], "folder": "other", **office}
        settings["clients"]["second"] = {"office": g.office, "role": "officer", "keySha256": sha, **client}
        write(os.path.join(folder, "gateway.json"), json.dumps(settings))
        for mode in (["--check"], []):
            run = subprocess.run([g.world.trmd, "--config", os.path.join(folder, "gateway.json"), *mode],
                                 capture_output=True, timeout=30, cwd=folder)
            same(run.returncode, 78, f"exit of {name}: {run.stdout} {run.stderr}")
            text = (run.stdout + run.stderr).decode().replace("\\", "")
            holds(text, words, name)


@running
def unknown_key(o):
    """An unknown key of the configuration is an error with file and line"""
    folder = os.path.join(o.world.folder, "unknown-key")
    os.makedirs(os.path.join(folder, "partners"))
    settings = json.loads(json.dumps(o["BY"].settings))
    settings["gateway"]["countri"] = "BY"
    write(os.path.join(folder, "gateway.json"), json.dumps(settings, indent=1))
    run = subprocess.run([o.world.trmd, "--config", os.path.join(folder, "gateway.json"), "--check"],
                         capture_output=True, timeout=30)
    text = (run.stdout + run.stderr).decode()
    same(run.returncode, 78, text[-400:])
    holds(text, "countri")
    check(re.search(r"gateway\.json[: ].*\d", text), f"no file and line: {text[-400:]}")


@running
def print_and_defaults(o):
    """--print shows what is in force and from where, --defaults every default with its meaning"""
    run = subprocess.run([o.world.trmd, "--config", os.path.join(o["BY"].folder, "gateway.json"), "--print"],
                         capture_output=True, timeout=30)
    same(run.returncode, 0, run.stderr.decode()[-400:])
    holds(run.stdout, "gateway.json")
    holds(run.stdout, "BY-GW1")
    run = subprocess.run([o.world.trmd, "--defaults"], capture_output=True, timeout=30)
    same(run.returncode, 0, run.stderr.decode()[-400:])
    holds(run.stdout, "retrySpacing")
    for word in ("--help", "--version"):
        same(subprocess.run([o.world.trmd, word], capture_output=True, timeout=30).returncode, 0, word)


@running
def exit_codes(o):
    """trmctl ends with the codes of sysexits: usage 64, no input 66, not reachable 69, not allowed 77, findings 2"""
    ctl = o.world.trmctl

    def code(*words, **more):
        return subprocess.run([ctl, *words], capture_output=True, timeout=30, **more).returncode
    same(code("--socket", "/nowhere.sock", "status"), 69, "no daemon")
    same(code("nonsense"), 64, "unknown noun")
    same(code("--help"), 0, "help")
    key = os.path.join(o["MD"].folder, "office.key")
    mine = ["--socket", o["MD"].socket, "--key", key]
    same(code(*mine, "submit", "/nowhere.json"), 66, "no such file")
    same(code(*mine, "reload"), 77, "an officer reloads")
    path = os.path.join(o.world.folder, "bad.json")
    write(path, o.forms.m01("MD", "UA-COORD", "MDUA-1", o.person("UA"), extra=ten_mistakes))
    same(code(*mine, "submit", path), 2, "findings")
    for words in ("submit", "list", "show", "why", "case list", "case take", "case accept", "case decline", "case ask",
                  "case answer", "deliverable get", "partner list", "partner test", "map check", "map test", "map preview",
                  "agreement check", "agreement explain", "agreement install", "agreement list", "queue list", "queue retry",
                  "queue hold", "queue release", "task list", "status", "reload"):
        run = subprocess.run([ctl, *words.split(), "--help"], capture_output=True, timeout=30)
        same(run.returncode, 0, f"{words} --help")
        check(re.search(rf"example.*trmctl [^\n]*{words}", run.stdout.decode(), re.S | re.I), f"{words} --help: {run.stdout}")


@running
def queue_words(o):
    """An operator holds, releases, retries and cancels what waits"""
    o["AL"].stop()
    try:
        r = o.send("MD", "AL", "ALMD-1")
        other_one = o.send("MD", "AL", "ALMD-1")
        ctl = o["MD"].ctl
        ids = [m["messageId"] for m in o["MD"].ctl_json("queue", "list", office=False)["items"]]
        check(r["messageId"] in ids, "not in the queue")
        held = lambda: ctl("queue", "hold", r["messageId"], office=False, check=False).returncode == 0  # noqa: E731
        wait_for("the message to be held (it may be under way)", held, 10, 0.1)
        same(o["MD"].message(r["messageId"])["state"], "held", "state")
        ctl("queue", "release", r["messageId"], office=False)
        ctl("queue", "retry", r["messageId"], office=False, check=False)
        cancel = lambda: ctl("queue", "cancel", other_one["messageId"], office=False, check=False).returncode == 0  # noqa: E731
        wait_for("the message to be cancelled", cancel, 10, 0.1)
        same(o["MD"].message(other_one["messageId"])["state"], "cancelled", "state")
    finally:
        o["AL"].start()
    o.desks["AL"].wait(r["caseId"], "M01")
    check(o.desks["AL"].find(other_one["caseId"], "M01") is None, "a cancelled message arrived")


@running
def drained(o):
    """SIGTERM ends every gateway in order: what was accepted is kept, exit 0, no sanitizer has a word to say"""
    r = o.send("MD", "UA", "MDUA-1")
    o.wait_state("MD", r["messageId"], "delivered")
    for g in o.world:
        started = time.monotonic()
        code = g.stop(signal.SIGTERM, 30)
        same(code, 0, f"exit of {g.gateway}: {g.last_log(5)}")
        check(time.monotonic() - started < 25, f"{g.gateway} took {time.monotonic() - started:.0f} s")
    for g in o.world:
        log = open(g.log_path, errors="replace").read()
        for word in ("AddressSanitizer", "runtime error", "LeakSanitizer"):
            at = log.find(word)
            check(at < 0, f"{g.gateway}: {log[max(0, at - 300):at + 1500]}")
    o["UA"].start()
    same(o["UA"].case(r["caseId"])["role"], "receiver", "role after a new start")
    o.desks["UA"].wait(r["caseId"], "M01")


# --- the world -----------------------------------------------------------------------------------


class Notices(http.server.BaseHTTPRequestHandler):
    """The webhook of an office: keeps what it is told."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.told.append((dict(self.headers), body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


def start_notices(o):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Notices)
    server.told = o.notices = []
    o.notice_secret = b"a secret between gateway and office"
    write(os.path.join(o.world.folder, "notice.key"), o.notice_secret)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def second_office(o, notices):
    """A consulate beside the coordinator of Ukraine, a webhook for Moldova, opaque P-Modes for connecting."""
    o.consul = "the consul's key"

    def more(country):
        if country == "MD":
            return {"offices": {"MD-COORD": {
                "form": "MD-referral/1.2", "language": "ro", "folder": "office",
                "noticeWebhook": f"http://127.0.0.1:{notices.server_address[1]}/told",
                "noticeSecret": os.path.join(o.world.folder, "notice.key")}}}
        if country != "UA":
            return {}
        return {"offices": {"UA-CONS": {"form": "UA-napravlennia/2.0", "language": "uk", "role": "consulate"}},
                "clients": {"consul": {"office": "UA-CONS", "role": "consul", "person": "consul",
                                       "keySha256": hashlib.sha256(o.consul.encode()).hexdigest()}}}
    o.configure(more=more)
    for a, b in (("MD", "UA"), ("UA", "MD"), ("MD", "BY"), ("BY", "MD")):
        o[a].add_partner(o[b], pmodes=[{"id": "test-parts", "content": "opaque", "office": OFFICE[a],
                                        "service": "urn:example:connect", "action": "Try",
                                        "agreement": "urn:example:connecting"}])


def main():
    suite = Suite(sys.argv[1:])
    groups = (exchange, refusal, wire, running)
    if not any(suite.wants(t) for g in groups for t in [(f.__doc__ or "").strip() for f in g.tests]):
        print("no test has such a word")
        return 1
    o = Offices(["BY", "MD", "UA", "AL", "IOM"])
    notices = start_notices(o)
    try:
        second_office(o, notices)
        started = time.monotonic()
        o.world.start()
        o.world.install(*ALL)
        print(f"five gateways are up after {time.monotonic() - started:.1f} s", flush=True)
        for group in groups:
            suite.all(group.tests, o, trouble=o.trouble if os.environ.get("V") else None)
    except (Failure, OSError, subprocess.SubprocessError) as e:
        suite.failed += 1
        print(f"FAIL the gateways did not start: {e}\n{o.trouble()}")
    finally:
        notices.shutdown()
        o.world.stop()
    return suite.close()


if __name__ == "__main__":
    sys.exit(main())
