#!/usr/bin/env python3
"""Traces the system calls of a server and holds every answered write against them: between the request and its answer
the data file of the store must have been synced. Needs strace.

    tests/trace/run.py target/debug/usersd          # 60 creates, updates and deletes
"""
import base64
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

USERS = 60
CALLS = "recvfrom,sendto,read,write,readv,writev,fdatasync,fsync"


def start(program, folder):
    """Starts the server under strace; gives the process, the trace and the port."""
    trace, log = os.path.join(folder, "trace"), os.path.join(folder, "log")
    environment = {
        "PATH": os.environ["PATH"],
        "USERSD__HTTP__BIND": "127.0.0.1:0",
        "USERSD__STORE__PATH": os.path.join(folder, "store"),
        "USERSD__HASHING__BCRYPT_COST": "4",
        "USERSD__USERS__BASE_DIR": "/srv",
        "USERSD_FIRST_ADMIN": "admin",
        "USERSD_FIRST_ADMIN_PASSWORD": "password",
    }
    command = ["strace", "-f", "-y", "-s", "48", "-e", "trace=" + CALLS, "-o", trace, program, "serve"]
    server = subprocess.Popen(command, env=environment, stderr=open(log, "wb"))
    for _ in range(600):
        found = re.search(rb"listening on http://127\.0\.0\.1:(\d+)", open(log, "rb").read())
        if found:
            return server, trace, int(found.group(1))
        if server.poll() is not None:
            break
        time.sleep(0.1)
    stop(server)
    sys.exit("the server does not listen: " + open(log).read())


def stop(strace):
    """Ends the server, and with it strace, which would leave it behind if it ended first."""
    with open(f"/proc/{strace.pid}/task/{strace.pid}/children") as children:
        servers = [int(number) for number in children.read().split()]
    for sign in (signal.SIGTERM, signal.SIGKILL):
        for server in servers:
            try:
                os.kill(server, sign)
            except ProcessLookupError:
                pass
        try:
            return strace.wait(30)
        except subprocess.TimeoutExpired:
            pass
    strace.kill()


def write_users(port):
    """Creates, changes and deletes users, one request at a time; gives the number of writes."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(method, path, body=None, authorization=None, status=200):
        headers = {"Authorization": authorization, "Content-Type": "application/json"}
        connection.request(method, "/api/v2" + path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != status:
            sys.exit(f"{method} {path}: {answer.status} {text}")
        return text

    basic = "Basic " + base64.b64encode(b"admin:password").decode()
    bearer = "Bearer " + json.loads(ask("GET", "/token", authorization=basic))["access_token"]
    for number in range(USERS // 3):
        user = {"username": f"user{number}", "status": 1, "permissions": {"/": ["*"]}}
        ask("POST", "/users", user, bearer, 201)
        ask("PUT", f"/users/user{number}", user, bearer)
        ask("DELETE", f"/users/user{number}", None, bearer)
    return USERS // 3 * 3


def judge(trace):
    """Goes through the calls in their order: how many writes were answered, and which of them too early."""
    request = re.compile(r'"(POST|PUT|DELETE) /api/v2/users')
    pending, synced, answered, early, syncing = None, False, 0, [], {}
    for line in open(trace, errors="replace"):
        process, _, call = line.partition(" ")
        call = call.strip()
        if request.search(call):
            pending, synced = request.search(call).group(1), False
        elif call.startswith("fdatasync(") and "/store/db>" in call:
            if "unfinished" in call:
                syncing[process] = True
            elif call.endswith("= 0"):
                synced = True
        elif call.startswith("<... fdatasync resumed>"):
            if syncing.pop(process, False) and call.endswith("= 0"):
                synced = True
        elif pending and re.search(r'"HTTP/1\.1 20[01]', call):
            answered += 1
            if not synced:
                early.append(line.strip())
            pending = None
    return answered, early


def main():
    program = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "target/debug/usersd")
    with tempfile.TemporaryDirectory() as folder:
        server, trace, port = start(program, folder)
        try:
            written = write_users(port)
        finally:
            stop(server)
        answered, early = judge(trace)
        if answered != written or early:
            for line in early:
                print("answered before a sync:", line)
            sys.exit(f"{written} writes, {answered} answers in the trace, {len(early)} before the data file was synced")
        print(f"{answered} answered writes, each after an fdatasync of the data file that returned")


main()
