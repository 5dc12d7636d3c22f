"""Scrapes while the exporter is under attack: how long they take, and memory.

    python3 benches/hostile.py [BINARY]     default: target/release/amperity_exporter

Slow-loris connections (2,000), garbage connections (100,000), pipelined and
oversized requests, half-closed sockets. Loopback only.
"""

import os
import resource
import socket
import statistics
import subprocess
import sys
import threading
import time

BINARY = sys.argv[1] if len(sys.argv) > 1 else "target/release/amperity_exporter"
ADDRESS = ("127.0.0.1", 11912)
SCRAPE = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def ask(request, half_close=False, timeout=10):
    with socket.create_connection(ADDRESS, timeout=timeout) as stream:
        stream.sendall(request)
        if half_close:
            stream.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := stream.recv(65536):
            answer += piece
        return answer


def memory(pid, field):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field)) / 1024


class Scraper(threading.Thread):
    """Scrapes ten times a second, on a new connection each time."""

    def __init__(self):
        super().__init__(daemon=True)
        self.times, self.failed, self.on = [], 0, True

    def run(self):
        while self.on:
            started = time.monotonic()
            try:
                good = ask(SCRAPE).startswith(b"HTTP/1.1 200")
            except OSError:
                good = False
            self.times.append(time.monotonic() - started)
            self.failed += not good
            time.sleep(0.1)


def under(name, attack):
    scraper = Scraper()
    scraper.start()
    attack()
    scraper.on = False
    scraper.join()
    times = sorted(scraper.times)
    print(
        f"{name:<38} {len(times):>5} scrapes, {scraper.failed} failed,"
        f" median {statistics.median(times) * 1e3:.1f} ms, worst {times[-1] * 1e3:.0f} ms,"
        f" resident {memory(server.pid, 'VmRSS'):.1f} MiB",
        flush=True,
    )


def loris():
    streams = []
    for _ in range(2000):
        stream = socket.create_connection(ADDRESS)
        stream.sendall(b"GET /metrics HTTP/1.1\r\nX-")
        streams.append(stream)
    until = time.monotonic() + 20
    while time.monotonic() < until:
        for index, stream in enumerate(streams):
            try:
                stream.sendall(b"x")
            except OSError:
                stream.close()
                streams[index] = socket.create_connection(ADDRESS)
        time.sleep(0.5)
    for stream in streams:
        stream.close()


def garbage():
    def some():
        for _ in range(25_000):
            try:
                with socket.create_connection(ADDRESS, timeout=10) as stream:
                    # No TIME_WAIT, which would use up the ports.
                    stream.setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0"
                    )
                    stream.sendall(b"\x16\x03\x01\x00garbage\r\n\r\n")
            except OSError:
                pass

    threads = [threading.Thread(target=some) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def pipelined():
    request = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n" * 1000 + SCRAPE
    for _ in range(50):
        assert ask(request).count(b"HTTP/1.1 200 OK") == 1001


def oversized():
    for _ in range(500):
        try:
            answer = ask(b"GET / HTTP/1.1\r\nX: " + b"x" * 1_000_000 + b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 431") or not answer
        except (ConnectionResetError, BrokenPipeError):
            pass


def half_closed():
    for _ in range(2000):
        assert ask(SCRAPE, half_close=True).startswith(b"HTTP/1.1 200")


hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
server = subprocess.Popen(
    [
        BINARY,
        "--amperity.tenant=socktown",
        "--amperity.base-url=http://127.0.0.1:9/api",
        "--amperity.job=isj-1",
        f"--web.listen-address={ADDRESS[0]}:{ADDRESS[1]}",
        "--log.level=error",
    ],
    env={**os.environ, "AMPERITY_TOKEN": "t"},
    stderr=subprocess.DEVNULL,
)
try:
    for _ in range(100):
        try:
            ask(SCRAPE)
            break
        except OSError:
            time.sleep(0.1)
    under("nothing", lambda: time.sleep(5))
    under("2,000 slow-loris connections", loris)
    under("100,000 garbage connections", garbage)
    under("50 times 1,001 pipelined requests", pipelined)
    under("500 heads of 1 MB", oversized)
    under("2,000 half-closed sockets", half_closed)
    print(f"at most {memory(server.pid, 'VmHWM'):.1f} MiB resident")
finally:
    server.terminate()
    server.wait()
