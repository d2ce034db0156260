import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Dashboard:
    """A small HTTP server that answers as Ray's dashboard would; `answers` by path, `asked` in order."""

    def __init__(self):
        self.answers, self.asked = {}, []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                length = int(self.headers.get("content-length") or 0)
                body = json.loads(self.rfile.read(length) or "null")
                path = self.path.partition("?")[0]
                outer.asked.append((self.command, path, body))
                found = json.dumps(outer.answers.get(path, {})).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(found)))
                self.end_headers()
                self.wfile.write(found)

            do_GET = do_PUT = do_POST = answer  # noqa: N815

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def nodes(self, *rows):
        self.answers["/api/v0/nodes"] = {"data": {"result": {"result": list(rows)}}}

    def close(self):
        self._server.shutdown()
        self._server.server_close()


def node_row(name, *, address="127.0.0.1", head=False, state="ALIVE", **offered):
    return {
        "node_id": f"id-{name}",
        "node_name": name,
        "node_ip": address,
        "is_head_node": head,
        "state": state,
        "resources_total": offered,
    }


@pytest.fixture
def dashboard():
    found = Dashboard()
    yield found
    found.close()
