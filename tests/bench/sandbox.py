"""How fast the sandbox is, with moto server beside it where both do the same. Prints a table; asserts no times.

    python3 -m venv .venv-bench && .venv-bench/bin/pip install -r tests/bench/requirements.txt
    cargo build --release --locked && .venv-bench/bin/python tests/bench/sandbox.py

Clients here speak HTTP alone: boto3 would take longer to read an answer than either server takes to give it.
"""

import argparse
import http.client
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode

REGION = "eu-west-1"
EC2, AUTOSCALING = "2016-11-15", "2011-01-01"
BINARY = os.environ.get("REBAKE", Path(__file__).parents[2] / "target/release/rebake")
TICKS = os.sysconf("SC_CLK_TCK")

TEMPLATE = """
[[template]]
name = "web"
region = "{region}"
[[template.version]]
age = "60d"
image = "al2023-x86_64@62d"
instance-type = "m7i.large"
instance-profile = "web"
[[template.version]]
age = "3d"
image = "al2023-x86_64"
instance-type = "m7i.large"
instance-profile = "web"

[[association]]
name = "scan"
region = "{region}"
tag = ["env", "prod"]
every = "1d"
last-run = "5h"
"""

GROUP = """
[[group]]
name = "group-{number:04}"
region = "{region}"
template = "web"
version = 1
size = {size}
age = "30d"
warmup = "2m"
tags = {{ app = "app-{app:02}", env = "prod" }}
"""


def world(groups, size, regions=(REGION,)):
    """A world of equal groups, spread over regions; every node has been scanned."""
    text = ["seed = 1\n"] + [TEMPLATE.format(region=region) for region in regions]
    for number in range(groups):
        region = regions[number * len(regions) // groups]
        text.append(GROUP.format(number=number, region=region, size=size, app=number % 50))
    return "".join(text)


class Client:
    """One connection, kept open."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port)

    def send(self, service, body, headers, region=REGION, path="/"):
        scope = f"any/20261124/{region}/{service}/aws4_request"
        headers["Authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
        self.connection.request("POST", path, body, headers)
        response = self.connection.getresponse()
        told = response.read()
        if response.status != 200:
            raise RuntimeError(f"{response.status}: {told[:300]}")
        return told

    def query(self, service, version, action, region=REGION, **members):
        body = urlencode({"Action": action, "Version": version, **members})
        return self.send(service, body, {"Content-Type": "application/x-www-form-urlencoded"}, region)

    def ssm(self, operation, **members):
        kind = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"AmazonSSM.{operation}"}
        return self.send("ssm", json.dumps(members), kind)

    def ec2(self, action, **members):
        return self.query("ec2", EC2, action, **members)

    def advance(self, by):
        self.connection.request("POST", "/_sandbox/clock", json.dumps({"advance": by}))
        return json.load(self.connection.getresponse())

    def calls(self):
        """Every call so far, in order."""
        self.connection.request("GET", "/_sandbox/calls")
        return json.load(self.connection.getresponse())

    def page(self, token=None):
        return self.ec2("DescribeInstances", MaxResults=1000, **({"NextToken": token} if token else {}))


def on_core(core, command):
    """A command that runs on one core alone, if one is named."""
    return command if core is None else ["taskset", "--cpu-list", str(core), *command]


class Sandbox:
    """A served world. Its clock stands still, or runs so many times as fast as the wall; it may be kept to one core."""

    def __init__(self, text, rate=0, core=None):
        self.file = tempfile.NamedTemporaryFile("w", suffix=".toml")
        self.file.write(text)
        self.file.flush()
        clock = ["--clock", "fast", "--rate", str(rate)] if rate else ["--clock", "paused"]
        command = on_core(core, [BINARY, "sandbox", "serve", "--port", "0", "--world", self.file.name, *clock])
        began = time.perf_counter()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        told = (re.search(r"127\.0\.0\.1:(\d+)", line) for line in self.process.stdout)
        found = next(filter(None, told), None)
        self.took = time.perf_counter() - began
        if not found:
            sys.exit("the sandbox did not start")
        self.port = int(found[1])

    def client(self):
        return Client(self.port)

    def memory(self):
        """Resident memory, in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024

    def cpu(self):
        """Processor time so far, in seconds."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


class Moto:
    """moto server with instances of one RunInstances after another."""

    def __init__(self, count):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [str(Path(sys.executable).with_name("moto_server")), "-p", str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                break
            except OSError:
                time.sleep(0.1)
        client = Client(self.port)
        image = re.search(rb"<imageId>([^<]+)", client.ec2("DescribeImages", **{"Owner.1": "amazon"}))[1].decode()
        tags = {f"TagSpecification.1.Tag.{n}.{part}": value
                for n, pair in enumerate([("env", "prod"), ("app", "app-01")], 1)
                for part, value in zip(("Key", "Value"), pair)}
        for _ in range(count // 1000):
            client.ec2("RunInstances", ImageId=image, MinCount=1000, MaxCount=1000, InstanceType="m5.large",
                       **{"TagSpecification.1.ResourceType": "instance"}, **tags)

    def client(self):
        return Client(self.port)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def instance_ids(page):
    return list(dict.fromkeys(found.decode() for found in re.findall(rb"<instanceId>(i-[0-9a-f]+)", page)))


def pages_per_second(client, seconds=5.0):
    """Pages of 1000 instances that one client gets in a second, walking the fleet round and round."""
    token, pages, began = None, 0, time.perf_counter()
    while time.perf_counter() - began < seconds or not pages:
        page = client.page(token)
        if page.count(b"<instanceState>") < 1000:
            sys.exit("a page is not full")
        found = re.search(rb"<nextToken>([^<]+)", page[-500:]) or re.search(rb"<nextToken>([^<]+)", page)
        token, pages = found and found[1].decode(), pages + 1
    return pages / (time.perf_counter() - began)


def milliseconds(ask, times=15):
    ask()
    took = []
    for _ in range(times):
        began = time.perf_counter()
        ask()
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


def requests(client):
    """Requests whose cost must not grow with the fleet, by name."""
    page = client.page()
    ids = instance_ids(page)
    token = re.search(rb"<nextToken>([^<]+)", page)
    token = token and token[1].decode()

    def filtered(action, name, value, **members):
        return lambda: client.ec2(action, **{"Filter.1.Name": name, "Filter.1.Value.1": value}, **members)

    def listed(name, values):
        return {f"{name}.{number}": value for number, value in enumerate(values, 1)}

    def auto(action, **members):
        return lambda: client.query("autoscaling", AUTOSCALING, action, **members)

    return {
        "DescribeInstances, 1000 in the middle": lambda: client.page(token),
        "DescribeInstances, 5": lambda: client.ec2("DescribeInstances", MaxResults=5),
        "DescribeInstances, 1 id": lambda: client.ec2("DescribeInstances", **listed("InstanceId", ids[:1])),
        "DescribeInstances, 200 of a group by tag":
            filtered("DescribeInstances", "tag:aws:autoscaling:groupName", "group-0001"),
        "DescribeInstances, an image that none runs": filtered("DescribeInstances", "image-id", "ami-00000000000000000"),
        "DescribeInstances, none is stopped": filtered("DescribeInstances", "instance-state-name", "stopped"),
        "DescribeInstanceStatus, 5": lambda: client.ec2("DescribeInstanceStatus", MaxResults=5),
        "DescribeVolumes, of 1 instance": filtered("DescribeVolumes", "attachment.instance-id", ids[0]),
        "DescribeTags, of 1 instance": filtered("DescribeTags", "resource-id", ids[0]),
        "DescribeNetworkInterfaces, 5": lambda: client.ec2("DescribeNetworkInterfaces", MaxResults=5),
        "DescribeAutoScalingGroups, 1 of 200":
            auto("DescribeAutoScalingGroups", **listed("AutoScalingGroupNames.member", ["group-0001"])),
        "DescribeAutoScalingInstances, 50 ids": auto("DescribeAutoScalingInstances", **listed("InstanceIds.member", ids[:50])),
        "DescribeAutoScalingInstances, 50": auto("DescribeAutoScalingInstances", MaxRecords=50),
        "DescribeInstanceInformation, 50": lambda: client.ssm("DescribeInstanceInformation", MaxResults=50),
        "DescribeInstanceInformation, 1 id":
            lambda: client.ssm("DescribeInstanceInformation", Filters=[{"Key": "InstanceIds", "Values": ids[:1]}]),
        "DescribeInstanceProperties, 1000": lambda: client.ssm("DescribeInstanceProperties", MaxResults=1000),
        "DescribeInstancePatchStates, 50 ids": lambda: client.ssm("DescribeInstancePatchStates", InstanceIds=ids[:50]),
        "GetInventory, 50": lambda: client.ssm("GetInventory", MaxResults=50),
        "ListResourceComplianceSummaries, 50": lambda: client.ssm("ListResourceComplianceSummaries", MaxResults=50),
    }


def refreshes(groups):
    """Processor seconds for refreshing that many groups of 10 at once, from the first request to the last status."""
    with Sandbox(world(groups, 10, (REGION, "us-east-1"))) as sandbox:
        client, before = sandbox.client(), sandbox.cpu()
        template = "DesiredConfiguration.LaunchTemplate"
        asked = {f"{template}.LaunchTemplateName": "web", f"{template}.Version": "2",
                 "Preferences.MinHealthyPercentage": 90, "Preferences.MaxHealthyPercentage": 110}

        def ask(action, number, **members):
            region = REGION if number < groups // 2 else "us-east-1"
            name = f"group-{number:04}"
            return client.query("autoscaling", AUTOSCALING, action, region, AutoScalingGroupName=name, **members)

        for number in range(groups):
            ask("StartInstanceRefresh", number, **asked)
        hours = 0.0
        for _ in range(20):
            client.advance("15m")
            hours += 0.25
            if all(b"<Status>Successful<" in ask("DescribeInstanceRefreshes", number) for number in range(groups)):
                return sandbox.cpu() - before, hours
        sys.exit("the refreshes did not end")


def concurrent(port, clients=64, each=50):
    """Requests a second of so many clients at once, and how many of them failed."""
    barrier, failed = threading.Barrier(clients + 1), []

    def one(number):
        client = Client(port)
        barrier.wait()
        for turn in range(each):
            try:
                if turn % 2:
                    client.ec2("DescribeInstances", MaxResults=5)
                else:
                    client.ssm("PutParameter", Name=f"/bench/{number}", Value=str(turn), Type="String", Overwrite=True)
            except Exception as error:  # noqa: BLE001: whatever it is, it counts
                failed.append(error)

    with ThreadPoolExecutor(clients) as pool:
        tasks = [pool.submit(one, number) for number in range(clients)]
        barrier.wait()
        began = time.perf_counter()
        for task in tasks:
            task.result()
    return clients * each / (time.perf_counter() - began), failed


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--groups", type=int, default=500, help="groups of 200 in the large fleet")
    arguments.add_argument("--moto", type=int, default=2000, help="instances in moto; 0 leaves it out")
    arguments = arguments.parse_args()
    nodes, rows = arguments.groups * 200, []

    def row(what, goal, seen):
        rows.append((what, goal, seen))
        print(f"{what}: {seen} (goal: {goal})", file=sys.stderr, flush=True)

    with Sandbox("") as empty:
        bare, started = empty.memory(), empty.took
    small = Sandbox(world(5, 200))
    with Sandbox(world(arguments.groups, 200)) as large:
        row(f"seeding {nodes:,} nodes in {arguments.groups} groups", "< 5 s", f"{large.took - started:.1f} s")
        row("memory of a node", "≤ 2 KB", f"{(large.memory() - bare) / nodes / 1024:.2f} KB")
        few, many = requests(small.client()), requests(large.client())
        costs = [(name, milliseconds(few[name]), milliseconds(many[name])) for name in few]
        everywhere = pages_per_second(large.client())
        row(f"pages of 1000 instances a second, of {nodes:,}", "", f"{everywhere:.1f}")
        rate, failed = concurrent(large.port)
        row("64 clients at once, 3200 requests", "no error", f"{len(failed)} errors, {rate:,.0f} requests a second")
    if arguments.moto:
        with Sandbox(world(arguments.moto // 200, 200)) as same, Moto(arguments.moto) as moto:
            here, there = pages_per_second(same.client()), pages_per_second(moto.client())
        row(f"the same of {arguments.moto:,}, and moto's", "≥ 50 ×", f"{here:.1f} and {there:.2f}: {here / there:.0f} ×")
    spent, hours = refreshes(1000)
    row("1,000 groups of 10 refreshed at once", "< 10 s of CPU", f"{spent:.1f} s for {hours:g} h")
    small.__exit__()

    print("| what | goal | measured |\n|---|---|---|")
    for what, goal, seen in rows:
        print(f"| {what} | {goal} | {seen} |")
    print(f"\n| request | of 1,000 nodes | of {nodes:,} |\n|---|---|---|")
    for name, few, many in costs:
        print(f"| {name} | {few:.2f} ms | {many:.2f} ms |")


if __name__ == "__main__":
    main()
