//! Who owns a node or a group: the controllers that would undo or break what rebake does.
//!
//! Signals are tags, names, hooks and policies, most specific first. A tag alone never moves a node into an acting
//! lane; it can only hand it to its owner. Sources: the services' documents and the shapes of their resources.

use serde::{Deserialize, Serialize};

use crate::config::Owners;
use crate::model::{Group, Node, Tags, Template};

/// A controller that owns a node or a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// For example `EKS`.
    pub name: String,
    /// The signal that told, for example `tag eks:nodegroup-name=workers`.
    pub signal: String,
    /// What that owner's own cure is, as a command or an advice.
    pub cure: String,
}

/// A controller, the tag keys that give it away, and its own cure.
struct TagSignal {
    name: &'static str,
    keys: &'static [&'static str],
    cure: fn(&Tags) -> String,
}

const TAG_SIGNALS: &[TagSignal] = &[
    TagSignal {
        name: "EKS",
        keys: &["eks:nodegroup-name"],
        cure: |tags| {
            format!(
                "aws eks update-nodegroup-version --cluster-name {} --nodegroup-name {}",
                value(tags, "eks:cluster-name", "CLUSTER"),
                value(tags, "eks:nodegroup-name", "NODEGROUP")
            )
        },
    },
    TagSignal {
        name: "Karpenter",
        keys: &["karpenter.sh/nodepool", "karpenter.sh/nodeclaim", "karpenter.sh/provisioner-name"],
        cure: |_| "promote the AMI that its EC2NodeClass selects: drift replaces the nodes".to_owned(),
    },
    TagSignal {
        name: "Elastic Beanstalk",
        keys: &["elasticbeanstalk:environment-id", "elasticbeanstalk:environment-name"],
        cure: |tags| {
            let environment = value(tags, "elasticbeanstalk:environment-name", "ENVIRONMENT");
            format!("aws elasticbeanstalk update-environment --environment-name {environment} --platform-arn ARN")
        },
    },
    TagSignal {
        name: "AWS Batch",
        keys: &["AWSBatchServiceTag"],
        cure: |_| "aws batch update-compute-environment --compute-environment NAME (imageIdOverride)".to_owned(),
    },
    TagSignal {
        name: "EMR",
        keys: &["aws:elasticmapreduce:job-flow-id"],
        cure: |_| "start a new cluster with a new CustomAmiId".to_owned(),
    },
    TagSignal {
        name: "OpsWorks",
        keys: &["opsworks:stack", "opsworks:instance"],
        cure: |_| "OpsWorks has ended: move the instance away".to_owned(),
    },
    TagSignal {
        name: "ECS",
        keys: &["AmazonECSManaged"],
        cure: |_| "aws ecs update-capacity-provider --name NAME, with managed draining".to_owned(),
    },
    TagSignal {
        name: "kops",
        keys: &["kops.k8s.io/instancegroup"],
        cure: |tags| {
            format!(
                "kops rolling-update cluster --instance-group {} --yes",
                value(tags, "kops.k8s.io/instancegroup", "IG")
            )
        },
    },
    TagSignal {
        name: "Cluster API",
        keys: &["sigs.k8s.io/cluster-api-provider-aws/role"],
        cure: |_| "change the image in the AWSMachineTemplate".to_owned(),
    },
    TagSignal {
        name: "Spinnaker",
        keys: &["spinnaker:application"],
        cure: |_| "deploy the new image with its own red/black stage".to_owned(),
    },
];

/// A value of a tag, or a placeholder for a command.
fn value<'a>(tags: &'a Tags, key: &str, placeholder: &'a str) -> &'a str {
    tags.get(key).map_or(placeholder, String::as_str)
}

fn owner(name: &str, signal: String, cure: impl Into<String>) -> Owner {
    Owner { name: name.to_owned(), signal, cure: cure.into() }
}

fn by_tags(tags: &Tags) -> Option<Owner> {
    TAG_SIGNALS.iter().find_map(|signal| {
        let key = signal.keys.iter().find(|key| tags.contains_key(**key))?;
        Some(owner(signal.name, format!("tag {key}={}", value(tags, key, "")), (signal.cure)(tags)))
    })
}

/// The owner of a group, if a controller owns it that must replace its instances itself.
///
/// CloudFormation, Terraform and CodeDeploy do not count: their groups stay immutable, under rules of their own.
#[must_use]
pub fn of_group(group: &Group) -> Option<Owner> {
    by_tags(&group.tags)
        .or_else(|| by_hooks_and_policies(group))
        .or_else(|| kubernetes(group))
        .or_else(|| by_name(group))
}

fn by_hooks_and_policies(group: &Group) -> Option<Owner> {
    let cure = "aws ecs update-capacity-provider --name NAME, with managed draining";
    let policy = group.policies.iter().find(|name| name.starts_with("ECSManagedAutoScalingPolicy-"));
    let hook = group.hooks.iter().find(|hook| hook.name == "ecs-managed-draining-termination-hook");
    policy
        .map(|name| owner("ECS", format!("scaling policy {name}"), cure))
        .or_else(|| hook.map(|hook| owner("ECS", format!("lifecycle hook {}", hook.name), cure)))
}

/// Self-managed Kubernetes: without a hook that drains, replacing a node kills its pods.
fn kubernetes(group: &Group) -> Option<Owner> {
    let key = group
        .tags
        .keys()
        .find(|key| key.starts_with("kubernetes.io/cluster/") || *key == "k8s.io/cluster-autoscaler/enabled")?;
    let drains = group.hooks.iter().any(|hook| hook.transition.ends_with("EC2_INSTANCE_TERMINATING"));
    (!drains).then(|| {
        owner(
            "Kubernetes",
            format!("tag {key}, and no terminating hook that drains"),
            "add a termination hook (node-termination-handler), or replace the nodes with the cluster's own tool",
        )
    })
}

fn by_name(group: &Group) -> Option<Owner> {
    let batch = group.name.starts_with("AWSBatch-") && group.name.contains("-asg-");
    batch.then(|| owner("AWS Batch", format!("name {}", group.name), "aws batch update-compute-environment"))
}

/// The owner of a node that is in no group of its own, if a controller runs it.
#[must_use]
pub fn of_node(node: &Node) -> Option<Owner> {
    if let Some(principal) = &node.operator {
        let cure = format!("{principal} patches it");
        return Some(owner(principal, format!("Operator.Principal={principal}"), cure));
    }
    by_tags(&node.tags).or_else(|| {
        // Instances of Auto Scaling groups carry a fleet id too: the caller asks only for nodes outside of groups.
        let key = ["aws:ec2:fleet-id", "aws:ec2spot:fleet-request-id"]
            .into_iter()
            .find(|key| node.tags.contains_key(*key))?;
        Some(owner("EC2 Fleet", format!("tag {key}"), "give the fleet a new launch template version"))
    })
}

/// The CloudFormation stack that owns a resource, by its tags.
#[must_use]
pub fn stack(tags: &Tags) -> Option<&str> {
    tags.get("aws:cloudformation:stack-name").map(String::as_str)
}

/// The tool that owns the template of a group, for people: a CloudFormation stack, or a principal of `[owners]` that
/// made the version that the group runs.
#[must_use]
pub fn of_template(group: &Group, template: &Template, owners: &Owners) -> Option<String> {
    if let Some(stack) = stack(&group.tags).or_else(|| stack(&template.tags)) {
        return Some(format!("CloudFormation stack {stack} owns the template"));
    }
    let (_, version) = group.source.template()?;
    let creator = &template.version(template.number(version))?.created_by;
    owners.is_tool(creator).then(|| format!("{creator} makes the template's versions"))
}
