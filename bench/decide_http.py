"""The decision over HTTP beside the least that an HTTP server can do: /v1/auth-request and nginx
`return 200`, one worker each, the same requests from the same client, in turn."""
import os
import shutil

import kit

NGINX = """worker_processes 1; daemon off; pid {dir}/pid; error_log {dir}/error;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 1000000000; client_body_temp_path {dir}/b; proxy_temp_path {dir}/p;
fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
server {{ listen 127.0.0.1:{port}; location / {{ return 200; }} }} }}
"""


class Nginx:
    """One worker that answers 200 to everything."""

    def __init__(self):
        self.dir, self.port = kit.scratch(), kit.free_port()
        conf = os.path.join(self.dir, "nginx.conf")
        with open(conf, "w") as f:
            f.write(NGINX.format(dir=self.dir, port=self.port))
        self.process = kit.start(["nginx", "-c", conf, "-e", f"{self.dir}/error"])
        kit.wait_for(lambda: kit.http_ok(self.url("/")), "nginx")

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def close(self):
        kit.stop(self.process)
        shutil.rmtree(self.dir, ignore_errors=True)


def bench(rows):
    node, nginx = kit.OneNode(), Nginx()
    os.environ["BENCH_KEY"] = node.key
    script = os.path.join(kit.ROOT, "bench", "auth.lua")
    path = "/v1/auth-request"
    kit.wrk(node.url(path), script, seconds=1)
    ours, theirs, ratio, low, high = kit.alternate(lambda: kit.wrk(node.url(path), script),
                                                   lambda: kit.wrk(nginx.url(path), script))
    rows.append(("auth-request, one worker", f"{ours:,.0f}/s", f"nginx return 200 {theirs:,.0f}/s",
                 f"{ratio:.2f} ({low:.2f}–{high:.2f})"))
    nginx.close()
    node.close()
    kit.figure("decide_http_vs_nginx_return", ratio)


def main():
    rows = []
    try:
        bench(rows)
    finally:
        kit.stop_all()
    for what, ours, peer, ratio in rows:
        kit.say(f"{what:48} {ours:28} {peer:36} {ratio}")


if __name__ == "__main__":
    main()
