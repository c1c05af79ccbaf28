#!/usr/bin/env python3
"""Is what crossed the wire provable without us? A message is taken off the wire of a live exchange and
judged by xmlsec1, by openssl, and by a small verifier of the tests.

Ends with "N passed, N failed".
"""
import base64
import gzip
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from office import Offices  # noqa: E402
from suite import Group, Suite, check, holds, same, sentence_of  # noqa: E402
from wire import Tap, is_receipt, parts_of  # noqa: E402
from world import Failure  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
PDF = b"%PDF-1.4\n% a consent form of somebody invented\n"
proof = Group()


class Captured:
    """An exchange from Moldova to Ukraine, with an attachment, and its files."""

    def __init__(self, o, tap):
        self.o, self.world = o, o.world
        self.folder = os.path.join(o.world.folder, "captured")
        os.makedirs(self.folder)
        self.result = o.send("MD", "UA", "MDUA-1", attachment={
            "name": "consimtamant.pdf", "mediaType": "application/pdf", "category": "consent",
            "contentBase64": base64.b64encode(PDF).decode()})
        o.wait_state("MD", self.result["messageId"], "delivered")
        self.exchange = tap.exchanges[-1]
        self.parts = parts_of(self.exchange.content_type, self.exchange.body)
        self.keep("body", self.exchange.body)
        self.keep("envelope.xml", self.parts[0][1])
        self.keep("receipt.xml", self.exchange.answer)
        for i, (_, octets) in enumerate(self.parts[1:]):
            self.keep(f"part-{i + 1}", octets)

    def path(self, name):
        return os.path.join(self.folder, name)

    def keep(self, name, octets):
        with open(self.path(name), "wb") as f:
            f.write(octets)

    def load(self, name):
        with open(self.path(name), "rb") as f:
            return f.read()

    def cid(self, i):
        return self.parts[i][0]["content-id"].strip("<>")

    def key(self, gateway, name):
        return os.path.join(self.world.folder, "keys", gateway, name)

    def open(self, envelope="envelope.xml", first="part-1", signer="MD-GW1"):
        tool = os.path.join(os.path.dirname(self.world.trmd), "tests", "support", "open_message")
        parts = [f"{self.cid(1)}={self.path(first)}"] + [f"{self.cid(i)}={self.path(f'part-{i}')}"
                                                         for i in range(2, len(self.parts))]
        return subprocess.run([tool, self.path(envelope), self.key(signer, "sign.pem"), self.key("UA-GW1", "encrypt.key")]
                              + parts, capture_output=True, timeout=60)

    def openssl(self, name, cert):
        return subprocess.run([os.path.join(HERE, "verify-signedinfo.sh"), self.path(name), cert], capture_output=True,
                              timeout=60)

    def xmlsec(self, name):
        return subprocess.run(["xmlsec1", "--verify", "--trusted-pem", self.world.ca, self.path(name)],
                              capture_output=True, timeout=60)


@proof
def envelope_by_openssl(c):
    """The signature of the captured envelope holds by the openssl command alone."""
    for name in ("envelope.xml", "body"):
        run = c.openssl(name, c.key("MD-GW1", "sign.pem"))
        check(run.returncode == 0, f"{name}: {run.stdout} {run.stderr}")
        holds(run.stdout, "Verified OK")


@proof
def envelope_changed(c):
    """openssl finds a changed digest, and another signer's certificate"""
    text = c.load("envelope.xml")
    at = text.index(b"<ds:DigestValue>") + len(b"<ds:DigestValue>")
    c.keep("changed.xml", text[:at] + (b"B" if text[at:at + 1] != b"B" else b"C") + text[at + 1:])
    check(c.openssl("changed.xml", c.key("MD-GW1", "sign.pem")).returncode == 1, "a changed digest was not found")
    check(c.openssl("envelope.xml", c.key("UA-GW1", "sign.pem")).returncode == 1, "another signer was taken")


@proof
def receipt_by_openssl(c):
    """The signature of the receipt holds by the openssl command alone"""
    check(is_receipt(c.exchange.answer), c.exchange.answer[:400])
    parts = parts_of(c.exchange.answer_head.get("content-type", ""), c.exchange.answer)
    c.keep("receipt.xml", parts[0][1])
    run = c.openssl("receipt.xml", c.key("UA-GW1", "sign.pem"))
    check(run.returncode == 0, f"{run.stdout} {run.stderr}")
    check(c.openssl("receipt.xml", c.key("MD-GW1", "sign.pem")).returncode == 1, "another signer was taken")


@proof
def by_the_small_verifier(c):
    """The small verifier (C14N and EVP) opens the captured message and finds every reference right"""
    run = c.open()
    check(run.returncode == 0, f"{run.stdout} {run.stderr}")
    holds(run.stdout, "holds")
    same(c.load("part-2.clear"), PDF, "the attachment after decryption")


@proof
def small_verifier_finds_changes(c):
    """The small verifier finds one changed octet of a part, of the header, and another signer"""
    part = bytearray(c.load("part-1"))
    part[len(part) // 2] ^= 1
    c.keep("part-1.changed", bytes(part))
    same(c.open(first="part-1.changed").returncode, 1, "a changed part")
    c.keep("changed.xml", c.load("envelope.xml").replace(b">Exchange<", b">Exchangf<"))
    same(c.open(envelope="changed.xml").returncode, 1, "a changed action")
    same(c.open(signer="UA-GW1").returncode, 1, "another signer")


@proof
def seal_by_xmlsec(c):
    """xmlsec1 --verify alone proves the sealed canonical document"""
    check(c.open().returncode == 0, "the message does not open")
    c.keep("canonical.xml", gzip.decompress(c.load("part-1.clear")))
    run = c.xmlsec("canonical.xml")
    check(run.returncode == 0, f"{run.stdout} {run.stderr}")


@proof
def seal_changed(c):
    """xmlsec1 finds a changed name, a removed section and a seal of a foreign authority"""
    text = c.load("canonical.xml")
    check(b"<Surname>" in text, "the document has no surname")
    c.keep("c1.xml", text.replace(b"<Surname>", b"<Surname>X", 1))
    check(c.xmlsec("c1.xml").returncode != 0, "a changed name was not found")
    start, end = text.index(b"<Risk>"), text.index(b"</Risk>") + 7
    c.keep("c2.xml", text[:start] + text[end:])
    check(c.xmlsec("c2.xml").returncode != 0, "a removed section was not found")
    run = subprocess.run(["xmlsec1", "--verify", "--trusted-pem", os.path.join(c.world.folder, "keys", "other", "ca.pem"),
                          c.path("canonical.xml")], capture_output=True, timeout=60)
    check(run.returncode != 0, "a foreign authority was trusted")


@proof
def evidence_by_the_api(c):
    """The evidence that both sides give out is the sealed document and the receipt of the wire"""
    for country in ("MD", "UA"):
        e = c.world[country].rest("GET", f"/v1/messages/{c.result['messageId']}/evidence").need(200).json()
        same(base64.b64decode(e["sealedDocument"]), c.load("canonical.xml"), f"the sealed document of {country}")
        receipt = base64.b64decode(e["receipt"])
        same(parts_of("", receipt)[0][1], c.exchange.answer, f"the receipt of {country}")


# Profiles a partner's file can say: keys and how they are named on the wire.
PROFILES = (
    ("RSA", ["--rsa2048"], {}),
    ("P-256 named by SKI", ["--rsa2048", "--p256-sign"], {"as4": {"security": {
        "sign": "ecdsa-sha256", "signAccept": ["ecdsa-sha256"], "signReference": "ski", "encryptReference": "ski"}}}),
)


def prove(suite, profile, ca_options, partner):
    o = Offices(["MD", "UA"], ca_options=ca_options)
    tap = None
    try:
        o.configure(partner=partner)
        tap = Tap(o["UA"], o["MD"])
        o["MD"].add_partner(o["UA"], endpoint=tap.url, **partner)
        o.world.start()
        o.world.install("MDUA-1")
        captured = []
        suite.run(f"{profile}: a referral goes over the wire and is captured", lambda: captured.append(Captured(o, tap)),
                  trouble=o.trouble)
        for test in proof.tests if captured else ():
            suite.run(f"{profile}: {sentence_of(test)}", test, captured[0], trouble=o.trouble)
    finally:
        if tap:
            tap.close()
        o.world.stop()


def main():
    suite = Suite()
    for profile in PROFILES:
        try:
            prove(suite, *profile)
        except (Failure, OSError, subprocess.SubprocessError) as e:
            suite.failed += 1
            print(f"FAIL {profile[0]}: the gateways did not start: {e}")
    return suite.close()


if __name__ == "__main__":
    sys.exit(main())
