#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The servers of a network without internet (world.sh): names, web, git, echoes. What they see goes into a log.
arguments: FOLDER, with www/HOST/... and git/ to serve; ready, log, ca.pem and cert.pem come into being in it"""
import hashlib
import http.server
import os
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
import time

from dns_zone import answer

folder = sys.argv[1]
log_lock = threading.Lock()


def log(text):
    with log_lock, open(f"{folder}/log", "a") as f:
        f.write(text + "\n")


# Names. web.test has both kinds of address; one, two and other share one; www.cdn.test is an alias of an alias.
ZONE = {
    "web.test": ["192.0.2.1", "2001:db8::1"],
    "one.test": ["192.0.2.2"],
    "two.test": ["192.0.2.2"],
    "other.test": ["192.0.2.2"],
    "edge.cdn.test": ["192.0.2.3"],
    "v6.test": ["2001:db8::3"],
    "a.wild.test": ["192.0.2.4"],
    "b.c.wild.test": ["192.0.2.4", "2001:db8::4"],
    "wild.test": ["192.0.2.5"],
    "lone.test": ["192.0.2.6"],
    "registry.npmjs.org": ["192.0.2.7", "2001:db8::7"],
    "pypi.org": ["192.0.2.8", "2001:db8::8"],
    "files.pythonhosted.org": ["192.0.2.8"],
    "deb.debian.org": ["192.0.2.9"],
    "github.com": ["192.0.2.9"],
    "telemetry.test": ["192.0.2.6"],
    "metadata.test": ["169.254.169.254"],
    "rebound.test": ["10.0.2.2"],
}
for n in range(20):
    ZONE[f"n{n}.many.test"] = ["192.0.2.4"]
ALIASES = {"www.cdn.test": "middle.cdn.test", "middle.cdn.test": "edge.cdn.test"}


def dns_udp(sock, how):
    while True:
        query, peer = sock.recvfrom(4096)
        if len(query) > 16:
            sock.sendto(answer(query, ZONE, ALIASES, lambda asked: log(f"{how} {asked}")), peer)


class Tcp(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 512
    allow_reuse_address = True
    address_family = socket.AF_INET6  # IPv4 too

    def server_bind(self):
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    def handle_error(self, request, address):
        pass  # clients that are refused go away in all kinds of ways


def exactly(sock, n):
    data = b""
    while len(data) < n:
        part = sock.recv(n - len(data))
        if not part:
            return None
        data += part
    return data


class DnsTcp(socketserver.BaseRequestHandler):
    def handle(self):
        while True:
            head = exactly(self.request, 2)
            query = head and exactly(self.request, int.from_bytes(head, "big"))
            if not query:
                return
            data = answer(query, ZONE, ALIASES, lambda asked: log(f"dns-tcp {asked}"))
            self.request.sendall(len(data).to_bytes(2, "big") + data)


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        log(f"echo {self.request.getsockname()[0]}")
        while True:
            data = self.request.recv(65536)
            if not data:
                return
            self.request.sendall(data)


class Web(http.server.BaseHTTPRequestHandler):
    """www/HOST/PATH; a folder's file "index" for the folder. /drip/N writes a line every tenth of a second. git/ by git itself."""

    protocol_version = "HTTP/1.1"

    def setup(self):
        self.sni = None
        if isinstance(self.request, ssl.SSLSocket):
            self.request.do_handshake()
            self.sni = getattr(self.request, "named", None)
        super().setup()

    def log_message(self, *args):
        pass

    def say(self, code, data, kind="application/octet-stream"):
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def note(self):
        host = self.headers.get("Host", "-").split(":")[0]
        log(f"web {self.command} {host} {self.path} sni={self.sni} at={self.request.getsockname()[0].replace('::ffff:', '')}")
        return host

    def do_GET(self):
        host = self.note()
        path = self.path.split("?")[0]
        if path.startswith("/drip/"):
            self.send_response(200)
            self.send_header("Connection", "close")
            self.end_headers()
            for i in range(int(path[6:])):
                self.wfile.write(f"{i}\n".encode())
                self.wfile.flush()
                time.sleep(0.1)
            self.close_connection = True
            return
        if ".git/" in path:
            return self.git()
        at = os.path.normpath(f"{folder}/www/{host}/{path}")
        if os.path.isdir(at):
            at += "/index"
        if os.path.exists(at):
            kind = "text/html" if path.startswith("/simple/") else "application/octet-stream"
            with open(at, "rb") as f:
                return self.say(200, f.read(), kind)
        if path == "/":
            return self.say(200, f"hello from {host}\n".encode())
        self.say(404, b"nothing here\n")

    def do_POST(self):
        self.note()
        if ".git/" in self.path:
            return self.git()
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.say(404, b"{}")

    def do_PUT(self):
        """Says how much came, and its checksum."""
        self.note()
        left, digest = int(self.headers["Content-Length"]), hashlib.sha256()
        while left:
            part = self.rfile.read(min(left, 1 << 20))
            if not part:
                return
            left -= len(part)
            digest.update(part)
        self.say(200, f"{self.headers['Content-Length']} {digest.hexdigest()}\n".encode())

    def body(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            data = b""
            while n := int(self.rfile.readline(), 16):
                data += self.rfile.read(n)
                self.rfile.readline()
            self.rfile.readline()
            return data
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def git(self):
        path, _, query = self.path.partition("?")
        env = {"PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": f"{folder}/git", "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path,
               "QUERY_STRING": query, "REQUEST_METHOD": self.command, "CONTENT_TYPE": self.headers.get("Content-Type", ""),
               "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
               "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""), "GIT_CONFIG_COUNT": "1",
               "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
        out = subprocess.run(["git", "http-backend"], input=self.body(), env=env, capture_output=True, check=False).stdout
        head, _, data = out.partition(b"\r\n\r\n")
        fields = dict(l.split(": ", 1) for l in head.decode().split("\r\n") if ": " in l)
        self.say(int(fields.get("Status", "200").split()[0]), data, fields.get("Content-Type", "text/plain"))


class Tls(Tcp):
    def __init__(self, *args):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(f"{folder}/cert.pem", f"{folder}/key.pem")
        self.context.sni_callback = lambda sock, name, _: setattr(sock, "named", name)
        super().__init__(*args)

    def get_request(self):
        sock, peer = super().get_request()
        return self.context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False), peer


def certificates():
    names = ",".join(f"DNS:{n}" for n in list(ZONE) + list(ALIASES)) + ",IP:192.0.2.1,IP:2001:db8::1"
    text = f"""cd "$1" && exec 2>openssl.log &&
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=tests -keyout ca.key -out ca.new &&
openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=server -keyout key.pem -out req.pem &&
printf 'subjectAltName={names}' >ext && openssl x509 -req -in req.pem -CA ca.new -CAkey ca.key -days 2 -extfile ext -out cert.pem &&
mv ca.new ca.pem"""
    subprocess.run(["sh", "-c", text, "-", folder], check=True)


def start(function, *args):
    threading.Thread(target=function, args=args, daemon=True).start()


def bound(address, port):
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((address, port))
    return sock


def echo_udp(sock, port):
    while True:
        data, peer = sock.recvfrom(65536)
        log(f"udp {port} {data[:20]!r}")
        sock.sendto(data, peer)


certificates()
for server, how in (("192.0.2.53", "dns"), ("2001:db8::53", "dns"), ("192.0.2.54", "dns-other")):
    start(dns_udp, bound(server, 53), how)
for port, kind, handler in ((53, Tcp, DnsTcp), (7, Tcp, Echo), (80, Tcp, Web), (8080, Tcp, Web), (443, Tls, Web), (8443, Tls, Web)):
    start(kind(("::", port), handler).serve_forever)
for port in (7, 443):
    for last in (1, 2, 6):
        start(echo_udp, bound(f"192.0.2.{last}", port), port)
        start(echo_udp, bound(f"2001:db8::{last}", port), port)
open(f"{folder}/ready", "w").close()
threading.Event().wait()
