//! Which call of the AWS CLI a recording comes from: told by what is in it, not by its name.

use serde_json::{Deserializer, Value};

use super::told::Told;

/// What a recording is a list of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// `ec2 describe-instances`, and what `run-instances` answers.
    Instances,
    /// `ec2 describe-images`.
    Images,
    /// `ec2 describe-instance-image-metadata`.
    ImageMetadata,
    /// `ec2 describe-launch-templates`.
    Templates,
    /// `ec2 describe-launch-template-versions`.
    TemplateVersions,
    /// `ec2 describe-volumes`.
    Volumes,
    /// `ec2 describe-snapshots`.
    Snapshots,
    /// `autoscaling describe-auto-scaling-groups`.
    Groups,
    /// `autoscaling describe-launch-configurations`.
    Configurations,
    /// `autoscaling describe-policies`.
    Policies,
    /// `autoscaling describe-lifecycle-hooks`.
    Hooks,
    /// `autoscaling describe-instance-refreshes`.
    Refreshes,
    /// `ssm describe-instance-information`, `ssm describe-instance-properties`.
    ManagedNodes,
    /// `ssm get-inventory`.
    Inventory,
    /// `ssm describe-instance-patch-states`, also for a patch group.
    PatchStates,
    /// `ssm describe-instance-patches`.
    Patches,
    /// `ssm describe-available-patches`, `ssm describe-effective-patches-for-patch-baseline`.
    Releases,
    /// `ssm describe-patch-baselines`.
    Baselines,
    /// `ssm describe-patch-groups`.
    PatchGroups,
    /// `ssm list-commands`.
    Commands,
}

/// The member that holds the list, for each kind. Where two calls name it alike, what is in it decides.
const MEMBERS: [(&str, Kind); 22] = [
    ("Reservations", Kind::Instances),
    ("Images", Kind::Images),
    ("InstanceImageMetadata", Kind::ImageMetadata),
    ("LaunchTemplates", Kind::Templates),
    ("LaunchTemplateVersions", Kind::TemplateVersions),
    ("Volumes", Kind::Volumes),
    ("Snapshots", Kind::Snapshots),
    ("AutoScalingGroups", Kind::Groups),
    ("LaunchConfigurations", Kind::Configurations),
    ("ScalingPolicies", Kind::Policies),
    ("LifecycleHooks", Kind::Hooks),
    ("InstanceRefreshes", Kind::Refreshes),
    ("InstanceInformationList", Kind::ManagedNodes),
    ("InstanceProperties", Kind::ManagedNodes),
    ("Entities", Kind::Inventory),
    ("InstancePatchStates", Kind::PatchStates),
    ("Patches", Kind::Patches),
    ("EffectivePatches", Kind::Releases),
    ("BaselineIdentities", Kind::Baselines),
    ("Mappings", Kind::PatchGroups),
    ("Commands", Kind::Commands),
    ("Instances", Kind::Instances),
];

/// A list in a recording.
#[derive(Debug)]
pub(super) struct List<'a> {
    /// What its elements are, if they do not tell themselves.
    pub(super) kind: Kind,
    /// Its elements.
    pub(super) items: Vec<Told<'a>>,
    /// Whether the recording says that more follows: it is one page of several.
    pub(super) goes_on: bool,
}

/// The lists in a document: as a call answers them, or what `--query` leaves of an answer.
pub(super) fn lists(document: &Value) -> Vec<List<'_>> {
    match document {
        Value::Object(members) => {
            let goes_on = Told::of(document).at("NextToken").text().is_some();
            // What `run-instances` answers is a reservation by itself.
            if members.contains_key("ReservationId") {
                return vec![List { kind: Kind::Instances, items: vec![Told::of(document)], goes_on }];
            }
            let known = MEMBERS.iter().filter_map(|(member, kind)| {
                let items = members.get(*member)?.as_array()?.iter().map(Told::of).collect();
                Some(List { kind: *kind, items, goes_on })
            });
            let known: Vec<List<'_>> = known.collect();
            match of_item(Told::of(document)) {
                Some(kind) => vec![List { kind, items: vec![Told::of(document)], goes_on: false }],
                None => known,
            }
        }
        Value::Array(_) => {
            let items = flat(document);
            let kind = items.iter().find_map(|item| of_item(*item));
            kind.map(|kind| List { kind, items, goes_on: false }).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// How far into a document it is looked for what tells its kind, in bytes.
const BEGINNING: usize = 4096;

/// The kind of a document that is cut off or broken, as far as its beginning tells: by the first of the known members,
/// or by the first element of a list.
pub(super) fn of_beginning(text: &str) -> Option<Kind> {
    if text.trim_start().starts_with('[') {
        let first = text.get(text.find('{')?..)?;
        let first: Value = Deserializer::from_str(first).into_iter().next()?.ok()?;
        return of_item(Told::of(&first));
    }
    let end = (0..=BEGINNING.min(text.len())).rev().find(|end| text.is_char_boundary(*end))?;
    let known = MEMBERS.iter().filter_map(|(member, kind)| Some((text[..end].find(&format!("\"{member}\""))?, *kind)));
    known.min_by_key(|(at, _)| *at).map(|(_, kind)| kind)
}

/// The elements of lists of lists, as `Reservations[*].Instances[*]` leaves them.
fn flat(value: &Value) -> Vec<Told<'_>> {
    match value {
        Value::Array(list) => list.iter().flat_map(flat).collect(),
        other => vec![Told::of(other)],
    }
}

/// The kind of a thing that stands by itself.
pub(super) fn of_item(item: Told<'_>) -> Option<Kind> {
    let has = |members: &[&str]| members.iter().all(|member| item.has(member));
    let any = |members: &[&str]| members.iter().any(|member| item.has(member));
    let kind = if item.has("AutoScalingGroupName") {
        match () {
            () if any(&["MinSize", "DesiredCapacity"]) => Kind::Groups,
            () if item.has("PolicyName") => Kind::Policies,
            () if item.has("LifecycleHookName") => Kind::Hooks,
            () if item.has("InstanceRefreshId") => Kind::Refreshes,
            () => return None,
        }
    } else if has(&["InstanceId", "ImageMetadata"]) {
        Kind::ImageMetadata
    } else if has(&["ReservationId", "Instances"]) {
        Kind::Instances
    } else if item.has("InstanceId") && any(&["OperationEndTime", "InstalledCount"]) {
        Kind::PatchStates
    } else if item.has("InstanceId") && any(&["PingStatus", "LastPingDateTime", "AgentVersion"]) {
        Kind::ManagedNodes
    } else if has(&["InstanceId", "State"]) {
        Kind::Instances
    } else if has(&["LaunchConfigurationName", "ImageId"]) {
        Kind::Configurations
    } else if has(&["LaunchTemplateId", "LaunchTemplateData"]) {
        Kind::TemplateVersions
    } else if has(&["LaunchTemplateId", "LatestVersionNumber"]) {
        Kind::Templates
    } else if item.has("ImageId") && any(&["CreationDate", "ImageLocation", "RootDeviceType"]) {
        Kind::Images
    } else if has(&["KBId", "State"]) {
        Kind::Patches
    } else if item.has("ReleaseDate") || item.at("Patch").has("ReleaseDate") {
        Kind::Releases
    } else if has(&["CommandId", "DocumentName"]) {
        Kind::Commands
    } else if has(&["BaselineIdentity", "PatchGroup"]) {
        Kind::PatchGroups
    } else if has(&["BaselineId", "BaselineName"]) {
        Kind::Baselines
    } else if has(&["Id", "Data"]) {
        Kind::Inventory
    } else if has(&["VolumeId", "Attachments"]) {
        Kind::Volumes
    } else if has(&["SnapshotId", "VolumeSize"]) {
        Kind::Snapshots
    } else {
        return None;
    };
    Some(kind)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kinds(document: &Value) -> Vec<(Kind, usize)> {
        lists(document).into_iter().map(|list| (list.kind, list.items.len())).collect()
    }

    #[test]
    fn answers_and_what_queries_leave_of_them_are_recognised() {
        let instance = json!({"InstanceId": "i-1", "State": {"Name": "running"}});
        let group = json!({"AutoScalingGroupName": "web", "MinSize": 1, "Instances": [{"InstanceId": "i-1"}]});
        assert_eq!(kinds(&json!({"Reservations": []})), [(Kind::Instances, 0)]);
        assert_eq!(kinds(&json!({"ReservationId": "r-1", "Instances": [instance]})), [(Kind::Instances, 1)]);
        assert_eq!(kinds(&json!([[instance], [instance, instance]])), [(Kind::Instances, 3)]);
        assert_eq!(kinds(&instance), [(Kind::Instances, 1)]);
        assert_eq!(kinds(&group), [(Kind::Groups, 1)]);
        assert_eq!(kinds(&json!({"AutoScalingGroups": [group]})), [(Kind::Groups, 1)]);
        assert_eq!(kinds(&json!({"Patches": [], "ResponseMetadata": {}})), [(Kind::Patches, 0)]);
    }

    #[test]
    fn the_beginning_of_a_broken_document_tells_its_kind() {
        let one = r#"{"InstanceId": "i-1", "State": {"Name": "running"}}"#;
        assert_eq!(of_beginning(&format!("{{\"Reservations\": [{{\"Instances\": [{one}, {{")), Some(Kind::Instances));
        assert_eq!(of_beginning("\n{\"AutoScalingGroups\": [{\"Instances\": ["), Some(Kind::Groups));
        assert_eq!(of_beginning(&format!("[[{one}, {{\"Instan")), Some(Kind::Instances));
        assert_eq!(of_beginning("[[{\"InstanceId\": \"i-"), None);
        assert_eq!(of_beginning("{\"Tr"), None);
        assert_eq!(of_beginning(""), None);
    }

    #[test]
    fn foreign_documents_are_not_recognised() {
        for foreign in [json!({}), json!([]), json!(3), json!(["i-1"]), json!({"Instances": "i-1"}), json!([{"a": 1}])]
        {
            assert_eq!(kinds(&foreign), [], "{foreign}");
        }
    }
}
