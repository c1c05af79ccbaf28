"""Between two gateways: a tap that passes messages on and keeps them, a caller with any certificate,
and the parts of a MIME message.
"""
import http.client
import os
import re
import socket
import ssl
import subprocess
import threading


class Exchange:
    """One request and its answer as they went over the tap."""

    def __init__(self, head, body, status, answer_head, answer):
        self.head, self.body = head, body
        self.status, self.answer_head, self.answer = status, answer_head, answer

    @property
    def content_type(self):
        return self.head.get("content-type", "")


class Tap:
    """Stands in front of a gateway's partner listener, with that gateway's own TLS certificate, and
    passes on in the name of the caller's. What it does with an answer can be changed: `answer` is
    None (pass on), or a function (Exchange) -> True to pass on, False to cut the connection.
    """

    def __init__(self, receiver, sender):
        self.receiver, self.sender = receiver, sender
        self.exchanges, self.answer = [], None
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(f"{receiver.keys}/tls.pem", f"{receiver.keys}/tls.key")
        self.context.load_verify_locations(receiver.world.ca)
        self.context.verify_mode = ssl.CERT_REQUIRED
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.socket.settimeout(0.2)
        self.port = self.socket.getsockname()[1]
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"https://localhost:{self.port}/as4"

    def accept(self):
        while not self.stopped.is_set():
            try:
                plain, _ = self.socket.accept()
            except OSError:
                continue
            threading.Thread(target=self.serve, args=(plain,), daemon=True).start()

    def serve(self, plain):
        try:
            plain.settimeout(30)
            with self.context.wrap_socket(plain, server_side=True) as s:
                reader = s.makefile("rb")
                while self.one(s, reader):
                    pass
        except (OSError, ValueError, http.client.HTTPException):
            pass

    def one(self, s, reader):
        line = reader.readline().decode("latin-1")
        if not line:
            return False
        head = {}
        while True:
            field = reader.readline().decode("latin-1").rstrip("\r\n")
            if not field:
                break
            name, _, value = field.partition(":")
            head[name.lower()] = value.strip()
        if head.get("expect", "").lower() == "100-continue":
            s.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = reader.read(int(head.get("content-length", "0")))
        status, answer_head, answer = post(self.receiver, body, head.get("content-type", ""), self.sender.keys)
        exchange = Exchange(head, body, status, answer_head, answer)
        self.exchanges.append(exchange)
        if self.answer is not None and not self.answer(exchange):
            return False
        fields = "".join(f"{k}: {v}\r\n" for k, v in answer_head.items() if k in ("content-type", "retry-after"))
        s.sendall(f"HTTP/1.1 {status} x\r\n{fields}Content-Length: {len(answer)}\r\n\r\n".encode() + answer)
        return True

    def close(self):
        self.stopped.set()
        self.thread.join(2)
        self.socket.close()


def client_context(ca, keys):
    context = ssl.create_default_context(cafile=ca)
    if keys:
        context.load_cert_chain(os.path.join(keys, "tls.pem"), os.path.join(keys, "tls.key"))
    return context


def post(receiver, body, content_type, keys, timeout=30):
    """(status, headers, body) of a POST to a gateway's partner listener, with the certificate in keys."""
    connection = http.client.HTTPSConnection("localhost", receiver.partner_port, timeout=timeout,
                                             context=client_context(receiver.world.ca, keys))
    try:
        connection.request("POST", "/as4", body=body, headers={"Content-Type": content_type})
        r = connection.getresponse()
        return r.status, dict((k.lower(), v) for k, v in r.getheaders()), r.read()
    finally:
        connection.close()


def parts_of(content_type, body):
    """[(headers, octets)] of a multipart body; a plain one is a single part."""
    m = re.search(r'boundary="?([^";]+)"?', content_type)
    if not m:
        return [({"content-type": content_type}, body)]
    parts = []
    for piece in (b"\r\n" + body).split(b"\r\n--" + m.group(1).encode())[1:]:
        if piece.startswith(b"--"):
            break
        head, _, octets = piece.partition(b"\r\n\r\n")
        headers = dict((k.strip().lower(), v.strip()) for k, _, v in
                       (line.partition(":") for line in head.decode("latin-1").strip().splitlines()))
        parts.append((headers, octets))
    return parts


def error_of(answer):
    """(EBMS code, detail) of an AS4 error; ("", "") for anything else."""
    text = answer.decode("utf-8", "replace")
    code = re.search(r'errorCode="([^"]+)"', text)
    detail = re.search(r"<[\w:]*ErrorDetail[^>]*>([^<]*)<", text)
    return (code.group(1) if code else "", detail.group(1) if detail else "")


def is_receipt(answer):
    return b":Receipt>" in answer and b":Error " not in answer


def forge(world, sender, receiver, document, conversation, agreement, *more, seal=True, keys=None):
    """(content type, body) of a document packed as a message of the sender: see tests/support/forge.c."""
    tool = os.path.join(os.environ.get("TRM_BUILD", ""), "test", "tests", "support", "forge")
    if not os.path.exists(tool):
        from world import TREE
        tool = os.path.join(TREE, "build", "test", "tests", "support", "forge")
    source, out = os.path.join(world.folder, "forge.xml"), os.path.join(world.folder, "forge.out")
    with open(source, "wb") as f:
        f.write(document)
    args = [tool, "--keys", keys or sender.keys, "--encrypt", f"{receiver.keys}/encrypt.pem", "--from", sender.gateway,
            "--to", receiver.gateway, "--agreement", agreement, "--conversation", conversation]
    subprocess.run(args + (["--seal"] if seal else []) + list(more) + [source, out], check=True, capture_output=True,
                   timeout=60)
    with open(out, "rb") as f, open(out + ".type", encoding="ascii") as t:
        return t.read(), f.read()
