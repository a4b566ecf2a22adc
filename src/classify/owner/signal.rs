//! How a signal is read from what is known of a node or a group.

use crate::model::{Group, Site, Tags, Template};

/// What the signals of owners are read from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Traces<'a> {
    /// Its tags.
    pub(super) tags: &'a Tags,
    /// The node's id or the group's name.
    pub(super) id: &'a str,
    /// Where.
    pub(super) site: &'a Site,
    /// The group, if it is one.
    pub(super) group: Option<&'a Group>,
    /// The template that the group launches from.
    pub(super) template: Option<&'a Template>,
    /// `Operator.Principal` of the node or the group.
    pub(super) operator: Option<&'a str>,
}

impl<'a> Traces<'a> {
    /// Whether any of its tags may be a signal at all: most nodes have none, and are passed over by this alone.
    pub(super) fn marked(&self) -> bool {
        self.tags.keys().chain(self.template.into_iter().flat_map(|template| template.tags.keys())).any(marks)
    }

    /// The option of the AWS CLI that names its region, after a space; empty where that is not known.
    pub(super) fn region(&self) -> String {
        self.site.region_option()
    }

    /// The value of a tag, or a placeholder for a command.
    pub(super) fn tag(&self, key: &str, placeholder: &'a str) -> &'a str {
        self.tags.get(key).unwrap_or(placeholder)
    }

    /// The service that operates it.
    pub(super) fn operates(&self) -> Option<&'a str> {
        self.operator.or_else(|| self.template?.operator.as_deref())
    }

    /// Whether a hook lets somebody drain an instance before it goes.
    pub(super) fn drains(&self) -> bool {
        self.group
            .is_some_and(|group| group.hooks.iter().any(|hook| hook.transition.ends_with("EC2_INSTANCE_TERMINATING")))
    }
}

/// How the keys of tags begin that are signals, tools apart.
const BEGINNINGS: [&str; 11] = [
    "AWSBatchServiceTag",
    "AmazonECSManaged",
    "KubernetesCluster",
    "aws:",
    "eks:",
    "elasticbeanstalk:",
    "karpenter.sh/",
    "kops.k8s.io/",
    "opsworks:",
    "sigs.k8s.io/",
    "spinnaker:",
];

fn marks(key: &str) -> bool {
    key.contains("k8s.io/")
        || key.starts_with("kubernetes.io/")
        || BEGINNINGS.iter().any(|beginning| key.starts_with(beginning))
        || TOOL_KEYS.iter().any(|tool| same(key, tool))
}

/// The keys of tags by which people say that a tool looks after something.
const TOOL_KEYS: [&str; 3] = ["managed-by", "terraform", "iac"];

/// Whether a key is a word, in any case of letters and with any mark between its parts, or none.
fn same(key: &str, word: &str) -> bool {
    let plain = |text: &str| -> Vec<u8> {
        text.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase()).collect()
    };
    (key.len() <= word.len() && key.len() + 1 >= word.len()) && plain(key) == plain(word)
}

/// What gives a controller away.
#[derive(Debug, Clone, Copy)]
pub(super) enum Signal {
    /// EC2's or Auto Scaling's own word: `Operator` of an instance, a group or a template.
    Operator(Operated),
    /// A tag with this key.
    Tag(&'static str),
    /// A tag with this key and value.
    Is(&'static str, &'static str),
    /// A tag whose key begins so, and goes on.
    Tags(&'static str),
    /// The tag of a CloudFormation stack whose name begins and ends so.
    StackName(&'static str, &'static str),
    /// A tag of the group's template with this key.
    TemplateTag(&'static str),
    /// A tag with this key in people's own spelling, whose value speaks of Terraform or is a yes.
    Tool(&'static str),
    /// A group's name, as a pattern for people and as what decides.
    Name(&'static str, fn(&str) -> bool),
    /// A lifecycle hook whose name begins so.
    Hook(&'static str),
    /// A scaling policy whose name begins so.
    Policy(&'static str),
}

/// What an `Operator` stands at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operated {
    Instance,
    Group,
    Template,
}

impl Signal {
    /// Whether it is read from tags.
    pub(super) fn is_tag(&self) -> bool {
        !matches!(self, Self::Operator(_) | Self::Name(..) | Self::Hook(_) | Self::Policy(_))
    }

    /// The signal as it was found, for people.
    pub(super) fn read(&self, traces: &Traces<'_>) -> Option<String> {
        let of_tag = |(key, value): (&str, &str)| {
            if value.is_empty() { format!("tag {key}") } else { format!("tag {key}={value}") }
        };
        match *self {
            Self::Operator(operated) => {
                let principal = match operated {
                    Operated::Instance => traces.operator.filter(|_| traces.group.is_none()),
                    Operated::Group => traces.operator.filter(|_| traces.group.is_some()),
                    Operated::Template => traces.template?.operator.as_deref(),
                };
                principal.map(|principal| format!("Operator.Principal={principal}"))
            }
            Self::Tag(key) => traces.tags.get_key_value(key).map(of_tag),
            Self::Is(key, value) => traces.tags.get_key_value(key).filter(|(_, told)| *told == value).map(of_tag),
            Self::Tags(prefix) => {
                let goes_on = |key: &str| key.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty());
                traces.tags.iter().find(|(key, _)| goes_on(key)).map(of_tag)
            }
            Self::StackName(beginning, end) => {
                let stack = super::stack(traces.tags)?;
                let id = stack.strip_prefix(beginning)?.strip_suffix(end)?;
                (!id.is_empty()).then(|| format!("stack {stack}"))
            }
            Self::TemplateTag(key) => {
                let told = traces.template?.tags.get_key_value(key).map(of_tag);
                told.map(|told| format!("{told} of its template"))
            }
            Self::Tool(word) => {
                let is_it = |(key, value): &(&str, &str)| same(key, word) && speaks_of_tool(word, value);
                traces.tags.iter().find(is_it).map(of_tag)
            }
            Self::Name(pattern, fits) => {
                let named = traces.group.filter(|group| fits(&group.name));
                named.map(|group| format!("name {}, as {pattern}", group.name))
            }
            Self::Hook(beginning) => {
                let hook = traces.group?.hooks.iter().find(|hook| hook.name.starts_with(beginning));
                hook.map(|hook| format!("lifecycle hook {}", hook.name))
            }
            Self::Policy(beginning) => {
                let policy = traces.group?.policies.iter().find(|name| name.starts_with(beginning));
                policy.map(|name| format!("scaling policy {name}"))
            }
        }
    }

    /// The call and field that it is read from.
    pub(super) fn source(&self, traces: &Traces<'_>) -> &'static str {
        match self {
            Self::Operator(Operated::Instance) => "ec2 DescribeInstances Operator",
            Self::Operator(Operated::Group) => "autoscaling DescribeAutoScalingGroups Operator",
            Self::Operator(Operated::Template) => "ec2 DescribeLaunchTemplates Operator",
            Self::TemplateTag(_) => "ec2 DescribeLaunchTemplates Tags",
            Self::Tag(_) | Self::Is(..) | Self::Tags(_) | Self::StackName(..) | Self::Tool(_) => match traces.group {
                Some(_) => "autoscaling DescribeAutoScalingGroups Tags",
                None if traces.id.starts_with("mi-") => "ssm ListTagsForResource",
                None => "ec2 DescribeInstances Tags",
            },
            Self::Name(..) => "autoscaling DescribeAutoScalingGroups AutoScalingGroupName",
            Self::Hook(_) => "autoscaling DescribeLifecycleHooks",
            Self::Policy(_) => "autoscaling DescribePolicies",
        }
    }

    /// The signal in words, for the documents.
    #[cfg(test)]
    pub(super) fn told(&self) -> String {
        match self {
            Self::Operator(Operated::Instance) => "`Operator` of the instance".to_owned(),
            Self::Operator(Operated::Group) => "`Operator` of the group".to_owned(),
            Self::Operator(Operated::Template) => "`Operator` of the launch template".to_owned(),
            Self::Tag(key) => format!("tag `{key}`"),
            Self::Is(key, value) => format!("tag `{key}={value}`"),
            Self::Tags(prefix) => format!("tag `{prefix}…`"),
            Self::StackName(beginning, end) => format!("stack name `{beginning}…{end}`"),
            Self::TemplateTag(key) => format!("tag `{key}` of the launch template"),
            Self::Tool(word) => format!("tag `{word}` in any spelling"),
            Self::Name(pattern, _) => format!("group name `{pattern}`"),
            Self::Hook(beginning) => format!("hook `{beginning}…`"),
            Self::Policy(beginning) => format!("scaling policy `{beginning}…`"),
        }
    }
}

/// Whether the value of a tag says that Terraform or OpenTofu looks after it; a key that names the tool may say yes.
fn speaks_of_tool(word: &str, value: &str) -> bool {
    let value = value.to_ascii_lowercase();
    let named = ["terraform", "opentofu", "tofu"].iter().any(|tool| value.contains(tool));
    let denied = value.split(|c: char| !c.is_alphanumeric()).any(|word| matches!(word, "not" | "no" | "without"));
    (named && !denied) || (word == "terraform" && !matches!(value.as_str(), "false" | "no" | "0" | "none"))
}

/// Whether a text ends with `-` and a UUID.
pub(super) fn ends_with_uuid(text: &str) -> bool {
    let parts: Vec<&str> = text.rsplitn(6, '-').collect();
    let of = |part: &str, length: usize| part.len() == length && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    match parts.as_slice() {
        [last, inner @ .., first, before] => {
            !before.is_empty()
                && of(first, 8)
                && inner.len() == 3
                && inner.iter().all(|part| of(part, 4))
                && of(last, 12)
        }
        _ => false,
    }
}

/// Whether a text ends with `-v` and three digits.
pub(super) fn ends_with_release(text: &str) -> bool {
    let release = text.rsplit_once("-v").filter(|(before, _)| !before.is_empty());
    release.is_some_and(|(_, number)| number.len() == 3 && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether a name ends as Terraform makes it unique behind a prefix: 18 digits of a moment, 8 of a hexadecimal counter.
pub(super) fn ends_with_terraform_id(text: &str) -> bool {
    let Some((before, id)) = text.len().checked_sub(26).and_then(|at| text.split_at_checked(at)) else { return false };
    let Some((moment, counter)) = id.split_at_checked(18) else { return false };
    !before.is_empty()
        && moment.starts_with("20")
        && moment.bytes().all(|byte| byte.is_ascii_digit())
        && counter.bytes().all(|byte| byte.is_ascii_hexdigit())
}
