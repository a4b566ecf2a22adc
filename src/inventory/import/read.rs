//! One thing out of a recording, as the vocabulary has it. Sites are found later: here each thing only says what it
//! tells of its own.

use sha2::{Digest as _, Sha256};

use super::kind::{Kind, of_item};
use super::place::Hint;
use super::told::Told;
use crate::aws::ManagedNode;
use crate::model::{
    Agent, Baseline, Group, GroupSource, Image, ImageSource, ImageState, LifecycleHook, Member, Node, NodeKind,
    NodeState, OperatingSystem, Patch, PatchOperation, PatchState, Refresh, RefreshStatus, Sighting, Site, Tags,
    Template, TemplateVersion, VersionSpec, Volume, tag,
};

/// A thing, with what it says of its place.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) hint: Hint,
    pub(super) what: What,
}

/// What was read. Where it holds a site, that is not found yet.
#[derive(Debug)]
pub(super) enum What {
    Node(Box<Node>),
    Volume {
        node: String,
        volume: Volume,
    },
    Image(Box<Image>),
    /// What is still known of the image of an instance.
    Metadata {
        node: String,
        image: Box<Image>,
    },
    Template(Template),
    Version {
        template: String,
        name: String,
        is_default: bool,
        version: Box<TemplateVersion>,
    },
    Group(Box<Group>),
    Policy {
        group: String,
        name: String,
    },
    Hook {
        group: String,
        hook: LifecycleHook,
    },
    Refresh {
        group: String,
        refresh: Box<Refresh>,
    },
    Managed(Box<ManagedNode>),
    /// The operating system as the agent's inventory tells it.
    System {
        node: String,
        system: OperatingSystem,
    },
    State {
        node: String,
        state: Box<PatchState>,
    },
    Patch {
        node: String,
        patch: Box<Patch>,
    },
    Release {
        update: Option<String>,
        package: Option<String>,
        cves: Vec<String>,
        at: jiff::Timestamp,
    },
    Baseline(Box<Baseline>),
    /// A patch group that is registered with a baseline.
    PatchGroup {
        name: String,
        baseline: String,
    },
}

/// What came of an element: things, nothing where it is rightly left out, or what it lacks.
pub(super) type Read = Result<Vec<Item>, &'static str>;

/// Reads an element of a list; `node` is whom the file says it is about.
pub(super) fn item(list: Kind, told: Told<'_>, node: Option<&str>) -> Read {
    // A list named `Patches` holds what is missing on a node, or what there is to be had.
    let kind = match list {
        Kind::Patches => of_item(told).unwrap_or(list),
        _ => list,
    };
    match kind {
        Kind::Instances => instances(told),
        Kind::Images => image(told),
        Kind::ImageMetadata => metadata(told),
        Kind::Templates => template(told),
        Kind::TemplateVersions => version(told),
        Kind::Volumes => volumes(told),
        Kind::Groups => group(told),
        Kind::Policies => policy(told),
        Kind::Hooks => hook(told),
        Kind::Refreshes => refresh(told),
        Kind::ManagedNodes => managed(told),
        Kind::Inventory => inventory(told),
        Kind::PatchStates => state(told),
        Kind::Patches => patch(told, node),
        Kind::Releases => release(told),
        Kind::Baselines => baseline(told),
        Kind::PatchGroups => patch_group(told),
        Kind::Snapshots | Kind::Configurations | Kind::Commands => Ok(Vec::new()),
    }
}

fn baseline(told: Told<'_>) -> Read {
    let id = told.at("BaselineId").owned().ok_or("without BaselineId")?;
    // The account of an ARN is Amazon's.
    let hint = Hint { account: None, ..Hint::of_arn(Some(&id)) };
    let baseline = Baseline {
        id,
        site: nowhere(),
        name: told.at("BaselineName").owned().unwrap_or_default(),
        operating_system: told.at("OperatingSystem").owned().unwrap_or_default(),
        default: told.at("DefaultBaseline").truth().unwrap_or(false),
        patch_groups: Vec::new(),
    };
    one(hint, What::Baseline(Box::new(baseline)))
}

fn patch_group(told: Told<'_>) -> Read {
    let name = told.at("PatchGroup").owned().ok_or("without PatchGroup")?;
    let baseline = told.at("BaselineIdentity").at("BaselineId").owned().ok_or("without BaselineId")?;
    let hint = Hint { account: None, ..Hint::of_arn(Some(&baseline)) };
    one(hint, What::PatchGroup { name, baseline })
}

fn nowhere() -> Site {
    Site::new("", "")
}

fn one(hint: Hint, what: What) -> Read {
    Ok(vec![Item { hint, what }])
}

/// A reservation with its instances, or an instance.
fn instances(told: Told<'_>) -> Read {
    if !told.at("Instances").value().is_some_and(serde_json::Value::is_array) {
        return Ok(instance(told, None)?.into_iter().collect());
    }
    let owner = told.at("OwnerId").text();
    let mut items = Vec::new();
    for told in told.at("Instances").each() {
        items.extend(instance(told, owner)?);
    }
    Ok(items)
}

fn instance(told: Told<'_>, owner: Option<&str>) -> Result<Option<Item>, &'static str> {
    let id = told.at("InstanceId").owned().ok_or("without InstanceId")?;
    let state = told.at("State").at("Name").text().ok_or("without State")?;
    let Some(state) = NodeState::of(state, told.at("StateTransitionReason").text()) else { return Ok(None) };
    let tags = told.at("Tags").tags();
    let root = told.at("RootDeviceName").text();
    let volumes = told.at("BlockDeviceMappings").each().filter_map(|mapping| {
        let (device, disk) = (mapping.at("DeviceName").text().unwrap_or_default(), mapping.at("Ebs"));
        Some(Volume {
            id: disk.at("VolumeId").owned()?,
            device: device.to_owned(),
            root: root == Some(device),
            delete_on_termination: disk.at("DeleteOnTermination").truth().unwrap_or(false),
        })
    });
    let zone = told.at("Placement").at("AvailabilityZone").owned();
    let interface = told.at("NetworkInterfaces").each().find_map(|it| it.at("OwnerId").text());
    let operator = told.at("Operator");
    let hint = Hint { account: owner.or(interface).map(str::to_owned), ..Hint::in_zone(zone.as_deref()) };
    let node = Node {
        name: tags.get("Name").cloned().unwrap_or_default(),
        site: nowhere(),
        kind: NodeKind::Instance,
        state,
        system: told.at("PlatformDetails").text().and_then(OperatingSystem::by_billing).or_else(|| windows(told)),
        image: told.at("ImageId").owned(),
        launched_at: told.at("LaunchTime").moment(),
        instance_type: told.at("InstanceType").owned(),
        architecture: told.at("Architecture").owned(),
        zone,
        tags,
        group: None,
        operator: operator.at("Principal").owned().filter(|_| operator.at("Managed").truth() == Some(true)),
        agent: Agent::Unread,
        patch_state: None,
        patches: Vec::new(),
        volumes: volumes.collect(),
        id,
    };
    Ok(Some(Item { hint, what: What::Node(Box::new(node)) }))
}

/// Recordings from before `PlatformDetails` tell Windows apart and nothing else.
fn windows(told: Told<'_>) -> Option<OperatingSystem> {
    let platform = told.at("Platform").text()?;
    platform.eq_ignore_ascii_case("windows").then(|| OperatingSystem::by_billing("Windows")).flatten()
}

fn volumes(told: Told<'_>) -> Read {
    let id = told.at("VolumeId").text().ok_or("without VolumeId")?;
    let hint = Hint::in_zone(told.at("AvailabilityZone").text());
    let attached = told.at("Attachments").each().filter_map(|attachment| {
        let volume = Volume {
            id: id.to_owned(),
            device: attachment.at("Device").owned().unwrap_or_default(),
            root: false,
            delete_on_termination: attachment.at("DeleteOnTermination").truth().unwrap_or(false),
        };
        let what = What::Volume { node: attachment.at("InstanceId").owned()?, volume };
        Some(Item { hint: hint.clone(), what })
    });
    Ok(attached.collect())
}

fn image(told: Told<'_>) -> Read {
    let tags = told.at("Tags").tags();
    let disks = told.at("BlockDeviceMappings").each();
    let image = Image {
        id: told.at("ImageId").owned().ok_or("without ImageId")?,
        site: nowhere(),
        name: told.at("Name").owned().unwrap_or_default(),
        owner: told.at("OwnerId").owned().unwrap_or_default(),
        state: image_state(told.at("State")),
        created_at: told.at("CreationDate").moment(),
        architecture: told.at("Architecture").owned().unwrap_or_default(),
        platform: told.at("PlatformDetails").owned().unwrap_or_default(),
        deprecated_at: told.at("DeprecationTime").moment(),
        parent: tags.get(tag::PARENT).cloned().or_else(|| told.at("SourceImageId").owned()),
        allowed: told.at("ImageAllowed").truth(),
        ancestors: Vec::new(),
        snapshots: disks.filter_map(|disk| disk.at("Ebs").at("SnapshotId").owned()).collect(),
        tags,
    };
    one(Hint::default(), What::Image(Box::new(image)))
}

fn metadata(told: Told<'_>) -> Read {
    let known = told.at("ImageMetadata");
    let zone = told.at("AvailabilityZone").text();
    let hint = Hint { account: told.at("OwnerId").owned(), ..Hint::in_zone(zone) };
    let node = told.at("InstanceId").owned().ok_or("without InstanceId")?;
    let image = Image {
        id: known.at("ImageId").owned().ok_or("without ImageId")?,
        site: nowhere(),
        name: known.at("Name").owned().unwrap_or_default(),
        owner: known.at("OwnerId").owned().unwrap_or_default(),
        state: image_state(known.at("State")),
        created_at: known.at("CreationDate").moment(),
        architecture: String::new(),
        platform: String::new(),
        deprecated_at: known.at("DeprecationTime").moment(),
        parent: None,
        allowed: known.at("ImageAllowed").truth(),
        ancestors: Vec::new(),
        snapshots: Vec::new(),
        tags: Tags::new(),
    };
    one(hint, What::Metadata { node, image: Box::new(image) })
}

fn image_state(told: Told<'_>) -> ImageState {
    match told.text() {
        Some("available") => ImageState::Available,
        Some("pending" | "transient") => ImageState::Pending,
        Some("deregistered") => ImageState::Deregistered,
        other => ImageState::Unusable(other.unwrap_or("unknown").to_owned()),
    }
}

fn template(told: Told<'_>) -> Read {
    let operator = told.at("Operator");
    let template = Template {
        id: told.at("LaunchTemplateId").owned().ok_or("without LaunchTemplateId")?,
        name: told.at("LaunchTemplateName").owned().unwrap_or_default(),
        site: nowhere(),
        tags: told.at("Tags").tags(),
        latest: told.at("LatestVersionNumber").whole().ok_or("without LatestVersionNumber")?,
        default: told.at("DefaultVersionNumber").whole().ok_or("without DefaultVersionNumber")?,
        operator: operator.at("Principal").owned().filter(|_| operator.at("Managed").truth() == Some(true)),
        versions: Vec::new(),
    };
    one(Hint::of_maker(told.at("CreatedBy").text()), What::Template(template))
}

/// A version of a template. Its user data goes into the hash, and nowhere else.
fn version(told: Told<'_>) -> Read {
    let data = told.at("LaunchTemplateData");
    let image = match data.at("ImageId").text() {
        None => ImageSource::None,
        Some(image) => match image.strip_prefix("resolve:ssm:") {
            Some(parameter) => ImageSource::Parameter(parameter.to_owned()),
            None => ImageSource::Literal(image.to_owned()),
        },
    };
    let mut rest = data.value().cloned().unwrap_or_default();
    if let Some(members) = rest.as_object_mut() {
        members.remove("ImageId");
    }
    let hash = Sha256::digest(rest.to_string());
    let version = TemplateVersion {
        number: told.at("VersionNumber").whole().ok_or("without VersionNumber")?,
        description: told.at("VersionDescription").owned().unwrap_or_default(),
        created_by: told.at("CreatedBy").owned().unwrap_or_default(),
        created_at: told.at("CreateTime").moment(),
        image,
        instance_type: data.at("InstanceType").owned(),
        rest_hash: hash.iter().map(|byte| format!("{byte:02x}")).collect(),
    };
    let what = What::Version {
        template: told.at("LaunchTemplateId").owned().ok_or("without LaunchTemplateId")?,
        name: told.at("LaunchTemplateName").owned().unwrap_or_default(),
        is_default: told.at("DefaultVersion").truth().unwrap_or(false),
        version: Box::new(version),
    };
    one(Hint::of_maker(told.at("CreatedBy").text()), what)
}

fn group(told: Told<'_>) -> Read {
    let filled = |member: &str| told.at(member).each().next().is_some();
    let zone = told.at("AvailabilityZones").each().find_map(Told::text);
    let hint = Hint::of_arn(told.at("AutoScalingGroupARN").text()).or(Hint::in_zone(zone));
    let mut members: Vec<Member> = told.at("Instances").each().filter_map(member).collect();
    members.sort_by(|a, b| a.id.cmp(&b.id));
    let mut suspended: Vec<String> =
        told.at("SuspendedProcesses").each().filter_map(|process| process.at("ProcessName").owned()).collect();
    suspended.sort();
    let checks = told.at("HealthCheckType").text().unwrap_or_default().split(',').map(str::trim);
    let abandoned = told.at("InstanceLifecyclePolicy").at("RetentionTriggers").at("TerminateHookAbandon");
    let group = Group {
        name: told.at("AutoScalingGroupName").owned().ok_or("without AutoScalingGroupName")?,
        site: nowhere(),
        tags: told.at("Tags").tags(),
        desired: told.at("DesiredCapacity").count(),
        min: told.at("MinSize").count(),
        max: told.at("MaxSize").count(),
        source: source(told),
        members,
        suspended,
        health_checks: checks.filter(|check| !check.is_empty()).map(str::to_owned).collect(),
        load_balanced: ["LoadBalancerNames", "TargetGroupARNs", "TrafficSources"].into_iter().any(filled),
        grace_seconds: told.at("HealthCheckGracePeriod").count(),
        warmup_seconds: told.at("DefaultInstanceWarmup").whole().and_then(|seconds| seconds.try_into().ok()),
        hooks: Vec::new(),
        policies: Vec::new(),
        protects_new: told.at("NewInstancesProtectedFromScaleIn").truth().unwrap_or(false),
        max_lifetime_seconds: Some(told.at("MaxInstanceLifetime").count()).filter(|seconds| *seconds > 0),
        warm_pool: told.has("WarmPoolConfiguration"),
        operator: told.at("Operator").at("Principal").owned(),
        capacity_rebalance: told.at("CapacityRebalance").truth().unwrap_or(false),
        retains_abandoned: abandoned.text() == Some("retain"),
        deletion_protection: told.at("DeletionProtection").owned().filter(|protection| protection != "none"),
        zonal_shift: told.at("AvailabilityZoneImpairmentPolicy").at("ZonalShiftEnabled").truth().unwrap_or(false),
        refresh: None,
    };
    one(hint, What::Group(Box::new(group)))
}

fn member(told: Told<'_>) -> Option<Member> {
    let template = named(told.at("LaunchTemplate"));
    Some(Member {
        id: told.at("InstanceId").owned()?,
        lifecycle: told.at("LifecycleState").owned().unwrap_or_default(),
        healthy: told.at("HealthStatus").text().is_some_and(|health| health.eq_ignore_ascii_case("healthy")),
        protected: told.at("ProtectedFromScaleIn").truth().unwrap_or(false),
        template: template.and_then(|(id, version)| match version {
            VersionSpec::Number(number) => Some((id, number)),
            VersionSpec::Latest | VersionSpec::Default => None,
        }),
    })
}

/// A template's id and version as groups name them.
fn named(told: Told<'_>) -> Option<(String, VersionSpec)> {
    let version = match told.at("Version").text() {
        None | Some("$Default") => VersionSpec::Default,
        Some("$Latest") => VersionSpec::Latest,
        Some(number) => VersionSpec::Number(number.parse().ok()?),
    };
    Some((told.at("LaunchTemplateId").owned()?, version))
}

fn source(told: Told<'_>) -> GroupSource {
    if told.has("LaunchTemplate") {
        return named(told.at("LaunchTemplate"))
            .map_or(GroupSource::Unknown, |(id, version)| GroupSource::Template { id, version });
    }
    if told.has("MixedInstancesPolicy") {
        let template = told.at("MixedInstancesPolicy").at("LaunchTemplate");
        let Some((id, version)) = named(template.at("LaunchTemplateSpecification")) else {
            return GroupSource::Unknown;
        };
        let overrides: Vec<Told<'_>> = template.at("Overrides").each().collect();
        return GroupSource::Mixed {
            id,
            version,
            by_attributes: overrides.iter().any(|over| over.has("InstanceRequirements")),
            overrides_image: overrides
                .iter()
                .any(|over| over.has("LaunchTemplateSpecification") || over.has("ImageId")),
            // Nothing acts on a recording: the policy is never passed back.
            policy: String::new(),
        };
    }
    match told.at("LaunchConfigurationName").owned() {
        Some(name) => GroupSource::Configuration { name },
        None => GroupSource::Unknown,
    }
}

fn policy(told: Told<'_>) -> Read {
    let what = What::Policy {
        group: told.at("AutoScalingGroupName").owned().ok_or("without AutoScalingGroupName")?,
        name: told.at("PolicyName").owned().ok_or("without PolicyName")?,
    };
    one(Hint::of_arn(told.at("PolicyARN").text()), what)
}

fn hook(told: Told<'_>) -> Read {
    let hook = LifecycleHook {
        name: told.at("LifecycleHookName").owned().ok_or("without LifecycleHookName")?,
        transition: told.at("LifecycleTransition").owned().unwrap_or_default(),
        heartbeat_seconds: told.at("HeartbeatTimeout").count(),
    };
    let group = told.at("AutoScalingGroupName").owned().ok_or("without AutoScalingGroupName")?;
    one(Hint::default(), What::Hook { group, hook })
}

fn refresh(told: Told<'_>) -> Read {
    let desired = told.at("DesiredConfiguration");
    let mixed = desired.at("MixedInstancesPolicy").at("LaunchTemplate").at("LaunchTemplateSpecification");
    let template = if desired.has("LaunchTemplate") { desired.at("LaunchTemplate") } else { mixed };
    let version = template.at("Version").text().unwrap_or("$Default").to_owned();
    let refresh = Refresh {
        id: told.at("InstanceRefreshId").owned().ok_or("without InstanceRefreshId")?,
        status: RefreshStatus::of(told.at("Status").text().unwrap_or_default()),
        reason: told.at("StatusReason").owned().unwrap_or_default(),
        started_at: told.at("StartTime").moment(),
        ended_at: told.at("EndTime").moment(),
        percent: told.at("PercentageComplete").count(),
        remaining: told.at("InstancesToUpdate").count(),
        desired: template.at("LaunchTemplateId").owned().map(|id| (id, version)),
    };
    let group = told.at("AutoScalingGroupName").owned().ok_or("without AutoScalingGroupName")?;
    one(Hint::default(), What::Refresh { group, refresh: Box::new(refresh) })
}

fn managed(told: Told<'_>) -> Read {
    let id = told.at("InstanceId").owned().ok_or("without InstanceId")?;
    // Systems Manager remembers what EC2 has terminated for a while.
    if matches!(told.at("InstanceState").text(), Some("terminated" | "shutting-down")) {
        return Ok(Vec::new());
    }
    let agent = match (told.at("PingStatus").text(), told.at("LastPingDateTime").moment()) {
        (Some("Online"), Some(last_ping)) => Agent::Online { last_ping },
        (Some(_), Some(last_ping)) => Agent::Lost { last_ping },
        (None, _) | (_, None) => Agent::Absent,
    };
    let node = ManagedNode {
        id,
        name: told.at("Name").owned().or_else(|| told.at("ComputerName").owned()).unwrap_or_default(),
        agent,
        system: system(told),
        architecture: told.at("Architecture").owned(),
        registered_at: told.at("RegistrationDate").moment(),
        computer: told.at("ComputerName").owned().unwrap_or_default(),
        stopped: matches!(told.at("InstanceState").text(), Some("stopping" | "stopped")),
    };
    one(Hint::default(), What::Managed(Box::new(node)))
}

fn system(told: Told<'_>) -> Option<OperatingSystem> {
    Some(OperatingSystem {
        name: told.at("PlatformName").owned()?,
        version: told.at("PlatformVersion").owned().unwrap_or_default(),
        inferred: false,
    })
}

/// What the agent's own inventory tells: `AWS:InstanceInformation`.
fn inventory(told: Told<'_>) -> Read {
    let node = told.at("Id").owned().ok_or("without Id")?;
    let content = told.at("Data").at("AWS:InstanceInformation").at("Content");
    let here = content.each().find(|told| told.at("InstanceStatus").text() != Some("Terminated"));
    let system = here.and_then(system);
    Ok(system.map(|system| Item { hint: Hint::default(), what: What::System { node, system } }).into_iter().collect())
}

fn state(told: Told<'_>) -> Read {
    let baseline = told.at("BaselineId").owned().unwrap_or_default();
    let hint = Hint { account: None, ..Hint::of_arn(Some(&baseline)) };
    let state = PatchState {
        baseline,
        snapshot: told.at("SnapshotId").owned(),
        patch_group: told.at("PatchGroup").owned().unwrap_or_default(),
        operation: match told.at("Operation").text() {
            Some("Install") => PatchOperation::Install,
            _ => PatchOperation::Scan,
        },
        at: told.at("OperationEndTime").moment().ok_or("without OperationEndTime")?,
        installed: told.at("InstalledCount").count(),
        missing: told.at("MissingCount").count(),
        failed: told.at("FailedCount").count(),
        pending_reboot: told.at("InstalledPendingRebootCount").count(),
        rejected: told.at("InstalledRejectedCount").count(),
    };
    let node = told.at("InstanceId").owned().ok_or("without InstanceId")?;
    one(hint, What::State { node, state: Box::new(state) })
}

fn patch(told: Told<'_>, node: Option<&str>) -> Read {
    let id = told.at("KBId").owned().ok_or("without KBId")?;
    let node = node.ok_or("of a node that neither the recording nor its name tells (name the file after the node)")?;
    let Some(state) = Patch::non_compliant(told.at("State").text().unwrap_or_default()) else {
        return Ok(Vec::new());
    };
    let installed = told.at("InstalledTime").moment().filter(|at| at.as_second() > 0);
    let waits_since = installed.filter(|_| state == "InstalledPendingReboot");
    let patch = Patch {
        id,
        title: told.at("Title").owned().unwrap_or_default(),
        classification: told.at("Classification").owned().unwrap_or_default(),
        severity: told.at("Severity").owned().unwrap_or_default(),
        state: state.to_owned(),
        cves: told.at("CVEIds").text().map(Patch::vulnerabilities).unwrap_or_default(),
        released_at: None,
        first_seen: waits_since.map(|at| Sighting { at, exact: true }),
    };
    one(Hint::default(), What::Patch { node: node.to_owned(), patch: Box::new(patch) })
}

fn release(told: Told<'_>) -> Read {
    let told = if told.has("Patch") { told.at("Patch") } else { told };
    let Some(at) = told.at("ReleaseDate").moment() else { return Ok(Vec::new()) };
    let what = What::Release {
        update: told.at("KbNumber").owned(),
        package: told.at("Name").owned(),
        cves: told.at("CVEIds").texts().collect(),
        at,
    };
    one(Hint::default(), what)
}
