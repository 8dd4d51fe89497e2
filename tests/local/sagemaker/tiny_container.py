"""A container that speaks SageMaker's contract and does as it is told, for tests of what hosts it.

Its model is `model/model.json`: `{"name": "a"}` is what it answers calls with; `{"fails": "why"}` ends it at the start;
`{"silent": true}` leaves pings unanswered. A call's body tells what to do: `sleep 0.2`, `die`, `status 500`, `pid`.
"""

import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

MODEL: dict = {}
LOADED: dict[str, str] = {}


def read(folder: Path) -> dict:
    return json.loads((folder / "model.json").read_text())


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self) -> None:
        if self.path == "/ping":
            self.answer(503 if MODEL.get("silent") else 200)
        else:
            self.answer(200, json.dumps({"models": [{"modelName": name} for name in LOADED]}))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.path == "/models":
            order = json.loads(body)
            self.load(order["model_name"], Path(order["url"]))
        elif self.path == "/invocations":
            self.obey(MODEL["name"], body)
        else:
            self.obey(LOADED[self.path.split("/")[2]], body)

    def do_DELETE(self) -> None:
        del LOADED[self.path.split("/")[2]]
        self.answer(200)

    def load(self, name: str, folder: Path) -> None:
        model = read(folder)
        if "fails" in model:
            return self.answer(500, model["fails"])
        LOADED[name] = model["name"]
        return self.answer(200)

    def obey(self, name: str, body: str) -> None:
        word, _, value = body.strip().partition(" ")
        if word == "die":
            os._exit(3)
        if word == "sleep":
            time.sleep(float(value))
        if word == "status":
            return self.answer(int(value), "as told")
        if word == "pid":
            return self.answer(200, str(os.getpid()))
        if self.headers.get("Accept") == "text/csv":
            return self.answer(200, "".join(f"{line},{name}\n" for line in body.splitlines()))
        return self.answer(200, name)

    def answer(self, status: int, text: str = "") -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


if __name__ == "__main__":
    if os.environ.get("SAGEMAKER_MULTI_MODEL") != "true":
        MODEL = read(Path(os.environ["SAGEMAKER_BASE_DIR"]) / "model")
    print("loading", MODEL)
    if "fails" in MODEL:
        sys.exit(MODEL["fails"])
    with Server((os.environ["SAGEMAKER_BIND_TO_HOST"], int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler) as server:
        server.serve_forever()
