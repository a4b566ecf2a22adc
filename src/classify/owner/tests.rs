//! Each signal with a realistic node or group, and what looks like one and is none.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::controllers::{CONTROLLERS, Hold};
use super::*;
use crate::model::{GroupSource, LifecycleHook, VersionSpec, sample};

const DOCS: &str = include_str!("../../../docs/seeing.md");
const UUID: &str = "8ec2a1f0-4b1d-9c3e-77aa-0123456789ab";

/// What is asked about.
#[derive(Clone)]
enum Thing {
    Node(Node),
    Group(Box<Group>, Option<Template>),
}

fn node(tags: &[(&str, &str)]) -> Thing {
    Thing::Node(Node { tags: sample::tags(tags), ..sample::node("i-07b2f1e93a5c8de91") })
}

fn group(name: &str, tags: &[(&str, &str)]) -> Thing {
    let source = GroupSource::Template { id: "lt-0f3".into(), version: VersionSpec::Number(14) };
    Thing::Group(Group { tags: sample::tags(tags), source, ..sample::group(name) }.into(), None)
}

impl Thing {
    fn hook(mut self, name: &str, when: &str) -> Self {
        if let Self::Group(group, _) = &mut self {
            let transition = format!("autoscaling:EC2_INSTANCE_{when}");
            group.hooks.push(LifecycleHook { name: name.into(), transition, heartbeat_seconds: 3600 });
        }
        self
    }

    fn policy(mut self, name: &str) -> Self {
        if let Self::Group(group, _) = &mut self {
            group.policies.push(name.to_owned());
        }
        self
    }

    fn operator(mut self, principal: &str) -> Self {
        match &mut self {
            Self::Node(node) => node.operator = Some(principal.into()),
            Self::Group(group, _) => group.operator = Some(principal.to_owned()),
        }
        self
    }

    fn template(mut self, operator: Option<&str>, tags: &[(&str, &str)]) -> Self {
        if let Self::Group(group, template) = &mut self {
            *template = Some(Template {
                id: "lt-0f3".into(),
                name: "web".into(),
                site: group.site.clone(),
                tags: sample::tags(tags),
                latest: 14,
                default: 14,
                operator: operator.map(str::to_owned),
                versions: Vec::new(),
            });
        }
        self
    }

    fn found(&self) -> Option<Found> {
        match self {
            Self::Node(node) => of_node(node),
            Self::Group(group, template) => of_group(group, template.as_ref()),
        }
    }
}

/// A thing, who owns it, by which signal, and the owner's own cure.
type Case = (Thing, &'static str, String, &'static str);

fn cases() -> Vec<Case> {
    let stack_id = "arn:aws:cloudformation:eu-west-1:111111111111:stack/crm/5f8d1c70-2b1e-11f1-9a6e-0a1b2c3d4e5f";
    let mut cases: Vec<Case> = Vec::new();
    let mut add = |thing: Thing, owner, signal: &str, cure| cases.push((thing, owner, signal.to_owned(), cure));

    let by_itself = "ecs.amazonaws.com replaces and patches it by itself";
    let ecs = "Operator.Principal=ecs.amazonaws.com";
    add(node(&[("Name", "orders")]).operator("ecs.amazonaws.com"), "ecs.amazonaws.com", ecs, by_itself);
    add(group("ecs-mi-orders", &[]).operator("ecs.amazonaws.com"), "ecs.amazonaws.com", ecs, by_itself);
    add(group("orders", &[]).template(Some("ecs.amazonaws.com"), &[]), "ecs.amazonaws.com", ecs, by_itself);

    let eks = "aws eks update-nodegroup-version --region eu-west-1 --cluster-name platform --nodegroup-name workers";
    let eks_tags = [
        ("eks:cluster-name", "platform"),
        ("eks:nodegroup-name", "workers"),
        ("k8s.io/cluster-autoscaler/enabled", "true"),
        ("kubernetes.io/cluster/platform", "owned"),
    ];
    let name = format!("eks-workers-{UUID}");
    add(group(&name, &eks_tags), "EKS", "tag eks:nodegroup-name=workers", eks);
    add(node(&eks_tags), "EKS", "tag eks:nodegroup-name=workers", eks);
    let unnamed =
        "aws eks update-nodegroup-version --region eu-west-1 --cluster-name CLUSTER --nodegroup-name NODEGROUP";
    add(group(&name, &[]), "EKS", &format!("name {name}, as eks-NODEGROUP-UUID"), unnamed);

    let pool = [
        ("Name", "default-x7k2p"),
        ("aws:ec2:fleet-id", "fleet-0a1b2c3d-1111-2222-3333-444455556666"),
        ("karpenter.k8s.aws/ec2nodeclass", "default"),
        ("karpenter.sh/nodepool", "general"),
        ("kubernetes.io/cluster/platform", "owned"),
    ];
    let drift = "kubectl edit ec2nodeclass default (amiSelectorTerms: the newer image; drift replaces the nodes)";
    let unclassed = "kubectl edit ec2nodeclass NODECLASS (amiSelectorTerms: the newer image; drift replaces the nodes)";
    add(node(&pool), "Karpenter", "tag karpenter.sh/nodepool=general", drift);
    let claim = [("karpenter.sh/nodeclaim", "general-x7k2p")];
    add(node(&claim), "Karpenter", "tag karpenter.sh/nodeclaim=general-x7k2p", unclassed);
    let old = [("karpenter.sh/provisioner-name", "default")];
    add(node(&old), "Karpenter", "tag karpenter.sh/provisioner-name=default", unclassed);

    let options = "--option-settings Namespace=aws:autoscaling:launchconfiguration,OptionName=ImageId,Value=AMI";
    let by_name = "aws elasticbeanstalk update-environment --region eu-west-1 --environment-name portal-prod --option-settings Namespace=aws:autoscaling:launchconfiguration,OptionName=ImageId,Value=AMI";
    let by_id = "aws elasticbeanstalk update-environment --region eu-west-1 --environment-id e-x3k9m2pq7z --option-settings Namespace=aws:autoscaling:launchconfiguration,OptionName=ImageId,Value=AMI";
    let unknown = "aws elasticbeanstalk update-environment --region eu-west-1 --environment-id ENVIRONMENT --option-settings Namespace=aws:autoscaling:launchconfiguration,OptionName=ImageId,Value=AMI";
    assert!([by_name, by_id, unknown].iter().all(|cure| cure.ends_with(options)));
    let environment = [
        ("aws:cloudformation:logical-id", "AWSEBAutoScalingGroup"),
        ("aws:cloudformation:stack-name", "awseb-e-x3k9m2pq7z-stack"),
        ("elasticbeanstalk:environment-id", "e-x3k9m2pq7z"),
        ("elasticbeanstalk:environment-name", "portal-prod"),
    ];
    let told = "tag elasticbeanstalk:environment-id=e-x3k9m2pq7z";
    add(group("awseb-e-x3k9m2pq7z-stack-AWSEBAutoScalingGroup-1A2B", &environment), "Elastic Beanstalk", told, by_name);
    let told = "tag elasticbeanstalk:environment-name=portal-prod";
    add(node(&[("elasticbeanstalk:environment-name", "portal-prod")]), "Elastic Beanstalk", told, by_name);
    let logical = [("aws:cloudformation:logical-id", "AWSEBAutoScalingGroup")];
    let told = "tag aws:cloudformation:logical-id=AWSEBAutoScalingGroup";
    add(group("portal", &logical), "Elastic Beanstalk", told, unknown);
    let stack = [("aws:cloudformation:stack-name", "awseb-e-x3k9m2pq7z-stack")];
    add(node(&stack), "Elastic Beanstalk", "stack awseb-e-x3k9m2pq7z-stack", by_id);

    let batch = "aws batch update-compute-environment --region eu-west-1 --compute-environment render --compute-resources 'ec2Configuration=[{imageType=ECS_AL2023,imageIdOverride=AMI}]'";
    let of_any = "aws batch update-compute-environment --region eu-west-1 --compute-environment ENVIRONMENT --compute-resources 'ec2Configuration=[{imageType=ECS_AL2023,imageIdOverride=AMI}]'";
    add(node(&[("AWSBatchServiceTag", "batch")]), "AWS Batch", "tag AWSBatchServiceTag=batch", of_any);
    let name = format!("AWSBatch-render-asg-{UUID}");
    add(group(&name, &[]), "AWS Batch", &format!("name {name}, as AWSBatch-ENVIRONMENT-asg-UUID"), batch);

    let emr =
        "a new cluster in place of j-2AXXXXXXGAPLF: aws emr create-cluster --region eu-west-1 --custom-ami-id AMI …";
    let of_any = "a new cluster in place of CLUSTER: aws emr create-cluster --region eu-west-1 --custom-ami-id AMI …";
    let flow =
        [("aws:elasticmapreduce:instance-group-role", "CORE"), ("aws:elasticmapreduce:job-flow-id", "j-2AXXXXXXGAPLF")];
    add(node(&flow), "EMR", "tag aws:elasticmapreduce:job-flow-id=j-2AXXXXXXGAPLF", emr);
    add(node(&flow[..1]), "EMR", "tag aws:elasticmapreduce:instance-group-role=CORE", of_any);

    let ended = "OpsWorks has ended: take its tags off, and a [[ring]] or a group can have the instance";
    add(node(&[("opsworks:stack", "Shop")]), "OpsWorks", "tag opsworks:stack=Shop", ended);
    add(node(&[("opsworks:instance", "php-app1")]), "OpsWorks", "tag opsworks:instance=php-app1", ended);
    add(node(&[("opsworks:layer:php-app", "PHP")]), "OpsWorks", "tag opsworks:layer:php-app=PHP", ended);

    let first = "aws ecs update-capacity-provider --region eu-west-1 --name PROVIDER --auto-scaling-group-provider managedDraining=ENABLED, before its group is refreshed";
    let refresh = "aws autoscaling start-instance-refresh --region eu-west-1 --auto-scaling-group-name ecs-orders --preferences ScaleInProtectedInstances=Refresh";
    add(group("ecs-orders", &[("AmazonECSManaged", "")]), "ECS", "tag AmazonECSManaged", first);
    add(group("ecs-orders", &[("AmazonECSManaged", "true")]), "ECS", "tag AmazonECSManaged=true", first);
    let policy = format!("ECSManagedAutoScalingPolicy-{UUID}");
    add(group("ecs-orders", &[]).policy(&policy), "ECS", &format!("scaling policy {policy}"), first);
    let drained = group("ecs-orders", &[]).hook("ecs-managed-draining-termination-hook", "TERMINATING");
    add(drained, "ECS", "lifecycle hook ecs-managed-draining-termination-hook", refresh);

    let kops = "kops rolling-update cluster --name k8s.example.com --instance-group nodes-eu-west-1a --yes";
    let of_any = "kops rolling-update cluster --name k8s.example.com --instance-group GROUP --yes";
    let of_none = "kops rolling-update cluster --name CLUSTER --instance-group GROUP --yes";
    let kops_tags = [
        ("KubernetesCluster", "k8s.example.com"),
        ("k8s.io/role/node", "1"),
        ("kops.k8s.io/instancegroup", "nodes-eu-west-1a"),
        ("kubernetes.io/cluster/k8s.example.com", "owned"),
    ];
    let told = "tag kops.k8s.io/instancegroup=nodes-eu-west-1a";
    add(group("nodes-eu-west-1a.k8s.example.com", &kops_tags), "kops", told, kops);
    add(node(&kops_tags[..1]), "kops", "tag KubernetesCluster=k8s.example.com", of_any);
    add(node(&[("k8s.io/role/master", "1")]), "kops", "tag k8s.io/role/master=1", of_none);

    let capa = "kubectl edit machinedeployment NAME (infrastructureRef: an AWSMachineTemplate with the newer image)";
    let cluster = [("sigs.k8s.io/cluster-api-provider-aws/cluster/prod", "owned")];
    add(node(&cluster), "Cluster API", "tag sigs.k8s.io/cluster-api-provider-aws/cluster/prod=owned", capa);
    let role = [("sigs.k8s.io/cluster-api-provider-aws/role", "node")];
    add(node(&role), "Cluster API", "tag sigs.k8s.io/cluster-api-provider-aws/role=node", capa);

    let hook = "aws autoscaling put-lifecycle-hook --region eu-west-1 --auto-scaling-group-name k8s-workers --lifecycle-hook-name drain --lifecycle-transition autoscaling:EC2_INSTANCE_TERMINATING, answered by the aws-node-termination-handler";
    let by_hand = "kubectl drain NODE --ignore-daemonsets, before it is patched or replaced";
    let owned = [("kubernetes.io/cluster/prod", "owned")];
    add(group("k8s-workers", &owned), "Kubernetes", "tag kubernetes.io/cluster/prod=owned", hook);
    let scaled = [("k8s.io/cluster-autoscaler/enabled", "")];
    add(group("k8s-workers", &scaled), "Kubernetes", "tag k8s.io/cluster-autoscaler/enabled", hook);
    add(node(&owned), "Kubernetes", "tag kubernetes.io/cluster/prod=owned", by_hand);
    let drained = group("k8s-workers", &owned).hook("drain", "TERMINATING");
    let refreshed = "a hook drains its nodes before they go: rebake refreshes it";
    add(drained, "Kubernetes", "tag kubernetes.io/cluster/prod=owned", refreshed);

    let spin = "spin pipeline execute --application shop --name PIPELINE, with the newer image";
    let of_any = "spin pipeline execute --application APPLICATION --name PIPELINE, with the newer image";
    let spinnaker = [("spinnaker:application", "shop"), ("spinnaker:stack", "prod")];
    add(group("shop-prod-v014", &spinnaker), "Spinnaker", "tag spinnaker:application=shop", spin);
    add(group("shop-prod-v014", &spinnaker[1..]), "Spinnaker", "tag spinnaker:stack=prod", spin);
    add(node(&[("spinnaker:details", "blue")]), "Spinnaker", "tag spinnaker:details=blue", of_any);
    let told = "name shop-prod-blue-v014, as APPLICATION-STACK-DETAIL-v000";
    add(group("shop-prod-blue-v014", &[]), "Spinnaker", told, spin);

    let deploy = "its hook puts the last good revision on new instances; none may be under way: aws deploy list-deployments --region eu-west-1 --application-name APPLICATION --deployment-group-name shop-prod --include-only-statuses InProgress";
    let of_any = "its hook puts the last good revision on new instances; none may be under way: aws deploy list-deployments --region eu-west-1 --application-name APPLICATION --deployment-group-name GROUP --include-only-statuses InProgress";
    let name = "CodeDeploy_shop-prod_d-4W7NXKXQH";
    let told = "name CodeDeploy_shop-prod_d-4W7NXKXQH, as CodeDeploy_DEPLOYMENT-GROUP_d-ID";
    add(group(name, &[]), "CodeDeploy", told, deploy);
    let hook = format!("CodeDeploy-managed-automatic-launch-deployment-hook-shop-prod-{UUID}");
    add(group("shop", &[]).hook(&hook, "LAUNCHING"), "CodeDeploy", &format!("lifecycle hook {hook}"), of_any);

    let update = "aws cloudformation update-stack --region eu-west-1 --stack-name crm --use-previous-template --parameters ParameterKey=IMAGE,ParameterValue=AMI";
    let of_any = "aws cloudformation update-stack --region eu-west-1 --stack-name STACK --use-previous-template --parameters ParameterKey=IMAGE,ParameterValue=AMI";
    let stack = [
        ("aws:cloudformation:logical-id", "CrmGroup"),
        ("aws:cloudformation:stack-id", stack_id),
        ("aws:cloudformation:stack-name", "crm"),
    ];
    let told = "tag aws:cloudformation:stack-name=crm";
    add(group("crm-CrmGroup-1A2B", &stack), "CloudFormation", told, update);
    add(node(&stack), "CloudFormation", told, update);
    let told = format!("tag aws:cloudformation:stack-id={stack_id}");
    add(node(&stack[..2]), "CloudFormation", &told, of_any);
    add(node(&stack[..1]), "CloudFormation", "tag aws:cloudformation:logical-id=CrmGroup", of_any);
    let told = "tag aws:cloudformation:stack-name=crm of its template";
    add(group("crm", &[]).template(None, &stack), "CloudFormation", told, update);

    let fleet = "aws ec2 modify-fleet --region eu-west-1 --fleet-id fleet-0a1b2c3d --launch-template-configs 'LaunchTemplateSpecification={LaunchTemplateId=TEMPLATE,Version=VERSION}'";
    let spot = "aws ec2 modify-spot-fleet-request --region eu-west-1 --spot-fleet-request-id sfr-0a1b2c3d --launch-template-configs 'LaunchTemplateSpecification={LaunchTemplateId=TEMPLATE,Version=VERSION}'";
    add(node(&[("aws:ec2:fleet-id", "fleet-0a1b2c3d")]), "EC2 Fleet", "tag aws:ec2:fleet-id=fleet-0a1b2c3d", fleet);
    let request = [("aws:ec2spot:fleet-request-id", "sfr-0a1b2c3d")];
    add(node(&request), "EC2 Fleet", "tag aws:ec2spot:fleet-request-id=sfr-0a1b2c3d", spot);

    let terraform =
        "the newer image in its configuration, then terraform apply; until then an apply may put the older one back";
    for (key, value) in [
        ("ManagedBy", "Terraform"),
        ("managed-by", "terraform/prod"),
        ("managed_by", "OpenTofu"),
        ("IaC", "terraform"),
        ("terraform", "true"),
        ("Terraform", "modules/web"),
    ] {
        add(group("web-prod", &[(key, value)]), "Terraform", &format!("tag {key}={value}"), terraform);
    }
    for name in ["terraform-20260914093012483500000001", "web-20260914093012483500000a2f"] {
        add(group(name, &[]), "Terraform", &format!("name {name}, as PREFIX20260101000000000000000001"), terraform);
    }
    cases
}

#[test]
fn every_signal_tells_its_owner_and_the_owners_own_cure() {
    for (thing, owner, signal, cure) in cases() {
        let found = thing.found().unwrap_or_else(|| panic!("{owner}: nobody is found by {signal}"));
        let Found { owner: told, .. } = &found;
        assert_eq!((told.name.as_str(), told.signal.as_str()), (owner, signal.as_str()));
        assert_eq!(told.cure, cure, "{signal}");
    }
}

/// The signals that cases hold, as the documents write them.
fn tried() -> BTreeSet<String> {
    let mut tried = BTreeSet::new();
    for (thing, ..) in cases() {
        let told = match &thing {
            Thing::Node(node) => told_by(&traces_of_node(node)),
            Thing::Group(group, template) => told_by(&traces_of_group(group, template.as_ref())),
        };
        tried.extend(told.map(|(_, signal, _)| signal.told()));
    }
    tried
}

fn all() -> Vec<String> {
    CONTROLLERS.iter().flat_map(|controller| controller.signals.iter().map(Signal::told)).collect()
}

#[test]
fn no_signal_is_untried() {
    let all: BTreeSet<String> = all().into_iter().collect();
    assert_eq!(all.difference(&tried()).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn what_only_looks_like_a_signal_is_none() {
    let misses = vec![
        // Near the tags.
        node(&[("eks:cluster-name", "platform")]),
        node(&[("EKS:NodeGroup-Name", "workers"), ("eks-nodegroup-name", "workers")]),
        node(&[("karpenter.sh/discovery", "platform")]),
        node(&[("elasticbeanstalk", "portal"), ("aws:cloudfront:id", "AWSEBAutoScalingGroup")]),
        node(&[("AWSBatchServiceTag", "nightly")]),
        node(&[("aws:elasticmapreduce:editor-id", "e-1"), ("elasticmapreduce", "j-1")]),
        node(&[("opsworks:layer:", "PHP"), ("opsworks", "Shop")]),
        node(&[("amazonecsmanaged", "true"), ("ECSManaged", "true")]),
        node(&[("kubernetesCluster", "prod"), ("k8s.io/role/", "1"), ("k8s.io/etcd/main", "a")]),
        node(&[("kubernetes.io/cluster/", "owned"), ("kubernetes.io/role/elb", "1")]),
        node(&[("k8s.io/cluster-autoscaler/node-template/label/x", "y")]),
        node(&[("sigs.k8s.io/cluster-api-provider-aws/association", "x")]),
        node(&[("spinnaker", "shop")]),
        node(&[("stack", "crm"), ("cloudformation:stack-name", "crm")]),
        node(&[("fleet-id", "fleet-0a1b2c3d")]),
        node(&[("managed-by", "puppet"), ("manager", "terraform"), ("iac", "pulumi"), ("terraform", "false")]),
        node(&[("Name", "eks-workers"), ("app", "terraform-enterprise"), ("role", "spinnaker")]),
        // Near the names.
        group("eks-workers", &[]),
        group("eks-workers-2026", &[]),
        group(&format!("eks-{UUID}"), &[]),
        group("eks-workers-8ec2a1f0-4b1d-9c3e-77aa-0123456789zz", &[]),
        group("AWSBatch-reports", &[]),
        group(&format!("AWSBatch-render-{UUID}"), &[]),
        group("MyAWSBatch-asg-1", &[]),
        group("shop-prod-v14", &[]),
        group("shop-prod-v0140", &[]),
        group("shop-prod-v01a", &[]),
        group("-v014", &[]),
        group("CodeDeploy-shop", &[]),
        group("my-CodeDeploy_shop_d-1", &[]),
        group("terraform-web", &[]),
        group("web-20260914", &[]),
        group("20260914093012483500000001", &[]),
        // Near the hooks and policies.
        group("orders", &[]).policy("ECSManagedScaling").policy("my-ECSManagedAutoScalingPolicy-1"),
        group("orders", &[]).hook("ecs-draining-hook", "TERMINATING"),
        group("orders", &[]).hook("CodeDeploy-hook", "LAUNCHING"),
        // Instances of groups carry a fleet's id: the group is what counts.
        group("web-prod", &[("aws:ec2:fleet-id", "fleet-0a1b2c3d")]),
        group("web-prod", &[]).template(None, &[("aws:ec2launchtemplate:id", "lt-0f3")]),
        node(&[]),
    ];
    for thing in misses {
        let found = thing.found();
        let Thing::Node(_) = &thing else {
            let Thing::Group(group, _) = &thing else { continue };
            assert_eq!(found, None, "{}", group.name);
            continue;
        };
        assert_eq!(found, None);
    }
}

#[test]
fn the_most_specific_signal_wins() {
    let all = [
        ("AmazonECSManaged", "true"),
        ("aws:cloudformation:stack-name", "platform"),
        ("eks:nodegroup-name", "workers"),
        ("kubernetes.io/cluster/platform", "owned"),
        ("managed-by", "terraform"),
    ];
    let order = ["EKS", "ECS", "Kubernetes", "CloudFormation", "Terraform"];
    let dropped =
        ["eks:nodegroup-name", "AmazonECSManaged", "kubernetes.io/cluster/platform", "aws:cloudformation:stack-name"];
    let mut left: Vec<(&str, &str)> = all.to_vec();
    for (owner, gone) in order.iter().zip(dropped.iter().map(Some).chain([None])) {
        assert_eq!(group("web", &left).found().unwrap().owner.name, *owner);
        left.retain(|(key, _)| Some(key) != gone);
    }
    let operated = group("web", &all).operator("eks.amazonaws.com").found().unwrap();
    assert_eq!(operated.owner.name, "eks.amazonaws.com");
}

#[test]
fn tools_are_told_and_leave_the_lane_as_it_is() {
    let stack = [("aws:cloudformation:stack-name", "crm")];
    let cluster = [("kubernetes.io/cluster/prod", "owned")];
    for (thing, delegates) in [
        (group("crm", &stack), false),
        (group("CodeDeploy_shop_d-1", &[]), false),
        (group("web", &[("managed-by", "terraform")]), false),
        (group("k8s", &cluster).hook("drain", "TERMINATING"), false),
        (group("k8s", &cluster).hook("warm", "LAUNCHING"), true),
        (group("shop-v001", &[]), true),
        (node(&cluster), true),
    ] {
        let found = thing.found().unwrap();
        assert_eq!(found.delegates, delegates, "{found:?}");
    }
}

#[test]
fn what_others_wrote_cannot_leave_its_place_in_a_command() {
    let tags = [("eks:cluster-name", "x; reboot"), ("eks:nodegroup-name", "a'$(id)'")];
    let cure = node(&tags).found().unwrap().owner.cure.clone();
    let quoted = r"--cluster-name 'x; reboot' --nodegroup-name 'a'\''$(id)'\'''";
    assert!(cure.ends_with(quoted), "{cure}");
}

/// With `UPDATE_DOCS` set while it is compiled, the test writes the table instead of comparing it.
#[test]
fn the_documents_list_every_signal() {
    let mut table = "\n| owner | what gives it away | lane |\n|---|---|---|\n".to_owned();
    for controller in CONTROLLERS {
        let name = if controller.name.is_empty() { "the service that operates it" } else { controller.name };
        let signals: Vec<String> = controller.signals.iter().map(Signal::told).collect();
        let lane = match controller.hold {
            Hold::Delegates if controller.outside_groups => "delegated; outside of groups only",
            Hold::Delegates => "delegated",
            Hold::UnlessDrained => "delegated, unless a terminating hook drains",
            Hold::Tells => "as without it; told",
        };
        _ = writeln!(table, "| {name} | {} | {lane} |", signals.join(", "));
    }
    let (signals, owners) = (all().len(), CONTROLLERS.len());
    _ = write!(
        table,
        "\n{signals} signals of {owners} kinds of owners, each tried with a realistic node or group.\n\n"
    );
    let begin = DOCS.find("<!-- owners").unwrap();
    let from = begin + DOCS[begin..].find('\n').unwrap() + 1;
    let to = from + DOCS[from..].find("<!-- end of owners -->").unwrap();
    let mut text = DOCS.to_owned();
    text.replace_range(from..to, &table);
    if option_env!("UPDATE_DOCS").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/seeing.md"), &text).unwrap();
    }
    assert!(text == DOCS, "docs/seeing.md is older than the signals: UPDATE_DOCS=1 cargo test --lib classify::owner");
}
