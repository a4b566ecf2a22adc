"""A fleet as a world file, and from the same numbers the fewest calls in which all of it can be read.

Each site is an account in a region. Of its nodes seven in ten are members of groups, one in a hundred is on-premises,
the rest are instances by themselves. Every node has eight tags of which three are its own; a third of them lack patches.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

REGIONS = ["eu-west-1", "us-east-1", "eu-central-1", "us-west-2"]
GROUP, IMAGES, FEW, MANY = 50, 12, 12, 140
GONE = IMAGES - 1
PARENT, PARENT_GONE = "al2023-x86_64", "al2023-x86_64@213d"

ADVISORY = """
[[advisory]]
id = "ALAS2023-2026-{number}"
system = "amazon-linux-2023"
package = "bench-{number}"
version = "1.2"
title = "Important: bench-{number} security update"
severity = "Important"
cves = ["CVE-2026-{number}"]
age = "40d"
"""

SITE = """
[[association]]
name = "scan"
account = "{account}"
region = "{region}"
tag = ["env", "prod"]
every = "1d"
last-run = "5h"
"""

IMAGE = """
[[image]]
key = "{key}"
account = "{account}"
regions = {regions}
parent = "{parent}"
age = "5d"
deregistered = {gone}
"""

TEMPLATE = """
[[template]]
name = "{name}"
account = "{account}"
region = "{region}"
"""

VERSION = """[[template.version]]
age = "{age}"
image = "{image}"
instance-type = "m7i.large"
instance-profile = "web"
"""

GROUP_TABLE = """
[[group]]
name = "{name}"
account = "{account}"
region = "{region}"
template = "{name}"
version = {version}
size = {size}
age = "4d"
tags = {{ app = "app-{app}", env = "prod" }}
guest = {{ {guest} }}
"""

MEMBER = """[[group.member]]
index = {index}
tags = {{ host = "{name}-{index:03}", serial = "{index:04}-{name}", backup = "vault/{name}/{index}" }}
"""

COMMON_TAGS = 'app = "app-{app}", env = "prod", team = "team-{team}", tier = "back", cost = "c-{team}"'

INSTANCE = """
[[instance]]
name = "{name}"
account = "{account}"
region = "{region}"
image = "{image}"
type = "m7i.large"
age = "4d"
{stopped}tags = {{ serial = "s-{name}", backup = "vault/{name}", %s }}
guest = {{ {guest} }}
""" % COMMON_TAGS

ON_PREMISES = """
[[on-premises]]
name = "{name}"
account = "{account}"
region = "{region}"
system = "amazon-linux-2023"
age = "90d"
tags = {{ Name = "{name}", serial = "s-{name}", backup = "vault/{name}", %s }}
guest = {{ patched = "1d"{guest} }}
""" % COMMON_TAGS


def pages(items, page):
    """How many calls a list takes: one even where it is empty."""
    return max(1, -(-items // page))


def missing(count):
    return f"missing = {[f'ALAS2023-2026-{9000 + number}' for number in range(count)]}" if count else ""


@dataclass
class Site:
    """An account in a region, with what stands in the world file for it."""

    account: str
    region: str
    instances: int = 0
    managed: int = 0
    on_premises: int = 0
    groups: int = 0
    # Groups whose version is neither the newest nor the default one of its template.
    between: int = 0
    # Images that run, and those that only templates name.
    running: set = field(default_factory=set)
    named: set = field(default_factory=set)
    # How many patches each node lacks, of those that lack any.
    lacking: list = field(default_factory=list)


class Fleet:
    """So many nodes, evenly over so many sites."""

    def __init__(self, nodes, sites):
        self.nodes, self.regions = nodes, REGIONS[: min(sites, len(REGIONS))]
        if sites % len(self.regions) or nodes % sites:
            raise SystemExit(f"{nodes} nodes cannot be spread over {sites} sites in {len(self.regions)} regions")
        self.accounts = [f"{number:012}" for number in range(200000000001, 200000000001 + sites // len(self.regions))]
        self.sites = [Site(account, region) for account in self.accounts for region in self.regions]

    def write(self, to):
        """Writes the world file."""
        for account in self.accounts:
            to.write(f'[[account]]\nid = "{account}"\naccess-keys = ["{self.key(account)}"]\n')
            to.write(f'[[role]]\nname = "rebake"\naccount = "{account}"\n')
            for number in range(IMAGES):
                parent = PARENT if number % 2 else PARENT_GONE
                to.write(IMAGE.format(key=self.image(account, number), account=account, regions=self.regions,
                                      parent=parent, gone=str(number == GONE).lower()))
        for number in range(MANY):
            to.write(ADVISORY.format(number=9000 + number))
        for site in self.sites:
            self._site(site, self.nodes // len(self.sites), to)

    def key(self, account):
        return f"AKIA{account}"

    def image(self, account, number):
        return f"image-{account[-3:]}-{number:02}"

    def _site(self, site, nodes, to):
        at = {"account": site.account, "region": site.region}
        to.write(SITE.format(**at))
        site.on_premises = -(-nodes // 100)
        alone = nodes * 29 // 100
        members = nodes - alone - site.on_premises
        while members > 0:
            size = min(GROUP, members)
            self._group(site, at, size, to)
            members -= size
        for number in range(alone):
            self._instance(site, at, number, to)
        for number in range(site.on_premises):
            lacks = FEW if number % 3 == 0 else 0
            site.lacking += [lacks] if lacks else []
            guest = f", {missing(lacks)}" if lacks else ""
            to.write(ON_PREMISES.format(name=f"plant-{number:05}", guest=guest, app=number % 50, team=number % 9, **at))
        site.managed += site.on_premises

    def _group(self, site, at, size, to):
        number = site.groups
        name, version = f"web-{number:04}", 2 if number % 4 == 0 else 3
        images = [(number + step) % IMAGES for step in (2, 1, 0)]
        # A template may not name an image that is gone; what runs may.
        images = [0 if image == GONE else image for image in images]
        to.write(TEMPLATE.format(name=name, **at))
        for age, image in zip(["60d", "30d", "5d"], images):
            to.write(VERSION.format(age=age, image=self.image(site.account, image)))
        lacks = 0 if (number + self.sites.index(site)) % 3 else FEW
        to.write(GROUP_TABLE.format(name=name, version=version, size=size, app=number % 50, guest=missing(lacks), **at))
        to.writelines(MEMBER.format(name=name, index=index) for index in range(size))
        site.groups += 1
        site.between += version == 2
        site.instances += size
        site.managed += size
        site.running.add(images[version - 1])
        # What is read of a template: its default version, the first here, its newest, and the one that its group runs.
        site.named |= {images[0], images[2], images[version - 1]}
        site.lacking += [lacks] * size if lacks else []

    def _instance(self, site, at, number, to):
        lacks = 0 if number % 3 else MANY if number // 3 % 20 == 0 else FEW
        oddity, stopped = number % 60, ""
        guest = missing(lacks)
        if oddity == 7:
            guest = 'agent = "absent"'
        elif oddity == 17:
            guest = 'agent = "silent", silent-since = "3d"'
        elif oddity == 28:
            guest = 'scan = "never"'
        elif oddity == 37:
            stopped = 'stopped = "2d"\n'
        image = number % IMAGES
        to.write(INSTANCE.format(name=f"pet-{number:05}", image=self.image(site.account, image), stopped=stopped,
                                 guest=guest, app=number % 50, team=number % 9, **at))
        site.instances += 1
        site.managed += oddity != 7
        site.running.add(image)
        site.lacking += [lacks] if lacks else []

    def bound(self):
        """The fewest calls of each operation: items by the largest page or batch, and what can only be asked one by one."""
        calls = Counter()
        # Who asks in each account, and whether the region is one of it.
        calls["sts:AssumeRole"] = len(self.accounts)
        calls["sts:GetCallerIdentity"] = len(self.sites)
        for site in self.sites:
            calls["ec2:DescribeInstances"] += pages(site.instances, 1000)
            calls["ssm:DescribeInstanceProperties"] += pages(site.managed, 1000)
            calls["ssm:DescribePatchBaselines"] += 1
            calls["ssm:DescribePatchGroups"] += 1
            calls["autoscaling:DescribeAutoScalingGroups"] += pages(site.groups, 100)
            calls["autoscaling:DescribePolicies"] += 1
            # Auto Scaling tells these of one group at a time.
            calls["autoscaling:DescribeLifecycleHooks"] += site.groups
            calls["autoscaling:DescribeInstanceRefreshes"] += site.groups
            calls["ec2:DescribeLaunchTemplates"] += pages(site.groups, 200)
            # The newest and the default version of all templates by pages, any other of one template at a time; or
            # everything of one template at a time.
            versions = min(pages(2 * site.groups, 200) + site.between, site.groups)
            calls["ec2:DescribeLaunchTemplateVersions"] += versions
            # Images of recipes; those that run or that templates name, 200 to a filter; their parents.
            images = site.running | site.named
            calls["ec2:DescribeImages"] += 1 + pages(len(images), 200) + 1
            calls["ec2:DescribeInstanceImageMetadata"] += GONE in site.running
            # Of images whose parent is gone, or that are gone themselves.
            calls["ec2:GetImageAncestry"] += sum(image % 2 == 0 or image == GONE for image in site.running)
            # Systems Manager tells the tags of one node at a time.
            calls["ssm:ListTagsForResource"] += site.on_premises
            calls["ssm:DescribeInstancePatchStates"] += pages(site.managed, 50)
            calls["ssm:DescribeInstancePatches"] += sum(pages(lacks, 100) for lacks in site.lacking)
            calls["ssm:DescribeAvailablePatches"] += -(-max(site.lacking, default=0) // 20)
        return calls

    def configuration(self):
        """rebake's configuration for it."""
        sites = (f'[[site]]\naccount = "{account}"\nregions = {self.regions}\n'
                 f'role = "arn:aws:iam::{account}:role/rebake"\n' for account in self.accounts)
        return '[guardrails]\nrate-share = "100%"\n\n' + "\n".join(sites)
