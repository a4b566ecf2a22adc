"""Managed nodes: what is known of them, activations, tags, inventory and compliance, as clients see them."""

import pytest

from account import refused

NOWHERE = "mi-0123456789abcdef0"
MALFORMED = "i-zzzzzzzzzzzzzzzzz"
TIME = "2026-11-24T08:00:00Z"


@pytest.fixture
def ssm(world):
    return world.client("ssm")


# Nodes


def test_what_is_known_of_nodes(ssm, nodes):
    told = {one["InstanceId"]: one for one in ssm.describe_instance_information(MaxResults=50)["InstanceInformationList"]}
    assert set(told) == set(nodes.values())
    linux, windows, box = told[nodes["linux-1"]], told[nodes["windows-1"]], told[nodes["box"]]
    assert (linux["PlatformType"], linux["PlatformName"], linux["ResourceType"]) == ("Linux", "Amazon Linux", "ManagedInstance")
    assert (windows["PlatformType"], box["ResourceType"], box["PingStatus"]) == ("Windows", "EC2Instance", "Online")
    assert told[nodes["silent-1"]]["PingStatus"] == "ConnectionLost"
    properties = {one["InstanceId"]: one for one in ssm.describe_instance_properties(MaxResults=1000)["InstanceProperties"]}
    assert (properties[nodes["box"]]["InstanceType"], properties[nodes["box"]]["InstanceState"]) == ("m7i.large", "running")


@pytest.mark.parametrize(
    ("key", "values", "found"),
    [
        ("PingStatus", ["ConnectionLost"], ["silent-1"]),
        ("PlatformType", ["Windows"], ["windows-1"]),
        ("ResourceType", ["EC2Instance"], ["box"]),
        ("tag:env", ["other"], ["bottle-1"]),
        ("tag-key", ["Patch Group"], ["linux-1", "linux-2"]),
    ],
)
def test_nodes_by_filters(ssm, nodes, key, values, found):
    only = [{"Key": key, "Values": values}]
    listed = ssm.describe_instance_information(Filters=only)["InstanceInformationList"]
    assert {one["InstanceId"] for one in listed} == {nodes[name] for name in found}
    old = [{"key": {"PlatformType": "PlatformTypes"}.get(key, key), "valueSet": values}]
    if not key.startswith("tag"):
        listed = ssm.describe_instance_information(InstanceInformationFilterList=old)["InstanceInformationList"]
        assert {one["InstanceId"] for one in listed} == {nodes[name] for name in found}
    same = ssm.describe_instance_properties(FiltersWithOperator=[{**only[0], "Operator": "Equal"}])["InstanceProperties"]
    assert {one["InstanceId"] for one in same} == {nodes[name] for name in found}


def test_nodes_in_pages(world, ssm, nodes):
    assert len(world.walk(ssm, "describe_instance_information", 5)) == len(nodes)
    assert len(world.walk(ssm, "describe_instance_properties", 5)) == len(nodes)


def test_filters_of_nodes_are_checked(world, ssm):
    information = lambda *filters: refused(ssm.describe_instance_information, Filters=list(filters))  # noqa: E731
    assert information({"Key": "Colour", "Values": ["red"]}) == "InvalidFilterKey"
    assert information({"Key": "InstanceIds", "Values": ["nonsense"]}) == "InvalidInstanceId"
    assert information({"Key": "PingStatus", "Values": ["Lost"]}) == "InvalidInstanceInformationFilterValue"
    mixed = [{"Key": "tag:env", "Values": ["test"]}, {"Key": "PingStatus", "Values": ["Online"]}]
    assert information(*mixed) == "InvalidInstanceInformationFilterValue"
    loose = world.client("ssm", checked=False)
    properties = lambda key, *values: refused(loose.describe_instance_properties, InstancePropertyFilterList=[{"key": key, "valueSet": values}])  # noqa: E731
    with_operator = lambda key, *values: refused(loose.describe_instance_properties, FiltersWithOperator=[{"Key": key, "Values": values}])  # noqa: E731
    assert with_operator("Colour", "red") == "InvalidFilterKey"
    assert properties("InstanceIds", "nonsense") == "InvalidInstanceId"
    assert properties("PlatformTypes", "Lunix") == "InvalidInstancePropertyFilterValue"
    assert properties("DocumentName", "Nothing") == "InvalidDocument"
    assert properties("ActivationIds", "nonsense") == "InvalidActivationId"


# Activations


def test_an_activation_registers_what_waits(world, ssm, nodes):
    made = ssm.create_activation(
        Description="the gate", DefaultInstanceName="gate", IamRole="service-role/Gate", RegistrationLimit=1, Tags=[{"Key": "a", "Value": "b"}]
    )
    only = [{"FilterKey": "ActivationIds", "FilterValues": [made["ActivationId"]]}]
    seen = ssm.describe_activations(Filters=only)["ActivationList"][0]
    assert (seen["Description"], seen["DefaultInstanceName"], seen["IamRole"]) == ("the gate", "gate", "service-role/Gate")
    assert (seen["RegistrationLimit"], seen["RegistrationsCount"], seen["Expired"]) == (1, 0, False)
    assert (seen["ExpirationDate"] - seen["CreatedDate"]).total_seconds() == 86_400 and seen["Tags"] == [{"Key": "a", "Value": "b"}]
    world.advance("5m")
    only_it = [{"Key": "ActivationIds", "Values": [made["ActivationId"]]}]
    node = ssm.describe_instance_information(Filters=only_it)["InstanceInformationList"][0]
    assert (node["Name"], node["IamRole"], node["PlatformName"], node["PingStatus"]) == ("gate", "service-role/Gate", "Ubuntu", "Online")
    tags = ssm.list_tags_for_resource(ResourceType="ManagedInstance", ResourceId=node["InstanceId"])["TagList"]
    assert {one["Key"]: one["Value"] for one in tags} == {"a": "b", "site": "gate"}
    assert ssm.describe_activations(Filters=only)["ActivationList"][0]["RegistrationsCount"] == 1
    ssm.update_managed_instance_role(InstanceId=node["InstanceId"], IamRole="service-role/Other")
    assert ssm.describe_instance_information(Filters=only_it)["InstanceInformationList"][0]["IamRole"] == "service-role/Other"
    ssm.deregister_managed_instance(InstanceId=node["InstanceId"])
    assert ssm.describe_instance_information(Filters=only_it)["InstanceInformationList"] == []
    world.advance("2d")
    assert ssm.describe_activations(Filters=only)["ActivationList"][0]["Expired"]
    ssm.delete_activation(ActivationId=made["ActivationId"])
    assert ssm.describe_activations(Filters=only)["ActivationList"] == []
    assert refused(ssm.delete_activation, ActivationId=made["ActivationId"]) == "InvalidActivation"


def test_activations_in_pages_and_refused(world, ssm, nodes):
    used = len(ssm.describe_activations(MaxResults=50)["ActivationList"])
    assert used == 6, "one for each hybrid node of the world"
    for number in range(4):
        ssm.create_activation(IamRole=f"role-{number}", DefaultInstanceName="n")
    assert len(world.walk(ssm, "describe_activations", 3)) == 10
    by_role = ssm.describe_activations(Filters=[{"FilterKey": "IamRole", "FilterValues": ["role-2"]}])["ActivationList"]
    assert len(by_role) == 1
    assert len(ssm.describe_activations(Filters=[{"FilterKey": "DefaultInstanceName", "FilterValues": ["n"]}])["ActivationList"]) == 4
    assert refused(ssm.describe_activations, Filters=[{"FilterKey": "IamRole"}]) == "InvalidFilter"
    assert refused(ssm.create_activation, IamRole="r", ExpirationDate="2027-06-01T00:00:00Z") == "InvalidParameters"
    assert refused(ssm.create_activation, IamRole="r", ExpirationDate="2026-06-01T00:00:00Z") == "InvalidParameters"
    assert refused(ssm.delete_activation, ActivationId="01234567-89ab-cdef-0123-456789abcdef") == "InvalidActivationId"
    assert refused(ssm.deregister_managed_instance, InstanceId=NOWHERE) == "InvalidInstanceId"
    assert refused(ssm.update_managed_instance_role, InstanceId=NOWHERE, IamRole="r") == "InvalidInstanceId"


def test_tags_of_a_node_are_targets(ssm, nodes):
    node = {"ResourceType": "ManagedInstance", "ResourceId": nodes["linux-3"]}
    ssm.add_tags_to_resource(**node, Tags=[{"Key": "ring", "Value": "first"}])
    only = [{"Key": "tag:ring", "Values": ["first"]}]
    assert len(ssm.describe_instance_information(Filters=only)["InstanceInformationList"]) == 1
    ssm.remove_tags_from_resource(**node, TagKeys=["ring"])
    assert ssm.describe_instance_information(Filters=only)["InstanceInformationList"] == []


# Inventory


def item(name="Custom:Rack", content=({"Rack": "r1"},), **further):
    return {"TypeName": name, "SchemaVersion": "1.0", "CaptureTime": TIME, "Content": list(content), **further}


def test_inventory_that_agents_tell(world, ssm, nodes):
    entities = world.walk(ssm, "get_inventory", 3)
    assert {one["Id"] for one in entities} == set(nodes.values())
    silent = next(one for one in entities if one["Id"] == nodes["silent-1"])["Data"]["AWS:InstanceInformation"]["Content"][0]
    assert (silent["InstanceStatus"], silent["PlatformName"]) == ("ConnectionLost", "Amazon Linux")
    only = [{"Key": "AWS:InstanceInformation.PlatformType", "Values": ["Windows"], "Type": "Equal"}]
    assert [one["Id"] for one in ssm.get_inventory(Filters=only)["Entities"]] == [nodes["windows-1"]]
    for kind, values, count in (("NotEqual", ["Windows"], 6), ("BeginWith", ["Lin"], 6), ("Exists", ["x"], 7), ("LessThan", ["M"], 6), ("GreaterThan", ["M"], 1)):
        found = ssm.get_inventory(Filters=[{"Key": "AWS:InstanceInformation.PlatformType", "Values": values, "Type": kind}])
        assert len(found["Entities"]) == count, kind
    packages = ssm.list_inventory_entries(InstanceId=nodes["linux-1"], TypeName="AWS:Application", MaxResults=2)
    assert len(packages["Entries"]) == 2 and packages["NextToken"] and packages["SchemaVersion"] == "1.1"
    sudo = [{"Key": "Name", "Values": ["sudo"]}]
    assert [one["Name"] for one in ssm.list_inventory_entries(InstanceId=nodes["linux-1"], TypeName="AWS:Application", Filters=sudo)["Entries"]] == ["sudo"]


def test_inventory_in_counts(ssm, nodes):
    told = ssm.get_inventory(Aggregators=[{"Expression": "AWS:InstanceInformation.PlatformType"}])["Entities"][0]
    assert told["Data"]["AWS:InstanceInformation"]["Content"] == [{"PlatformType": "Linux", "Count": "6"}, {"PlatformType": "Windows", "Count": "1"}]
    amazon = {"Name": "amazon", "Filters": [{"Key": "AWS:InstanceInformation.PlatformName", "Values": ["Amazon Linux"]}]}
    told = ssm.get_inventory(Aggregators=[{"Groups": [amazon]}])["Entities"][0]["Data"]["AWS:InstanceInformation"]["Content"]
    assert told == [{"Name": "amazon", "MatchingCount": "5", "NonMatchingCount": "2"}]
    assert refused(ssm.get_inventory, Aggregators=[{"Expression": "Nonsense"}]) == "InvalidAggregatorException"
    assert refused(ssm.get_inventory, Aggregators=[{"Groups": [amazon, amazon]}]) == "InvalidInventoryGroupException"
    wrong = {"Name": "x", "Filters": [{"Key": "Nonsense", "Values": ["x"]}]}
    assert refused(ssm.get_inventory, Aggregators=[{"Groups": [wrong]}]) == "InvalidInventoryGroupException"


def test_inventory_that_was_put(ssm, nodes):
    ssm.put_inventory(InstanceId=nodes["linux-1"], Items=[item(ContentHash="abc")])
    listed = ssm.list_inventory_entries(InstanceId=nodes["linux-1"], TypeName="Custom:Rack")
    assert (listed["Entries"], listed["CaptureTime"]) == ([{"Rack": "r1"}], TIME)
    got = ssm.get_inventory(ResultAttributes=[{"TypeName": "Custom:Rack"}])["Entities"]
    assert [(one["Id"], one["Data"]["Custom:Rack"]["ContentHash"]) for one in got] == [(nodes["linux-1"], "abc")]
    again = {"TypeName": "Custom:Rack", "SchemaVersion": "1.0", "CaptureTime": "2026-11-24T09:00:00Z", "ContentHash": "abc"}
    ssm.put_inventory(InstanceId=nodes["linux-1"], Items=[again])
    listed = ssm.list_inventory_entries(InstanceId=nodes["linux-1"], TypeName="Custom:Rack")
    assert (listed["Entries"], listed["CaptureTime"]) == ([{"Rack": "r1"}], "2026-11-24T09:00:00Z")
    by_rack = [{"Key": "Custom:Rack.Rack", "Values": ["r1"]}]
    assert len(ssm.get_inventory(Filters=by_rack)["Entities"]) == 1


def test_inventory_is_checked(ssm, nodes):
    put = lambda *items, node=nodes["linux-1"]: refused(ssm.put_inventory, InstanceId=node, Items=list(items))  # noqa: E731
    assert put(item(), node=NOWHERE) == "InvalidInstanceId"
    assert put(item("AWS:Nonsense")) == "InvalidTypeNameException"
    assert put(item(SchemaVersion="7.0")) == "UnsupportedInventorySchemaVersionException"
    assert put(item(Context={"ExecutionId": "x"})) == "UnsupportedInventoryItemContextException"
    assert put(item("AWS:ComplianceItem", Context={"Nonsense": "x"})) == "InvalidInventoryItemContextException"
    assert put(item(content=[{}])) == "InvalidItemContentException"
    assert put({"TypeName": "Custom:Rack", "SchemaVersion": "1.0", "CaptureTime": TIME, "ContentHash": "other"}) == "ItemContentMismatchException"
    rows = [{f"k{column}": "x" * 1000 for column in range(20)} for _ in range(11)]
    assert put(item(content=rows)) == "ItemSizeLimitExceededException"
    assert put(*[item(f"Custom:T{number}", rows[:10]) for number in range(6)]) == "TotalSizeLimitExceededException"
    assert put(*[item(f"Custom:T{number}") for number in range(21)]) == "CustomSchemaCountLimitExceededException"
    kinds = [item("AWS:ComplianceItem", Context={"ComplianceType": f"Custom:K{number}"}) for number in range(11)]
    assert put(*kinds) == "SubTypeCountLimitExceededException"
    assert refused(ssm.get_inventory, Filters=[{"Key": "Nonsense", "Values": ["x"]}]) == "InvalidFilter"
    assert refused(ssm.get_inventory, ResultAttributes=[{"TypeName": "AWS:Nonsense"}]) == "InvalidTypeNameException"
    assert refused(ssm.get_inventory, ResultAttributes=[{"TypeName": "Custom:a b"}]) == "InvalidResultAttributeException"
    entries = lambda **given: refused(ssm.list_inventory_entries, **{"InstanceId": nodes["linux-1"], "TypeName": "AWS:Application", **given})  # noqa: E731
    assert entries(InstanceId=NOWHERE) == "InvalidInstanceId"
    assert entries(TypeName="AWS:Nonsense") == "InvalidTypeNameException"
    assert entries(Filters=[{"Key": "a b", "Values": ["x"]}]) == "InvalidFilter"


# Compliance


def comply(ssm, node, kind="Custom:Audit", items=None, **further):
    items = [{"Id": "one", "Title": "first", "Severity": "CRITICAL", "Status": "NON_COMPLIANT", "Details": {"DocumentName": "d"}}] if items is None else items
    given = {"ResourceId": node, "ResourceType": "ManagedInstance", "ComplianceType": kind, "ExecutionSummary": {"ExecutionTime": TIME}, "Items": items}
    return ssm.put_compliance_items(**{**given, **further})


def test_compliance_that_was_put(world, ssm, nodes):
    comply(ssm, nodes["linux-1"])
    good = [{"Id": f"g{number}", "Severity": "LOW", "Status": "COMPLIANT"} for number in range(4)]
    comply(ssm, nodes["linux-2"], items=good)
    listed = world.walk(ssm, "list_compliance_items", 2, ResourceIds=[nodes["linux-2"]], ResourceTypes=["ManagedInstance"])
    assert [one["Id"] for one in listed] == ["g0", "g1", "g2", "g3"]
    found = ssm.list_compliance_items(Filters=[{"Key": "DocumentName", "Values": ["d"]}])["ComplianceItems"]
    assert [(one["Id"], one["Title"], one["Severity"]) for one in found] == [("one", "first", "CRITICAL")]
    by_node = world.walk(ssm, "list_resource_compliance_summaries", 1)
    told = {one["ResourceId"]: (one["Status"], one["OverallSeverity"]) for one in by_node}
    assert told == {nodes["linux-1"]: ("NON_COMPLIANT", "CRITICAL"), nodes["linux-2"]: ("COMPLIANT", "UNSPECIFIED")}
    comply(ssm, nodes["linux-1"], "Custom:Other")
    assert [one["ComplianceType"] for one in world.walk(ssm, "list_compliance_summaries", 1)] == ["Custom:Audit", "Custom:Other"]
    summary = ssm.list_compliance_summaries(Filters=[{"Key": "ComplianceType", "Values": ["Custom:Audit"]}])["ComplianceSummaryItems"][0]
    assert (summary["CompliantSummary"]["CompliantCount"], summary["NonCompliantSummary"]["NonCompliantCount"]) == (1, 1)
    assert summary["NonCompliantSummary"]["SeveritySummary"]["CriticalCount"] == 1
    comply(ssm, nodes["linux-1"], items=[], ItemContentHash="h")
    assert ssm.list_compliance_items(ResourceIds=[nodes["linux-1"]], Filters=[{"Key": "ComplianceType", "Values": ["Custom:Audit"]}])["ComplianceItems"] == []
    comply(ssm, nodes["linux-1"], ItemContentHash="h")
    assert ssm.list_compliance_items(ResourceIds=[nodes["linux-1"]], Filters=[{"Key": "ComplianceType", "Values": ["Custom:Audit"]}])["ComplianceItems"] == []


def test_partial_compliance_of_associations(ssm, nodes):
    of = lambda: {one["Id"]: one["Status"] for one in ssm.list_compliance_items(ResourceIds=[nodes["linux-1"]])["ComplianceItems"]}  # noqa: E731
    item = {"Severity": "HIGH", "Status": "COMPLIANT"}
    comply(ssm, nodes["linux-1"], "Association", [{"Id": "a", **item}, {"Id": "b", **item}])
    comply(ssm, nodes["linux-1"], "Association", [{"Id": "b", **item, "Status": "NON_COMPLIANT"}], UploadType="PARTIAL")
    assert of() == {"a": "COMPLIANT", "b": "NON_COMPLIANT"}
    comply(ssm, nodes["linux-1"], "Association", [{"Id": "c", **item}])
    assert of() == {"c": "COMPLIANT"}


def test_patch_compliance_holds_until_the_next_scan(world, ssm, nodes):
    comply(ssm, nodes["linux-1"], "Patch")
    assert [one["Id"] for one in ssm.list_compliance_items()["ComplianceItems"]] == ["one"]
    ssm.send_command(DocumentName="AWS-RunPatchBaseline", InstanceIds=[nodes["linux-1"]], Parameters={"Operation": ["Scan"]})
    world.advance("5m")
    assert "one" not in [one["Id"] for one in ssm.list_compliance_items(MaxResults=50)["ComplianceItems"]]


def test_compliance_is_checked(ssm, nodes):
    put = lambda **further: refused(comply, ssm=ssm, node=nodes["linux-1"], **further)  # noqa: E731
    assert put(ResourceType="Bucket") == "InvalidResourceType"
    assert put(ResourceId=NOWHERE) == "InvalidResourceId"
    bad = {"Severity": "LOW", "Status": "COMPLIANT"}
    assert put(items=[bad]) == "InvalidItemContentException"
    details = {f"k{number}": "x" * 4000 for number in range(60)}
    assert put(items=[{"Id": "a", **bad, "Details": details}]) == "ItemSizeLimitExceededException"
    few = {f"k{number}": "x" * 4000 for number in range(40)}
    assert put(items=[{"Id": str(number), **bad, "Details": few} for number in range(8)]) == "TotalSizeLimitExceededException"
    assert put(UploadType="PARTIAL") == "ValidationException"
    for number in range(10):
        comply(ssm, nodes["linux-1"], f"Custom:T{number}")
    assert put(kind="Custom:More") == "ComplianceTypeCountLimitExceededException"
    wrong = [{"Key": "Colour", "Values": ["red"]}]
    for call in (ssm.list_compliance_items, ssm.list_compliance_summaries, ssm.list_resource_compliance_summaries):
        assert refused(call, Filters=wrong) == "InvalidFilter"
    assert refused(ssm.list_compliance_items, ResourceIds=["nonsense"]) == "InvalidResourceId"
    assert refused(ssm.list_compliance_items, ResourceTypes=["Bucket"]) == "InvalidResourceType"


def test_the_command_lines_own_examples(world, nodes):
    """From `create-activation`, `put-inventory`, `put-compliance-items`, `get-inventory` of awscli's examples."""
    made = world.aws("ssm", "create-activation", "--default-instance-name", "HybridWebServers", "--iam-role", "HybridWebServersRole", "--registration-limit", "5")
    listed = world.aws("ssm", "describe-activations", "--filters", f"FilterKey=ActivationIds,FilterValues={made['ActivationId']}")
    assert listed["ActivationList"][0]["RegistrationLimit"] == 5
    world.aws("ssm", "delete-activation", "--activation-id", made["ActivationId"])
    rack = '[{"TypeName": "Custom:RackInfo","SchemaVersion": "1.0","CaptureTime": "2019-01-22T10:01:01Z","Content":[{"RackLocation": "Bay B/Row C/Rack D/Shelf E"}]}]'
    world.aws("ssm", "put-inventory", "--instance-id", nodes["linux-1"], "--items", rack)
    entries = world.aws("ssm", "list-inventory-entries", "--instance-id", nodes["linux-1"], "--type-name", "Custom:RackInfo")
    assert entries["Entries"] == [{"RackLocation": "Bay B/Row C/Rack D/Shelf E"}]
    world.aws(
        "ssm", "put-compliance-items", "--resource-id", nodes["linux-1"], "--resource-type", "ManagedInstance", "--compliance-type", "Custom:AVCheck",
        "--execution-summary", "ExecutionTime=2019-02-18T16:00:00Z", "--items", "Id=Version2.0,Title=ScanHost,Severity=CRITICAL,Status=COMPLIANT",
    )  # fmt: skip
    items = world.aws("ssm", "list-compliance-items", "--resource-ids", nodes["linux-1"], "--resource-types", "ManagedInstance")
    assert items["ComplianceItems"][0]["Title"] == "ScanHost"
    information = world.aws("ssm", "describe-instance-information", "--filters", f"Key=InstanceIds,Values={nodes['linux-1']}")
    assert information["InstanceInformationList"][0]["ComputerName"] == "linux-1"
