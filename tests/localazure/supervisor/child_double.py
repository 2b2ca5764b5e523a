"""A child as the supervisor knows one: serves /health on a port, tells its pid, ends with its standard input."""

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"pid": os.getpid(), "environment": dict(os.environ)}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def end_with_input():
    while os.read(0, 100):
        pass
    os._exit(0)


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Answers)
    threading.Thread(target=end_with_input, daemon=True).start()
    sys.stdout.write("child double serves\n")
    sys.stdout.flush()
    server.serve_forever()
