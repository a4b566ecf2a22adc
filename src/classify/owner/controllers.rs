//! The controllers, most specific first: what gives each away, whether it alone may replace or patch, and its own cure.
//!
//! Sources: the services' user guides; tags, names and hooks as their resources carry them.

use super::signal::Signal::{self, Hook, Is, Name, Policy, Tag, Tags, TemplateTag, Tool};
use super::signal::{Operated, Traces, ends_with_release, ends_with_terraform_id, ends_with_uuid};
use crate::text::command::shell_word;

/// A controller or a tool.
pub(super) struct Controller {
    /// What people call it; empty: as the `Operator` names it.
    pub(super) name: &'static str,
    /// What gives it away, the surest first.
    pub(super) signals: &'static [Signal],
    /// What follows for its nodes.
    pub(super) hold: Hold,
    /// Whether its signals mean it outside of groups only: instances of groups carry them too.
    pub(super) outside_groups: bool,
    /// What it does itself to bring a newer image or newer patches, as a command or an advice.
    pub(super) cure: fn(&Traces<'_>) -> String,
}

/// What an owner means for its nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    /// It alone replaces or patches them.
    Delegates,
    /// As [`Hold::Delegates`], unless a hook drains an instance before it goes.
    UnlessDrained,
    /// They stay in the lane of their evidence; it is told.
    Tells,
}

use Hold::{Delegates, Tells, UnlessDrained};

/// All of them, in the order in which they are asked: the first hit wins.
pub(super) const CONTROLLERS: &[Controller] = &[
    Controller {
        name: "",
        signals: &[
            Signal::Operator(Operated::Instance),
            Signal::Operator(Operated::Group),
            Signal::Operator(Operated::Template),
        ],
        hold: Delegates,
        outside_groups: false,
        cure: |it| format!("{} replaces and patches it by itself", it.operates().unwrap_or("the service")),
    },
    Controller {
        name: "EKS",
        signals: &[Tag("eks:nodegroup-name"), Name("eks-NODEGROUP-UUID", |name| is_uuid_of(name, "eks-"))],
        hold: Delegates,
        outside_groups: false,
        cure: |it| {
            format!(
                "aws eks update-nodegroup-version{} --cluster-name {} --nodegroup-name {}",
                it.region(),
                shell_word(it.tag("eks:cluster-name", "CLUSTER")),
                shell_word(it.tag("eks:nodegroup-name", "NODEGROUP"))
            )
        },
    },
    Controller {
        name: "Karpenter",
        signals: &[Tag("karpenter.sh/nodepool"), Tag("karpenter.sh/nodeclaim"), Tag("karpenter.sh/provisioner-name")],
        hold: Delegates,
        outside_groups: false,
        cure: |it| {
            let class = shell_word(it.tag("karpenter.k8s.aws/ec2nodeclass", "NODECLASS"));
            format!("kubectl edit ec2nodeclass {class} (amiSelectorTerms: the newer image; drift replaces the nodes)")
        },
    },
    Controller {
        name: "Elastic Beanstalk",
        signals: &[
            Tag("elasticbeanstalk:environment-id"),
            Tag("elasticbeanstalk:environment-name"),
            Is("aws:cloudformation:logical-id", "AWSEBAutoScalingGroup"),
            BEANSTALK_STACK,
        ],
        hold: Delegates,
        outside_groups: false,
        cure: |it| {
            let image = "--option-settings Namespace=aws:autoscaling:launchconfiguration,OptionName=ImageId,Value=AMI";
            let environment = match it.tags.get("elasticbeanstalk:environment-name") {
                Some(name) => format!("--environment-name {}", shell_word(name)),
                None => format!("--environment-id {}", shell_word(environment_id(it))),
            };
            format!("aws elasticbeanstalk update-environment{} {environment} {image}", it.region())
        },
    },
    Controller {
        name: "AWS Batch",
        signals: &[
            Is("AWSBatchServiceTag", "batch"),
            Name("AWSBatch-ENVIRONMENT-asg-UUID", |name| name.contains("-asg-") && is_uuid_of(name, "AWSBatch-")),
        ],
        hold: Delegates,
        outside_groups: false,
        cure: |it| {
            let environment = it.id.strip_prefix("AWSBatch-").and_then(|rest| rest.rsplit_once("-asg-"));
            let environment = shell_word(environment.map_or("ENVIRONMENT", |(name, _)| name));
            format!(
                "aws batch update-compute-environment{} --compute-environment {environment} --compute-resources 'ec2Configuration=[{{imageType=ECS_AL2023,imageIdOverride=AMI}}]'",
                it.region()
            )
        },
    },
    Controller {
        name: "EMR",
        signals: &[Tag("aws:elasticmapreduce:job-flow-id"), Tag("aws:elasticmapreduce:instance-group-role")],
        hold: Delegates,
        outside_groups: false,
        cure: |it| {
            let cluster = shell_word(it.tag("aws:elasticmapreduce:job-flow-id", "CLUSTER"));
            format!("a new cluster in place of {cluster}: aws emr create-cluster{} --custom-ami-id AMI …", it.region())
        },
    },
    Controller {
        name: "OpsWorks",
        signals: &[Tag("opsworks:stack"), Tag("opsworks:instance"), Tags("opsworks:layer:")],
        hold: Delegates,
        outside_groups: false,
        cure: |_| "OpsWorks has ended: take its tags off, and a [[ring]] or a group can have the instance".to_owned(),
    },
    Controller {
        name: "ECS",
        signals: &[
            Tag("AmazonECSManaged"),
            Policy("ECSManagedAutoScalingPolicy-"),
            Hook("ecs-managed-draining-termination-hook"),
        ],
        hold: Delegates,
        outside_groups: false,
        cure: |it| {
            if it.drains() {
                return format!(
                    "aws autoscaling start-instance-refresh{} --auto-scaling-group-name {} --preferences ScaleInProtectedInstances=Refresh",
                    it.region(),
                    shell_word(it.id)
                );
            }
            format!(
                "aws ecs update-capacity-provider{} --name PROVIDER --auto-scaling-group-provider managedDraining=ENABLED, before its group is refreshed",
                it.region()
            )
        },
    },
    Controller {
        name: "kops",
        signals: &[Tag("kops.k8s.io/instancegroup"), Tag("KubernetesCluster"), Tags("k8s.io/role/")],
        hold: Delegates,
        outside_groups: false,
        cure: |it| {
            format!(
                "kops rolling-update cluster --name {} --instance-group {} --yes",
                shell_word(it.tag("KubernetesCluster", "CLUSTER")),
                shell_word(it.tag("kops.k8s.io/instancegroup", "GROUP"))
            )
        },
    },
    Controller {
        name: "Cluster API",
        signals: &[
            Tags("sigs.k8s.io/cluster-api-provider-aws/cluster/"),
            Tag("sigs.k8s.io/cluster-api-provider-aws/role"),
        ],
        hold: Delegates,
        outside_groups: false,
        cure: |_| {
            "kubectl edit machinedeployment NAME (infrastructureRef: an AWSMachineTemplate with the newer image)"
                .to_owned()
        },
    },
    Controller {
        name: "Kubernetes",
        signals: &[Tags("kubernetes.io/cluster/"), Tag("k8s.io/cluster-autoscaler/enabled")],
        hold: UnlessDrained,
        outside_groups: false,
        cure: |it| match it.group {
            Some(_) if it.drains() => "a hook drains its nodes before they go: rebake refreshes it".to_owned(),
            Some(group) => format!(
                "aws autoscaling put-lifecycle-hook{} --auto-scaling-group-name {} --lifecycle-hook-name drain --lifecycle-transition autoscaling:EC2_INSTANCE_TERMINATING, answered by the aws-node-termination-handler",
                it.region(),
                shell_word(&group.name)
            ),
            None => "kubectl drain NODE --ignore-daemonsets, before it is patched or replaced".to_owned(),
        },
    },
    Controller {
        name: "Spinnaker",
        signals: &[
            Tag("spinnaker:application"),
            Tag("spinnaker:stack"),
            Tag("spinnaker:details"),
            Name("APPLICATION-STACK-DETAIL-v000", ends_with_release),
        ],
        hold: Delegates,
        outside_groups: false,
        cure: |it| {
            let of_name = it.id.split('-').next().filter(|_| it.group.is_some()).unwrap_or("APPLICATION");
            let application = shell_word(it.tag("spinnaker:application", of_name));
            format!("spin pipeline execute --application {application} --name PIPELINE, with the newer image")
        },
    },
    Controller {
        name: "CodeDeploy",
        signals: &[
            Name("CodeDeploy_DEPLOYMENT-GROUP_d-ID", |name| name.starts_with("CodeDeploy_") && name.contains("_d-")),
            Hook("CodeDeploy-managed-automatic-launch-deployment-hook-"),
        ],
        hold: Tells,
        outside_groups: false,
        cure: |it| {
            let of_name = it.id.strip_prefix("CodeDeploy_").and_then(|rest| rest.rsplit_once("_d-"));
            let deployment_group = shell_word(of_name.map_or("GROUP", |(name, _)| name));
            format!(
                "its hook puts the last good revision on new instances; none may be under way: aws deploy list-deployments{} --application-name APPLICATION --deployment-group-name {deployment_group} --include-only-statuses InProgress",
                it.region()
            )
        },
    },
    Controller {
        name: "CloudFormation",
        signals: &[
            Tag("aws:cloudformation:stack-name"),
            Tag("aws:cloudformation:stack-id"),
            Tag("aws:cloudformation:logical-id"),
            TemplateTag("aws:cloudformation:stack-name"),
        ],
        hold: Tells,
        outside_groups: false,
        cure: |it| {
            let of_template = it.template.and_then(|template| super::stack(&template.tags));
            let stack = super::stack(it.tags).or(of_template).unwrap_or("STACK");
            format!(
                "aws cloudformation update-stack{} --stack-name {} --use-previous-template --parameters ParameterKey=IMAGE,ParameterValue=AMI",
                it.region(),
                shell_word(stack)
            )
        },
    },
    Controller {
        name: "EC2 Fleet",
        signals: &[Tag("aws:ec2:fleet-id"), Tag("aws:ec2spot:fleet-request-id")],
        hold: Delegates,
        outside_groups: true,
        cure: |it| {
            let template =
                "--launch-template-configs 'LaunchTemplateSpecification={LaunchTemplateId=TEMPLATE,Version=VERSION}'";
            match it.tags.get("aws:ec2:fleet-id") {
                Some(fleet) => {
                    format!("aws ec2 modify-fleet{} --fleet-id {} {template}", it.region(), shell_word(fleet))
                }
                None => format!(
                    "aws ec2 modify-spot-fleet-request{} --spot-fleet-request-id {} {template}",
                    it.region(),
                    shell_word(it.tag("aws:ec2spot:fleet-request-id", "REQUEST"))
                ),
            }
        },
    },
    Controller {
        name: "Terraform",
        signals: &[
            Tool("managed-by"),
            Tool("terraform"),
            Tool("iac"),
            Name("PREFIX20260101000000000000000001", ends_with_terraform_id),
        ],
        hold: Tells,
        outside_groups: false,
        cure: |_| {
            "the newer image in its configuration, then terraform apply; until then an apply may put the older one back"
                .to_owned()
        },
    },
];

/// `awseb-e-ID-stack`: the stack that Elastic Beanstalk makes for an environment.
const BEANSTALK_STACK: Signal = Signal::StackName("awseb-e-", "-stack");

/// The environment's id, by its tag or the name of its stack.
fn environment_id<'a>(it: &Traces<'a>) -> &'a str {
    let of_stack = super::stack(it.tags).and_then(|stack| stack.strip_prefix("awseb-")?.strip_suffix("-stack"));
    it.tag("elasticbeanstalk:environment-id", of_stack.unwrap_or("ENVIRONMENT"))
}

/// Whether a name begins so and ends with a UUID, with something between them.
fn is_uuid_of(name: &str, beginning: &str) -> bool {
    name.strip_prefix(beginning).is_some_and(ends_with_uuid)
}
