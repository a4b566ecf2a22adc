//! `DescribeInstanceInformation` and `DescribeInstanceProperties`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Node, among, invalid_id, is_id, platform_type, tagged};
use crate::sandbox::catalogue::Catalogue;
use crate::sandbox::cloud::Ctx;
use crate::sandbox::machine::Machine;
use crate::sandbox::ssm::{association, document, page};
use crate::sandbox::value::{ApiError, Get, maybe_time, time};

/// The agent that all nodes run.
const AGENT_VERSION: &str = "3.3.3050.0";

/// `DescribeInstanceInformation`: 5 to 50 at a time, 10 by default.
pub(in crate::sandbox::ssm) fn describe_information(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let (new, old) = (input.items("Filters"), input.items("InstanceInformationFilterList"));
    if !new.is_empty() && !old.is_empty() {
        return Err(invalid_value("InstanceInformationFilterList and Filters can't be used together."));
    }
    let filters = if new.is_empty() { read(old, "key", "valueSet", "") } else { read(new, "Key", "Values", "") };
    check(&filters, "InvalidInstanceInformationFilterValue")?;
    let tagged = filters.iter().filter(|filter| filter.key.starts_with("tag")).count();
    if tagged > 0 && tagged < filters.len() {
        return Err(ApiError::new(
            "InvalidInstanceInformationFilterValue",
            "Tag filters can't be combined with other filter types.",
        ));
    }
    let ids = candidates(ctx, &filters);
    page::keyed("InstanceInformationList", input, 10, |start| {
        let may = may_pass(&filters);
        among(ctx, ids, start, may, move |ctx, node| {
            filters.iter().all(|filter| filter.passes(&node, ctx)).then(|| information(&node, ctx))
        })
    })
}

/// `DescribeInstanceProperties`: 5 to 1000 at a time, with what EC2 knows of the instances.
pub(in crate::sandbox::ssm) fn describe_properties(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let mut filters = read(input.items("InstancePropertyFilterList"), "key", "valueSet", "");
    filters.extend(read(input.items("FiltersWithOperator"), "Key", "Values", "Operator"));
    check(&filters, "InvalidInstancePropertyFilterValue")?;
    if let Some(name) = of(&filters, "DocumentName").find(|name| document::find(ctx, name).is_none()) {
        return Err(document::absent(name));
    }
    let is_uuid = |text: &str| text.len() == 36 && text.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    if of(&filters, "ActivationIds").any(|id| !is_uuid(id)) {
        return Err(ApiError::new("InvalidActivationId", "The activation ID isn't valid."));
    }
    let ids = candidates(ctx, &filters);
    page::keyed("InstanceProperties", input, 50, |start| {
        let may = may_pass(&filters);
        among(ctx, ids, start, may, move |ctx, node| {
            filters.iter().all(|filter| filter.passes(&node, ctx)).then(|| properties(&node, ctx))
        })
    })
}

fn properties(node: &Node, ctx: &mut Ctx<'_>) -> Value {
    let mut row = information(node, ctx);
    row["IsLatestVersion"] = Value::Null;
    if let Some(instance) = &node.instance {
        row["Name"] = node.tags.get("Name").cloned().into();
        row["InstanceType"] = instance.instance_type.as_str().into();
        row["InstanceRole"] = instance.role.clone().into();
        row["InstanceState"] = instance.state.as_str().into();
        row["Architecture"] = instance.architecture.as_str().into();
        row["LaunchTime"] = time(instance.launched_at);
        row["AvailabilityZone"] = instance.zone.as_str().into();
    }
    row
}

/// Whether a guest may be a node that passes, by its system: what can be said at a glance.
fn may_pass(filters: &[Filter]) -> impl Fn(&Machine, &Catalogue) -> bool + use<> {
    let is_of = |key: &str| matches!(key, "PlatformType" | "PlatformTypes" | "PlatformName");
    let equal = filters.iter().filter(|filter| filter.operator == "Equal");
    let wanted: Vec<(bool, Vec<String>)> = equal
        .filter(|filter| is_of(&filter.key))
        .map(|filter| (filter.key == "PlatformName", filter.values.clone()))
        .collect();
    let lost = filters.iter().any(|filter| {
        filter.key == "AgentVersion"
            && filter.operator == "Equal"
            && !filter.values.iter().any(|value| value == AGENT_VERSION)
    });
    move |machine, catalogue| {
        let system = catalogue.systems.get(machine.system.as_str()).map(|system| &**system);
        !lost
            && wanted.iter().all(|(by_name, values)| {
                let actual = if *by_name {
                    system.map(|system| system.platform_name.as_str())
                } else {
                    Some(platform_type(system))
                };
                actual.is_some_and(|actual| values.iter().any(|value| value == actual))
            })
    }
}

/// The ids among which every node is that may pass; none for all.
fn candidates(ctx: &mut Ctx<'_>, filters: &[Filter]) -> Option<BTreeSet<String>> {
    let equal = || filters.iter().filter(|filter| filter.operator == "Equal");
    let ids = equal().find(|filter| matches!(filter.key.as_str(), "InstanceIds" | "SourceIds"));
    if let Some(filter) = ids {
        return Some(filter.values.iter().cloned().collect());
    }
    // Only hybrid nodes have them.
    let of_hybrids = |filter: &&Filter| {
        let hybrid = |value: &String| matches!(value.as_str(), "ManagedInstance" | "AWS::SSM::ManagedInstance");
        match filter.key.as_str() {
            "ActivationIds" | "IamRole" => true,
            "ResourceType" | "SourceTypes" => filter.values.iter().all(hybrid),
            _ => false,
        }
    };
    if equal().any(|filter| of_hybrids(&filter)) {
        return Some(ctx.region().ssm.hybrid_nodes.keys().cloned().collect());
    }
    equal().find_map(|filter| {
        let values: Vec<&str> = filter.values.iter().map(String::as_str).collect();
        tagged(ctx, filter.key.strip_prefix("tag:")?, &values)
    })
}

fn information(node: &Node, ctx: &mut Ctx<'_>) -> Value {
    let associations = association::overview(ctx, &node.id);
    let system = node.system.as_ref();
    let mut row = json!({
        "InstanceId": node.id,
        "PingStatus": node.ping_status(),
        "LastPingDateTime": time(node.last_ping),
        "AgentVersion": AGENT_VERSION,
        "IsLatestVersion": true,
        "PlatformType": node.platform_type(),
        "PlatformName": system.map(|system| system.platform_name.as_str()),
        "PlatformVersion": system.map(|system| system.platform_version.as_str()),
        "ResourceType": node.resource_type(),
        "IPAddress": node.ip,
        "ComputerName": node.hostname,
        "SourceId": node.id,
        "SourceType": if node.hybrid.is_some() { "AWS::SSM::ManagedInstance" } else { "AWS::EC2::Instance" },
    });
    if let Some(hybrid) = &node.hybrid {
        row["Name"] = hybrid.name.as_str().into();
        row["ActivationId"] = hybrid.activation_id.as_str().into();
        row["IamRole"] = hybrid.iam_role.as_str().into();
        row["RegistrationDate"] = time(hybrid.registered_at);
    }
    if let Some(overview) = associations {
        row["AssociationStatus"] = overview.status.into();
        row["LastAssociationExecutionDate"] = time(overview.last);
        row["LastSuccessfulAssociationExecutionDate"] = maybe_time(overview.last_successful);
        row["AssociationOverview"] = json!({
            "DetailedStatus": overview.status,
            "InstanceAssociationStatusAggregatedCount": overview.counts,
        });
    }
    row
}

/// A filter of either operation.
struct Filter {
    key: String,
    values: Vec<String>,
    operator: String,
}

fn read(items: &[Value], key: &str, values: &str, operator: &str) -> Vec<Filter> {
    let owned = |texts: Vec<&str>| texts.into_iter().map(str::to_owned).collect();
    let filter = |item: &Value| Filter {
        key: item.text(key).unwrap_or_default().to_owned(),
        values: owned(item.texts(values)),
        operator: item.text(operator).unwrap_or("Equal").to_owned(),
    };
    items.iter().map(filter).collect()
}

/// The keys that both operations know, in the old and the new spelling.
const KEYS: [&str; 14] = [
    "ActivationIds",
    "AgentVersion",
    "AssociationStatus",
    "DocumentName",
    "IamRole",
    "InstanceIds",
    "PingStatus",
    "PlatformType",
    "PlatformTypes",
    "PlatformName",
    "ResourceType",
    "SourceIds",
    "SourceTypes",
    "tag-key",
];

/// The values of the filters with a key.
fn of<'a>(filters: &'a [Filter], key: &'a str) -> impl Iterator<Item = &'a str> {
    filters.iter().filter(move |filter| filter.key == key).flat_map(|filter| &filter.values).map(String::as_str)
}

/// Checks keys and values; a value that is none of its key's is refused with this code.
fn check(filters: &[Filter], code: &str) -> Result<(), ApiError> {
    if let Some(bad) = of(filters, "InstanceIds").find(|id| !is_id(id)) {
        return Err(invalid_id(bad));
    }
    for filter in filters {
        if !KEYS.contains(&filter.key.as_str()) && !filter.key.starts_with("tag:") {
            return Err(ApiError::new(
                "InvalidFilterKey",
                format!("The specified filter key '{}' isn't valid.", filter.key),
            ));
        }
        let allowed: &[&str] = match filter.key.as_str() {
            "PingStatus" => &["Online", "ConnectionLost", "Inactive"],
            "PlatformType" | "PlatformTypes" => &["Windows", "Linux", "MacOS"],
            "ResourceType" => &["ManagedInstance", "EC2Instance", "AWS::EC2::Instance", "AWS::SSM::ManagedInstance"],
            _ => continue,
        };
        if let Some(bad) = filter.values.iter().find(|value| !allowed.contains(&value.as_str())) {
            let message = format!("The specified filter value '{bad}' isn't valid for {}.", filter.key);
            return Err(ApiError::new(code, message));
        }
    }
    Ok(())
}

impl Filter {
    fn passes(&self, node: &Node, ctx: &mut Ctx<'_>) -> bool {
        let system = node.system.as_ref();
        let hybrid = node.hybrid.as_ref();
        let actual = match self.key.as_str() {
            "InstanceIds" | "SourceIds" => Some(node.id.clone()),
            "PingStatus" => Some(node.ping_status().to_owned()),
            "PlatformType" | "PlatformTypes" => Some(node.platform_type().to_owned()),
            "PlatformName" => system.map(|system| system.platform_name.clone()),
            "AgentVersion" => Some(AGENT_VERSION.to_owned()),
            "ResourceType" if self.values.iter().any(|value| value.starts_with("AWS::")) => Some(source(node)),
            "ResourceType" => Some(node.resource_type().to_owned()),
            "SourceTypes" => Some(source(node)),
            "ActivationIds" => hybrid.map(|hybrid| hybrid.activation_id.clone()),
            "IamRole" => hybrid.map(|hybrid| hybrid.iam_role.clone()),
            "AssociationStatus" => association::overview(ctx, &node.id).map(|overview| overview.status.to_owned()),
            "DocumentName" => return association::runs(ctx, node, &self.values),
            "tag-key" => return self.values.iter().any(|key| node.tags.contains_key(key)),
            key => key.strip_prefix("tag:").and_then(|key| node.tags.get(key)).cloned(),
        };
        let Some(actual) = actual else { return false };
        match self.operator.as_str() {
            "NotEqual" => !self.values.contains(&actual),
            "BeginWith" => self.values.iter().any(|value| actual.starts_with(value)),
            "LessThan" => self.values.iter().any(|value| actual < *value),
            "GreaterThan" => self.values.iter().any(|value| actual > *value),
            _ => self.values.contains(&actual),
        }
    }
}

fn source(node: &Node) -> String {
    if node.hybrid.is_some() { "AWS::SSM::ManagedInstance" } else { "AWS::EC2::Instance" }.to_owned()
}

fn invalid_value(message: &str) -> ApiError {
    ApiError::new("InvalidInstanceInformationFilterValue", message)
}
