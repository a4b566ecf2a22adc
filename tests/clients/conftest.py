"""A served sandbox for clients that know AWS and nothing of rebake."""

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

ROOT = Path(__file__).resolve().parents[2]
REGION = "eu-west-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}


class Sandbox:
    """A running `rebake sandbox serve`."""

    def __init__(self, world):
        binary = os.environ.get("REBAKE", str(ROOT / "target" / "debug" / "rebake"))
        command = [binary, "sandbox", "serve", "--port", "0", "--world", world, "--clock", "paused"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().split()[-1]

    def stop(self):
        self.process.terminate()
        assert self.process.wait(timeout=20) == 0

    def client(self, service, region=REGION):
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=self.url,
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"total_max_attempts": 1}),
        )

    def control(self, path, body=None, headers=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/_sandbox/{path}", data=data, headers=headers or {})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def advance(self, duration):
        return self.control("clock", {"advance": duration})["now"]

    def aws(self, *arguments):
        """Runs the AWS command line and gives what it prints."""
        environment = {**os.environ, **CREDENTIALS, "AWS_ENDPOINT_URL": self.url, "AWS_DEFAULT_REGION": REGION}
        command = [sys.executable, "-m", "awscli", *arguments, "--output", "json"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None


@pytest.fixture(scope="session")
def served():
    sandbox = Sandbox("empty")
    yield sandbox
    sandbox.stop()


@pytest.fixture
def sandbox(served):
    """An empty account."""
    served.control("reset", {"world": "empty"})
    return served
