"""Runs every candidate in interleaved rounds and prints median rates, CPU per request and ratios."""

from __future__ import annotations

import asyncio
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time
import urllib.request

HERE = pathlib.Path(__file__).parent
BODY = json.dumps({"name": "Acme Ltd", "industry": "steel", "website": "https://acme.example"}).encode()


def cpu(pids):
    total = 0.0
    for pid in pids:
        try:
            f = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += (int(f[11]) + int(f[12])) / os.sysconf("SC_CLK_TCK")
        except OSError:
            pass
    return total


async def load(port, request, seconds, clients):
    lat, stop = [], time.perf_counter() + seconds

    async def one():
        r, w = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < stop:
            t = time.perf_counter()
            w.write(request)
            head = await r.readuntil(b"\r\n\r\n")
            n = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await r.readexactly(n)
            assert head[9:10] == b"2", head
            lat.append(time.perf_counter() - t)
        w.close()

    await asyncio.gather(*[one() for _ in range(clients)])
    return lat


def main(url, candidates, rounds):
    prepared = dict(os.environ, CANDIDATE=candidates[0], SPIKE_URL=url, PORT="0")
    subprocess.run([sys.executable, str(HERE / "server.py"), "--prepare"], env=prepared, check=True)
    results = {}
    servers = {}
    for k, c in enumerate(candidates):
        env = dict(os.environ, CANDIDATE=c, SPIKE_URL=url, PORT=str(18300 + k))
        servers[c] = (subprocess.Popen([sys.executable, str(HERE / "server.py")], env=env), 18300 + k)
    try:
        measure(candidates, rounds, servers, results)
    finally:
        for p, _ in servers.values():
            p.terminate()


def measure(candidates, rounds, servers, results):
    head = b"Host: x\r\nAuthorization: Bearer crm_spike_key\r\nContent-Type: application/json\r\n"
    time.sleep(4)
    post = b"POST /accounts HTTP/1.1\r\n" + head + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
    for r in range(rounds + 1):
        for c, (proc, port) in servers.items():
            for op in ("create", "get"):
                if op == "create":
                    req = post
                else:
                    made = json.load(
                        urllib.request.urlopen(
                            urllib.request.Request(
                                f"http://127.0.0.1:{servers[candidates[-1]][1]}/accounts",
                                BODY,
                                {"Authorization": "Bearer crm_spike_key", "Content-Type": "application/json"},
                            )
                        )
                    )
                    req = b"GET /accounts/" + made["id"].encode() + b" HTTP/1.1\r\n" + head + b"\r\n"
                t0, c0 = time.perf_counter(), cpu([proc.pid])
                lat = asyncio.run(load(port, req, 1.5, 16))
                dt, dc = time.perf_counter() - t0, cpu([proc.pid]) - c0
                if r:
                    results.setdefault((op, c), []).append(
                        (len(lat) / dt, dc / len(lat) * 1000, sorted(lat)[int(len(lat) * 0.99)] * 1000)
                    )
    for op in ("create", "get"):
        for c in candidates:
            rows = results[op, c]
            ratios = [a[0] / b[0] for a, b in zip(rows, results[op, candidates[0]])]
            rate, used, p99 = (statistics.median(row[index] for row in rows) for index in range(3))
            told = f"{op:7} {c:10} {rate:7.0f}/s  cpu {used:.3f} ms  p99 {p99:5.1f} ms"
            print(f"{told}  vs {candidates[0]} {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2].split(","), int(sys.argv[3]))
