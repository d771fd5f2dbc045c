#!/usr/bin/env python3
"""Proves that forgotten passwords work through a real mail server (mail_server.sh): STARTTLS with an authority of
its own, authentication, delivery into a mailbox, and mails that outlive the server that has to send them.

    run.py USERSD [--client PYTHON PATH] [--pids DIR]

USERSD is the program. With --client the operations are done with a generated client, too: PYTHON is an interpreter
that can run it, PATH the folder of its package. In DIR a file is kept for each process that runs. Needs root.
"""

import argparse
import base64
import collections
import email
import email.policy
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
MAIL_USER, MAIL_PASSWORD = "usersd", "planted-mail-password"
PATIENCE = 30.0
MANY = 12


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(what, look):
    """What `look` finds, as soon as it is something."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {PATIENCE} s")


class Processes:
    """Notes which processes run, for whoever has to end them if this program cannot."""

    def __init__(self, folder):
        self.folder = folder

    def add(self, pid):
        if self.folder:
            (self.folder / str(pid)).touch()

    def remove(self, pid):
        if self.folder:
            (self.folder / str(pid)).unlink(missing_ok=True)


class MailServer:
    def __init__(self, folder, processes):
        self.folder, self.processes, self.pid = folder, processes, None
        self.port = free_port()
        folder.mkdir()
        self.command("setup", str(self.port), MAIL_USER, MAIL_PASSWORD)

    def command(self, what, *rest):
        words = [str(HERE / "mail_server.sh"), what, str(self.folder), *rest]
        return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, timeout=60).stdout

    def start(self):
        self.pid = int(self.command("start"))
        self.processes.add(self.pid)

    def stop(self):
        if self.pid is not None:
            self.command("stop")
            self.processes.remove(self.pid)
            self.pid = None

    def mails(self):
        """All mails delivered so far."""
        box = self.folder / "mail" / "all" / "new"
        files = sorted(box.iterdir()) if box.is_dir() else []
        return [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]

    def mails_to(self, name):
        return [mail for mail in self.mails() if mail["Delivered-To"] == f"{name}@example.com"]

    def mail_to(self, name, number=1):
        mails = wait_for(f"mail {number} to {name}", lambda: self.mails_to(name)[number - 1:])
        assert len(mails) == 1, f"{len(mails)} mails to {name} instead of one"
        return mails[0]


class Usersd:
    def __init__(self, program, folder, mail, processes):
        self.program, self.folder, self.processes = program, folder, processes
        self.child = self.token = None
        self.log = folder / "usersd.log"
        credentials = folder / "credentials"
        credentials.mkdir(mode=0o700)
        secret = credentials / "usersd.smtp_password"
        secret.touch(mode=0o600)
        secret.write_text(MAIL_PASSWORD + "\n")
        self.environment = {
            "PATH": os.environ["PATH"],
            "CREDENTIALS_DIRECTORY": str(credentials),
            "USERSD__STORE__PATH": str(folder / "store"),
            "USERSD__STORE__RESERVE_MIB": "0",
            "USERSD__SMTP__HOST": "127.0.0.1",
            "USERSD__SMTP__PORT": str(mail.port),
            "USERSD__SMTP__FROM": "usersd <usersd@example.com>",
            "USERSD__SMTP__REPLY_TO": "help@example.com",
            "USERSD__SMTP__USER": MAIL_USER,
            "USERSD__SMTP__PASSWORD_CREDENTIAL": "usersd.smtp_password",
            "USERSD__SMTP__CA_FILE": str(mail.folder / "ca.pem"),
            "USERSD__SMTP__RESET_URL": "https://files.example.com/{kind}/reset?name={username}",
            "USERSD_FIRST_ADMIN": "admin",
            "USERSD_FIRST_ADMIN_PASSWORD": "password",
        }

    def mail_test(self, **changes):
        """`usersd mail test`: its exit code, and all it printed."""
        words = [self.program, "mail", "test", "probe@example.com"]
        done = subprocess.run(words, env={**self.environment, **changes}, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=60)
        for secret in (MAIL_PASSWORD, base64.b64encode(MAIL_PASSWORD.encode()).decode()[:16],
                       base64.b64encode(f"\0{MAIL_USER}\0{MAIL_PASSWORD}".encode()).decode()[:16]):
            assert secret not in done.stdout, done.stdout
        return done.returncode, done.stdout

    def backup(self):
        file = self.folder / "backup"
        subprocess.run([self.program, "backup", file], env=self.environment, cwd=self.folder, stdout=subprocess.DEVNULL,
                       check=True, timeout=60)
        return file.read_bytes()

    def start(self):
        port = free_port()
        self.base = f"http://127.0.0.1:{port}"
        with self.log.open("ab") as log:
            self.child = subprocess.Popen([self.program, "serve"], stderr=log, stdout=log, cwd=self.folder,
                                          env={**self.environment, "USERSD__HTTP__BIND": f"127.0.0.1:{port}"})
        self.processes.add(self.child.pid)
        wait_for("usersd listens", lambda: self.ask("GET", "/healthz")[0] == 200)
        basic = base64.b64encode(b"admin:password").decode()
        self.token = self.ask("GET", "/api/v2/token", authorization=f"Basic {basic}")[1]["access_token"]

    def end(self, how):
        if self.child is not None:
            self.child.send_signal(how)
            self.child.wait(timeout=PATIENCE)
            self.processes.remove(self.child.pid)
            self.child = None

    def ask(self, method, path, body=None, authorization=None):
        """Status and JSON of an answer; 0 while nobody listens."""
        headers = {"Authorization": authorization} if authorization else {}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as refusal:
            status, text = refusal.code, refusal.read()
        except urllib.error.URLError:
            assert self.child.poll() is None, "usersd has ended"
            return 0, None
        return status, json.loads(text) if text.startswith(b"{") else None

    def add(self, name):
        user = {"username": name, "status": 1, "password": "old password", "email": f"{name}@example.com",
                "home_dir": f"/srv/{name}", "permissions": {"/": ["*"]}}
        status, answer = self.ask("POST", "/api/v2/users", user, f"Bearer {self.token}")
        assert status == 201, answer

    def forgot(self, name):
        answer = self.ask("POST", f"/api/v2/users/{name}/forgot-password")
        assert answer == (200, {"message": "Check your email for the confirmation code"}), answer

    def reset(self, name, code, password):
        return self.ask("POST", f"/api/v2/users/{name}/reset-password", {"code": code, "password": password})

    def signs_in(self, name, password):
        basic = base64.b64encode(f"{name}:{password}".encode()).decode()
        return self.ask("GET", "/api/v2/user/token", authorization=f"Basic {basic}")[0]

    def mail_status(self):
        assert "mail" not in self.ask("GET", "/readyz")[1], "it would tell who has an account"
        return self.ask("GET", "/readyz", authorization=f"Bearer {self.token}")[1]["mail"]


def code_in(mail):
    """The code: between double quotes, on a line of its own, the same in both parts."""
    parts = {part.get_content_type(): part.get_content() for part in mail.walk() if not part.is_multipart()}
    assert list(parts) == ["text/plain", "text/html"], list(parts)
    found = {tuple(re.findall(r'^"([0-9A-Za-z]{22})"$', text, re.MULTILINE)) for text in parts.values()}
    assert len(found) == 1 and len(next(iter(found))) == 1, found
    return next(iter(found))[0]


def settings_can_be_tried(usersd, mail):
    for way in ("plain", "login"):
        status, shown = usersd.mail_test(USERSD__SMTP__AUTH=way)
        assert status == 0 and f"AUTH {way.upper()} ********" in shown and "-- encrypted" in shown, shown
    wait_for("both test mails", lambda: len(mail.mails_to("probe")) == 2)
    for change, advice in (
        ({"USERSD__SMTP__PASSWORD_CREDENTIAL": "", "USERSD__SMTP__PASSWORD": "wrong"}, "check smtp.user"),
        ({"USERSD__SMTP__CA_FILE": ""}, "needs smtp.ca_file"),
        ({"USERSD__SMTP__HOST": "localhost"}, "smtp.host must be a name in it"),
        ({"USERSD__SMTP__ENCRYPTION": "tls"}, 'is for servers that begin with TLS'),
        ({"USERSD__SMTP__AUTH": "xoauth2"}, "set smtp.auth to one that it offers"),
        ({"USERSD__SMTP__PORT": str(free_port())}, "check smtp.host and smtp.port"),
    ):
        status, shown = usersd.mail_test(**change)
        assert status == 1 and advice in shown, f"{change}: {status} {shown}"
    status, shown = usersd.mail_test(USERSD__SMTP__ENCRYPTION="none")
    assert status == 2 and "smtp.allow_plaintext_credentials" in shown, shown


def a_password_is_reset_by_mail(usersd, mail):
    usersd.add("anna")
    usersd.forgot("nobody")
    usersd.forgot("anna")
    message = mail.mail_to("anna")
    assert message["Subject"] == 'Email Verification Code for user "anna"', message["Subject"]
    assert message["To"] == "anna@example.com" and message["From"] == "usersd <usersd@example.com>"
    assert message["Reply-To"] == "help@example.com" and message["Auto-Submitted"] == "auto-generated"
    # Over TLS, and signed in (RFC 3848).
    assert "with ESMTPSA id" in message["Received"], message["Received"]
    text = message.get_body(("plain",)).get_content()
    assert "https://files.example.com/user/reset?name=anna" in text.splitlines(), text
    code = code_in(message)
    kept = b"".join(file.read_bytes() for file in (usersd.folder / "store").rglob("*") if file.is_file())
    # What is compressed in the store stands there in clear.
    copied = usersd.backup()
    assert b"anna@example.com" in copied and b"user/anna" in copied, "the backup holds the account and the request"
    assert code.encode() not in kept + copied, "codes are stored as hashes alone"
    assert code not in usersd.log.read_text(), "the log holds the code"
    status, answer = usersd.reset("anna", code.swapcase(), "new password")
    assert status == 400, answer
    assert usersd.reset("anna", code, "new password") == (200, {"message": "Password reset successful"})
    assert usersd.reset("anna", code, "newer password")[0] == 400, "a code works once"
    assert usersd.signs_in("anna", "new password") == 200 and usersd.signs_in("anna", "old password") == 401
    wait_for("nothing waits", lambda: usersd.mail_status() == {"waiting": 0, "failures_in_a_row": 0})
    assert len(mail.mails_to("nobody")) == 0


def a_generated_client_does_it(usersd, mail, python, path):
    def client(*words):
        environment = {**os.environ, "PYTHONPATH": path, "USERSD_PASSWORD": "a new password"}
        words = [python, str(HERE / "with_client.py"), usersd.base, *words]
        subprocess.run(words, check=True, timeout=60, env=environment)

    usersd.add("bert")
    client("forgot", "bert")
    client("reset", "bert", code_in(mail.mail_to("bert")))
    assert usersd.signs_in("bert", "a new password") == 200


def mails_outlive_the_server(usersd, mail):
    names = [f"crowd{number}" for number in range(MANY)]
    for name in names:
        usersd.add(name)
    mail.stop()
    for name in names:
        usersd.forgot(name)
    wait_for("all were tried", lambda: usersd.mail_status()["failures_in_a_row"] >= MANY)
    assert usersd.mail_status()["waiting"] == MANY, usersd.mail_status()
    log = usersd.log.read_text()
    assert "requests for mails wait" in log and "cannot connect to the mail server" in log, log
    usersd.end(signal.SIGKILL)
    mail.start()
    usersd.start()
    for name in names:
        mail.mail_to(name)
    wait_for("nothing waits", lambda: usersd.mail_status() == {"waiting": 0, "failures_in_a_row": 0})
    # Once more, in order this time: nothing is sent again.
    usersd.end(signal.SIGTERM)
    usersd.start()
    for name in names:
        assert usersd.reset(name, code_in(mail.mail_to(name)), "new password")[0] == 200, name
    times = collections.Counter(message["Delivered-To"] for message in mail.mails())
    crowd = [times[f"{name}@example.com"] for name in names]
    assert crowd == [1] * MANY, crowd
    identities = [message["Message-ID"] for message in mail.mails()]
    assert len(set(identities)) == len(identities), "every mail has an identity of its own"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("usersd")
    parser.add_argument("--client", nargs=2, metavar=("PYTHON", "PATH"))
    parser.add_argument("--pids", type=pathlib.Path)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    processes = Processes(arguments.pids)
    folder = pathlib.Path(tempfile.mkdtemp())
    # Several users of the machine work in parts of it.
    folder.chmod(0o755)
    mail = usersd = None
    try:
        mail = MailServer(folder / "postfix", processes)
        mail.start()
        (folder / "usersd").mkdir(mode=0o700)
        usersd = Usersd(str(pathlib.Path(arguments.usersd).resolve()), folder / "usersd", mail, processes)
        settings_can_be_tried(usersd, mail)
        print("  settings tried out: PLAIN and LOGIN over STARTTLS, and what is wrong is told")
        usersd.start()
        a_password_is_reset_by_mail(usersd, mail)
        print("  a password reset with the code from the mailbox")
        if arguments.client:
            a_generated_client_does_it(usersd, mail, *arguments.client)
            print("  the same with a generated client")
        mails_outlive_the_server(usersd, mail)
        print(f"  {MANY} mails queued, the server killed: each delivered once after its restart")
        usersd.end(signal.SIGTERM)
        assert MAIL_PASSWORD not in usersd.log.read_text(), "the log holds the password"
    except BaseException:
        for log in (folder / "usersd" / "usersd.log", folder / "postfix" / "postfix.log"):
            if log.is_file():
                print(f"--- the end of {log.name}:", *log.read_text().splitlines()[-40:], sep="\n", file=sys.stderr)
        raise
    finally:
        if usersd:
            usersd.end(signal.SIGKILL)
        if mail:
            mail.stop()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
