"""What an inventory costs, beside what people use today. Prints tables; asserts no times.

    python3 -m venv .venv-bench && .venv-bench/bin/pip install -r tests/bench/requirements.txt
    cargo build --profile dist --locked && export REBAKE=$PWD/target/dist/rebake
    .venv-bench/bin/python tests/bench/inventory.py --nodes 1000 10000 100000
    .venv-bench/bin/python tests/bench/inventory.py --nodes 1000000 --clients rebake

For each number of nodes a world is served, on one core; the clients look at it one after the other, on another core.
Nothing throttles, and rebake's own pacing is taken out by a clock that runs fast (REBAKE_TIME_RATE): what is compared
is the work of the clients. The first table holds rebake's calls against the fewest that page sizes and batches allow,
computed from the numbers that the world file was written from (fleet.py).
"""

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from fleet import Fleet
from sandbox import BINARY, Sandbox, on_core

PEERS = Path(__file__).parent / "peers"
SERVER, CLIENT = 0, 1
# How fast the account's clock runs, and rebake's: it paces itself to a share of AWS's rates, and on a wall clock that
# would be most of the time. No faster: a call that takes a minute of that clock is given up, and one core serves all.
FAST = 20

# What each gathers.
FIELDS = {
    "rebake": "all of boto3's; owners, lanes, needs with since-when, findings, gaps",
    "boto3": "instances, agents, groups with hooks, policies and refreshes, template versions, images with parents and "
             "lineage, patch rows, open patches with CVEs and release dates, baselines, on-premises nodes with tags",
    "AWS CLI": "as boto3, without parents of images",
    "Custodian": "instances, agents (of ten in fifty), groups, own images, count of open patches by severity",
}


class Client:
    """What looks at the account."""

    def __init__(self, name, command, counted, largest):
        self.name, self.command, self.counted, self.largest = name, command, counted, largest

    def run(self, env, folder):
        """Runs it; wall and processor seconds, bytes of memory, nodes that it found."""
        out = folder / "told"
        with out.open("wb") as told, (folder / "errors").open("wb") as errors:
            began = time.perf_counter()
            process = subprocess.Popen(on_core(CLIENT, self.command), env=env, cwd=folder, stdout=told, stderr=errors)
            _, status, used = os.wait4(process.pid, 0)
            wall = time.perf_counter() - began
        # Exit code 8 says that nodes need something.
        if os.waitstatus_to_exitcode(status) not in (0, 8):
            sys.exit(f"{self.name} failed: {(folder / 'errors').read_text()[-2000:]}")
        return wall, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024, self.counted(out)


def told_nodes(out):
    with out.open() as told:
        fleet = json.load(told)
    if fleet["gaps"]:
        sys.exit(f"rebake could not read everything: {fleet['gaps'][0]}")
    return fleet["totals"]["nodes"]


def told_number(out):
    return int(out.read_text().split()[-1])


def clients():
    python = sys.executable
    rebake = [BINARY, "inventory", "--format", "json"]
    return [
        Client("rebake", rebake, told_nodes, 10**9),
        Client("boto3", [python, PEERS / "with_boto3.py", "sites", "fleet.json"], told_number, 100_000),
        # A process for each node that lacks patches: ten times the nodes take ten times as long.
        Client("AWS CLI", [PEERS / "with_cli.sh", "sites", "."], told_number, 1_000),
        Client("Custodian", [PEERS / "with_custodian.sh", "sites", "."], told_number, 100_000),
    ]


def environment(sandbox, fleet):
    """Credentials of the first account, for clients that assume roles; the others have an access key for each account."""
    bin = Path(sys.executable).parent
    return {
        "PATH": f"{bin}:{os.environ['PATH']}",
        "HOME": os.environ["HOME"],
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{sandbox.port}",
        "AWS_ACCESS_KEY_ID": fleet.key(fleet.accounts[0]),
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_DEFAULT_REGION": fleet.regions[0],
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_PAGER": "",
        "REBAKE_TIME_RATE": str(FAST),
    }


def prepared(fleet):
    """A folder with what the clients read."""
    folder = Path(tempfile.mkdtemp(prefix="rebake-bench-"))
    (folder / "rebake.toml").write_text(fleet.configuration())
    lines = (f"{site.account} {fleet.key(site.account)} {site.region}\n" for site in fleet.sites)
    (folder / "sites").write_text("".join(lines))
    return folder


def bounds(bound, made):
    """The table of calls against their bound."""
    print(f"\n| operation | bound | made | ratio |\n|---|---|---|---|")
    for operation in sorted(bound.keys() | made.keys(), key=lambda name: (-bound[name], name)):
        least, calls = bound[operation], made[operation]
        print(f"| {operation} | {least:,} | {calls:,} | {calls / least:.2f} |" if least else
              f"| {operation} | 0 | {calls:,} | |")
    least, calls = bound.total(), made.total()
    print(f"| all | {least:,} | {calls:,} | {calls / least:.3f} |", flush=True)


def measure(nodes, sites, wanted):
    """Lets each client look at a fleet, and prints what that took."""
    fleet, text = Fleet(nodes, sites), io.StringIO()
    fleet.write(text)
    with Sandbox(text.getvalue(), FAST, SERVER) as sandbox:
        del text
        print(f"\n{nodes:,} nodes in {sites} sites; the sandbox began after {sandbox.took:.0f} s", file=sys.stderr)
        seen, rows = 0, []
        for client in clients():
            if client.name not in wanted:
                continue
            if nodes > client.largest:
                rows.append((nodes, client.name, "left out", "", "", "", ""))
                continue
            folder = prepared(fleet)
            wall, cpu, memory, found = client.run(environment(sandbox, fleet), folder)
            shutil.rmtree(folder)
            calls = sandbox.client().calls()
            # What has no service asked the server for its time.
            made = Counter(f"{call['service']}:{call['operation']}" for call in calls[seen:] if call["service"])
            seen = len(calls)
            if client.name == "rebake":
                bounds(fleet.bound(), made)
            rows.append((nodes, client.name, f"{made.total():,}", f"{wall:.1f}", f"{cpu:.1f}",
                         f"{memory / 2**20:,.0f}", f"{found:,}"))
            print(*rows[-1], file=sys.stderr, flush=True)
        return rows


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    names = [client.name for client in clients()]
    arguments.add_argument("--nodes", type=int, nargs="+", default=[100_000], help="how many nodes, one run for each")
    arguments.add_argument("--sites", type=int, default=20, help="accounts × regions")
    arguments.add_argument("--clients", nargs="+", choices=names, default=names, help="who looks")
    arguments = arguments.parse_args()
    rows = [row for nodes in arguments.nodes for row in measure(nodes, arguments.sites, arguments.clients)]
    print("\n| nodes | client | calls | wall s | CPU s | peak MB | nodes found |\n|---|---|---|---|---|---|---|")
    for nodes, *row in rows:
        print(f"| {nodes:,} | {' | '.join(row)} |")
    print("\n| client | fields |\n|---|---|")
    for name in arguments.clients:
        print(f"| {name} | {FIELDS[name]} |")


if __name__ == "__main__":
    main()
