"""An HTTPS server that takes what is posted, or misbehaves as a file tells it.

usage: webhook.py PORT CERTIFICATE KEY CA DIRECTORY

Appends each request as a JSON line to DIRECTORY/requests. The file DIRECTORY/mode, read anew for each request, holds a
status to answer with, or "refuse TEXT": 400 for bodies in which TEXT occurs; nothing for 200.
"""

import http.server
import json
import pathlib
import ssl
import sys

port, certificate, key, ca, directory = sys.argv[1:]
directory = pathlib.Path(directory)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        mode = directory / "mode"
        mode = mode.read_text().strip() if mode.exists() else ""
        status = 200
        if mode.startswith("refuse "):
            status = 400 if mode.removeprefix("refuse ") in body else 200
        elif mode:
            status = int(mode)
        with open(directory / "requests", "a") as file:
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = {"status": status, "path": self.path, "headers": headers, "body": body}
            file.write(json.dumps(request) + "\n")
        answer = b"so be it" if status == 200 else b"no\x1b[31m"
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
context.load_verify_locations(ca)
context.verify_mode = ssl.CERT_REQUIRED
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Handler)
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
