"""A served account, and the clients that talk to it."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from contextlib import contextmanager
from types import SimpleNamespace
from unittest import mock

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from ledger import ROOT, Ledger

REGION = "eu-west-1"
KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET = "secret"
LEDGER = Ledger()


class Sandbox:
    """A running `rebake sandbox serve`, whose clock stands still until it is moved."""

    def __init__(self, world="empty", *options):
        binary = os.environ.get("REBAKE", str(ROOT / "target" / "debug" / "rebake"))
        command = [binary, *options, "sandbox", "serve", "--port", "0", "--world", str(world), "--clock", "paused"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().split()[-1]
        self.clients = {}

    def stop(self):
        self.process.terminate()
        assert self.process.wait(timeout=20) == 0

    # Clients

    def client(self, service, region=REGION, key=KEY, checked=True, token=None):
        """A client of boto3 whose every answer goes through the ledger. Unchecked, it sends what the model forbids."""
        name = (service, region, key, checked, token)
        if name not in self.clients:
            client = boto3.client(
                service,
                region_name=region,
                endpoint_url=self.url,
                aws_access_key_id=key,
                aws_secret_access_key=SECRET,
                aws_session_token=token,
                config=Config(retries={"total_max_attempts": 1}, parameter_validation=checked),
            )
            self.clients[name] = LEDGER.watch(client)
        return self.clients[name]

    def query(self, service, body, region=REGION):
        """Sends a form that no client would, and gives status and text."""
        return self.send(service, "POST", "/", body, {"content-type": "application/x-www-form-urlencoded"}, region)

    def send(self, service, method, path, body=b"", headers=None, region=REGION):
        """Sends a signed request of any bytes, and gives status and text."""
        data = body.encode() if isinstance(body, str) else body
        request = AWSRequest(method, self.url + path, data=data, headers=headers or {})
        SigV4Auth(Credentials(KEY, SECRET), service, region).add_auth(request)
        sent = urllib.request.Request(request.url, data=data, headers=dict(request.headers), method=method)
        try:
            with urllib.request.urlopen(sent, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def aws(self, *arguments):
        """Runs the AWS command line and gives what it prints."""
        environment = {
            **os.environ,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_DEFAULT_REGION": REGION,
        }
        command = [sys.executable, "-m", "awscli", *arguments, "--output", "json"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    # The control interface

    def control(self, path, body=None, headers=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/_sandbox/{path}", data=data, headers=headers or {})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def advance(self, duration):
        """Moves the clock: `"30m"`, or seconds."""
        duration = duration if isinstance(duration, str) else f"{max(1, round(duration))}s"
        return self.control("clock", {"advance": duration})["now"]

    def reset(self, world="empty"):
        self.control("reset", {"world": str(world)})
        self.control("faults", {})

    # What clients do with time and pages

    @contextmanager
    def sleeping(self, *modules):
        """In these modules `time.sleep` moves the account's clock and takes no time."""
        clock = SimpleNamespace(sleep=self.advance)
        patches = [mock.patch(f"{module}.time", clock) for module in modules]
        for patch in patches:
            patch.start()
        try:
            yield
        finally:
            for patch in patches:
                patch.stop()

    def wait(self, client, waiter, **arguments):
        """Satisfies a waiter of botocore; its sleeps move the clock."""
        with self.sleeping("botocore.waiter"):
            client.get_waiter(waiter).wait(**arguments)

    def until(self, seen, step="15s", most=2000):
        """Moves the clock until something is seen, and gives it."""
        for _ in range(most):
            found = seen()
            if found:
                return found
            self.advance(step)
        raise AssertionError(f"never seen: {seen}")

    def walk(self, client, operation, size, **arguments):
        """Walks a paginator with small pages to its end, and holds it against the same without a page size.

        Gives the items of its first list. No page may be larger than asked, and there must be several.
        """
        paginator = client.get_paginator(operation)
        result = paginator.result_keys[0].expression
        pages = list(paginator.paginate(**arguments, PaginationConfig={"PageSize": size}))
        sizes = [len(page.get(result, [])) for page in pages]
        assert max(sizes) <= size, f"{operation}: {sizes}"
        items = [item for page in pages for item in page.get(result, [])]
        whole = [item for page in paginator.paginate(**arguments) for item in page.get(result, [])]
        assert items == whole, f"{operation}: {len(items)} in pages, {len(whole)} at once"
        assert len(pages) > 1, f"{operation}: {len(items)} are too few for two pages of {size}"
        return items


def refused(call, **arguments):
    """The code with which a call is refused."""
    return refusal(call, **arguments)[0]


def refusal(call, **arguments):
    """The code and the message with which a call is refused."""
    try:
        answer = call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["Error"]["Message"]
    raise AssertionError(f"not refused: {answer}")
