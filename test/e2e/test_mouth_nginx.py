"""Real nginx in front of two services: auth_request asks a node for the region, a map picks the
service by the answer.
"""

import contextlib
import http.server
import socket
import subprocess
import threading

import pytest

import harness
from harness import Connection, wait_for

CONFIG = """
worker_processes 1; daemon off; pid {dir}/pid; error_log {dir}/error;
events {{ worker_connections 256; }}
http {{
  access_log off; client_body_temp_path {dir}/b; proxy_temp_path {dir}/p;
  fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
  upstream holdfast {{ server 127.0.0.1:{holdfast}; keepalive 8; }}
  map $region $service {{ ~^us- 127.0.0.1:{us}; ~^eu- 127.0.0.1:{eu}; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      auth_request /where;
      auth_request_set $region $upstream_http_x_region;
      auth_request_set $decision $upstream_http_x_decision_id;
      auth_request_set $deny $upstream_http_x_deny_status;
      add_header X-Region $region always;
      add_header X-Decision-Id $decision always;
      add_header X-Deny-Status $deny always;
      proxy_pass http://$service;
    }}
    location = /where {{
      internal;
      proxy_pass http://holdfast/v1/auth-request;
      proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_pass_request_body off; proxy_set_header Content-Length "";
      proxy_set_header X-Original-URI $request_uri;
      proxy_set_header X-Original-Method $request_method;
      {credential}
    }}
  }}
}}
"""


class Service(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.server.name.encode()
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST = answer

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def service(name):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
    server.name = name
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def nginx(directory, holdfast, us, eu, credential=""):
    port = free_port()
    (directory / "nginx.conf").write_text(
        CONFIG.format(dir=directory, port=port, holdfast=holdfast, us=us, eu=eu, credential=credential))
    process = subprocess.Popen(["/usr/sbin/nginx", "-c", str(directory / "nginx.conf"), "-e", str(directory / "error")])

    def listens():
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return True

    try:
        wait_for("nginx listens", listens)
        yield port
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module")
def services():
    with service("us") as us, service("eu") as eu:
        yield us, eu


def test_clients_reach_the_service_of_their_region(playground, services, tmp_path):
    for cell in harness.COPIES:
        playground.wait_home(cell)
    with nginx(tmp_path, playground.http["eu-west"], *services) as port:
        for tenant, where, region in (("acme", b"us", "us-east"), ("globex", b"eu", "eu-west"),
                                      ("initech", b"us", "us-east")):
            client = Connection(port, playground.keys[tenant])
            for method in ("GET", "PUT"):
                answer = client.send(method, f"/pay/{tenant}?x=1", b"body" if method == "PUT" else None)
                if (tenant, method) == ("initech", "GET"):
                    assert answer.body == b"eu", answer  # a copy is here
                else:
                    assert (answer.status, answer.body, answer.headers["X-Region"]) == (200, where, region), answer
                assert answer.headers["X-Decision-Id"]
            client.close()


def test_strangers_stay_out(playground, services, tmp_path):
    with nginx(tmp_path, playground.http["us-east"], *services) as port:
        for key in (None, "hf_nobody_0123456789abcdef"):
            client = Connection(port, key)
            answer = client.send("GET", "/")
            assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="holdfast"')
            client.close()
