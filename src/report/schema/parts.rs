//! What documents are put together from.

use super::Kind::{self, Count, Either, Exactly, Flag, List, Map, Maybe, Object, Row, Text, Time, Word};
use super::{Member, Part};

const fn part(name: &'static str, kind: Kind) -> Part {
    Part { name, kind }
}

pub(super) const TEXTS: Kind = List(&Text);
pub(super) const TAGS: Kind = Map(&Text);

pub(super) static SITE: Part =
    part("site", Object(&[Member("account", Text, "twelve digits"), Member("region", Text, "for example eu-west-1")]));

pub(super) static SITE_SEEN: Part = part(
    "site-seen",
    Object(&[
        Member("site", Kind::Part(&SITE), "which"),
        Member("name", Text, "the account's name from the configuration, or empty"),
        Member(
            "identity",
            Maybe(&Object(&[Member("account", Text, "the account of the credentials"), Member("arn", Text, "who")])),
            "who asked, if that could be told",
        ),
    ]),
);

pub(super) static TOTALS: Part = part(
    "totals",
    Object(&[
        Member("nodes", Count, "all"),
        Member("need_patching", Count, "those that need patching, exceptions apart"),
        Member("overdue", Count, "those that need it longer than the policy allows"),
        Member("cannot_judge", Count, "those of which nothing can be said, or not whether they are overdue"),
        Member("undated", Count, "of these, those that need patching, and nobody knows since when"),
        Member("set_aside", Count, "those that are excluded, or need patching and an exception holds"),
    ]),
);

pub(super) const LANE: Kind = Word(&["immutable", "mutable", "delegated", "unreachable", "excluded"]);

pub(super) static EVIDENCE: Part = part(
    "evidence",
    Object(&[
        Member("fact", Text, "for people"),
        Member("source", Text, "the call and field that it came from, or the line of the configuration"),
    ]),
);

pub(super) static OWNER: Part = part(
    "owner",
    Object(&[
        Member("name", Text, "for example EKS"),
        Member("signal", Text, "what told"),
        Member("cure", Text, "that owner's own cure, a command or an advice"),
    ]),
);

pub(super) static NEED: Part = part(
    "need",
    Object(&[
        Member("kind", Word(&["non-compliant", "outdated-image", "end-of-life", "drift"]), "which"),
        Member("what", Text, "for people"),
        Member("since", Maybe(&Time), "since when, where that is known"),
        Member("due", Maybe(&Time), "when it becomes overdue, where that is known"),
        Member(
            "undated",
            Flag,
            "whether it may be overdue earlier: of some of it, nobody knows since when it is needed",
        ),
    ]),
);

const BLIND: Kind = Word(&[
    "stopped",
    "unsupported",
    "not-managed",
    "agent-silent",
    "unread",
    "never-scanned",
    "stale",
    "image-unread",
]);

static EXEMPT: Part = part(
    "exception",
    Object(&[
        Member("until", Time, "until then"),
        Member("owner", Text, "who answers for it"),
        Member("why", Text, "why"),
    ]),
);

static SYSTEM: Part = part(
    "system",
    Object(&[
        Member("name", Text, "as the agent tells it"),
        Member("version", Text, "as the agent tells it"),
        Member("inferred", Flag, "whether it was inferred from image and platform"),
    ]),
);

const DAY: Kind = Maybe(&Text);

static SUPPORT: Part = part(
    "support",
    Object(&[
        Member("label", Text, "how people call the operating system"),
        Member("standard", DAY, "the last day of the vendor's standard support"),
        Member("maintenance", DAY, "the last day of free security fixes, where they go on after standard support"),
        Member("extended", DAY, "the last day of the paid extension"),
        Member("entitled", Flag, "whether the owner declares that the extension was paid"),
        Member("patch_manager", Flag, "whether Patch Manager covers it"),
        Member("source", Text, "the date of the built-in table, or the line of the configuration"),
    ]),
);

const IMAGE_STATE: Kind =
    Either(&[Word(&["pending", "available", "deregistered"]), Object(&[Member("unusable", Text, "as AWS says")])]);

const ANCESTORS: Kind = List(&Object(&[
    Member("id", Text, "ami-…"),
    Member("created_at", Maybe(&Time), "when it was made, where that is told"),
    Member("public", Flag, "whether Amazon or a seller of the Marketplace published it"),
]));

static LAUNCHED_FROM: Part = part(
    "launched-from",
    Object(&[
        Member("name", Text, "its name, or empty"),
        Member("recipe", Maybe(&Text), "the recipe that it was built from, by its tags"),
        Member("version", Maybe(&Text), "the version, by its tags"),
        Member("created_at", Maybe(&Time), "when it was made"),
        Member("state", IMAGE_STATE, "its state"),
        Member("deprecated", Flag, "whether it counts as deprecated"),
        Member("launchable", Flag, "whether EC2 launches it again: available, and allowed as far as EC2 tells"),
        Member("parent", Maybe(&Text), "the image it was made from"),
        Member("parent_behind_days", Maybe(&Count), "by how many days that is older than the one its recipe names now"),
        Member("ancestors", ANCESTORS, "what it descends from, nearest first, where EC2 was asked"),
    ]),
);

static PATCH_STATE: Part = part(
    "patch-state",
    Object(&[
        Member("baseline", Text, "the baseline that was used"),
        Member("snapshot", Maybe(&Text), "the snapshot of approved patches"),
        Member("patch_group", Text, "the patch group, or empty"),
        Member("operation", Word(&["scan", "install"]), "what was done"),
        Member("at", Time, "when it ended"),
        Member("installed", Count, "installed patches of the baseline"),
        Member("missing", Count, "approved, applicable, not installed"),
        Member("failed", Count, "attempted and failed"),
        Member("pending_reboot", Count, "installed, waiting for a reboot"),
        Member("rejected", Count, "installed and rejected"),
    ]),
);

/// The members of a node, which stand in an inventory and alone.
macro_rules! node {
    ($($before:expr),*) => {
        &[
            $($before,)*
            Member("id", Text, "i-… or mi-…"),
            Member("site", Kind::Part(&SITE), "where"),
            Member("name", Text, "its name, or empty"),
            Member("kind", Word(&["instance", "on-premises"]), "what it is"),
            Member("lane", LANE, "how it is cured"),
            Member("evidence", List(&Kind::Part(&EVIDENCE)), "why it is in that lane"),
            Member("owner", Maybe(&Kind::Part(&OWNER)), "who owns it or looks after it, if a signal tells"),
            Member("recipe", Maybe(&Text), "the recipe that selects its group"),
            Member("channel", Maybe(&Text), "the channel that selects its group"),
            Member("needs_patching", Flag, "whether it needs patching and no exception holds"),
            Member("overdue", Flag, "whether a need is past its day and no exception holds"),
            Member("undated", Flag, "whether it cannot be told if it is overdue"),
            Member("needs", List(&Kind::Part(&NEED)), "why it needs patching, the most urgent first"),
            Member("blind", Maybe(&BLIND), "why it cannot be told whether it needs patching"),
            Member("exception", Maybe(&Kind::Part(&EXEMPT)), "the exception that holds for it"),
            Member("system", Maybe(&Kind::Part(&SYSTEM)), "its operating system"),
            Member("support", Maybe(&Kind::Part(&SUPPORT)), "what is known of its operating system"),
            Member("image", Maybe(&Text), "the image it was launched from"),
            Member("launched_from", Maybe(&Kind::Part(&LAUNCHED_FROM)), "what is known of that image"),
            Member("group", Maybe(&Text), "the Auto Scaling group that lists it as a member"),
            Member("instance_type", Maybe(&Text), "for example m7i.large"),
            Member("launched_at", Maybe(&Time), "when it was launched or registered"),
            Member("patch_state", Maybe(&Kind::Part(&PATCH_STATE)), "what Patch Manager did last"),
            Member("tags", TAGS, "its tags"),
        ]
    };
}
pub(super) const NODE_ALONE: Kind =
    Object(node!(Member("schema", Exactly("rebake/node"), ""), Member("version", Kind::Version(1), "")));
pub(super) static NODE: Part = part("node", Object(node!()));

pub(super) static FINDING: Part = part(
    "finding",
    Object(&[
        Member(
            "kind",
            Word(&[
                "changed-by-hand",
                "mixed-images",
                "behind-template",
                "unlaunchable",
                "unsafe-setting",
                "stateful",
                "two-patch-groups",
                "unregistered-patch-group",
                "unlike-baselines",
            ]),
            "which",
        ),
        Member("site", Kind::Part(&SITE), "where"),
        Member("subject", Text, "the node, group, patch group or baseline"),
        Member("nodes", TEXTS, "the nodes that it concerns"),
        Member("what", Text, "for people"),
        Member("source", Text, "the call and field that told"),
        Member("cure", Text, "what a person may do about it, a command or an advice"),
    ]),
);

pub(super) static GAP: Part = part(
    "gap",
    Object(&[
        Member("site", Kind::Part(&SITE), "where"),
        Member("fact", Text, "what is missing: patch-states, groups …"),
        Member("resource", Maybe(&Text), "the node, group or image that it concerns, if it is not the whole site"),
        Member("action", Text, "the IAM action of the call that failed"),
        Member("code", Text, "the error code"),
        Member("message", Text, "what AWS said"),
    ]),
);

const VERSION: Kind =
    Either(&[Object(&[Member("number", Count, "a number: can be rolled back to")]), Word(&["latest", "default"])]);

const SOURCE: Kind = Either(&[
    Object(&[Member(
        "template",
        Object(&[Member("id", Text, "lt-…"), Member("version", VERSION, "which version")]),
        "a launch template",
    )]),
    Object(&[Member(
        "mixed",
        Object(&[
            Member("id", Text, "lt-…"),
            Member("version", VERSION, "which version"),
            Member("by_attributes", Flag, "whether instance types are chosen by attributes"),
            Member("overrides_image", Flag, "whether an override names a template or an image of its own"),
            Member("policy", Text, "the whole policy as AWS tells it"),
        ]),
        "a mixed instances policy",
    )]),
    Object(&[Member("configuration", Object(&[Member("name", Text, "its name")]), "a launch configuration")]),
    Word(&["unknown"]),
]);

static REFRESH: Part = part(
    "refresh",
    Object(&[
        Member("id", Text, "its id"),
        Member("status", Either(&[Text, Object(&[Member("other", Text, "one that rebake does not know")])]), "how far"),
        Member("reason", Text, "what AWS says about it"),
        Member("started_at", Maybe(&Time), "when it began"),
        Member("ended_at", Maybe(&Time), "when it ended"),
        Member("percent", Count, "percent of the instances that are replaced and warm"),
        Member("remaining", Count, "instances still to be replaced"),
        Member("desired", Maybe(&Row(&[Text, Text])), "template and version of its desired configuration"),
    ]),
);

pub(super) static GROUP: Part = part(
    "group",
    Object(&[
        Member("name", Text, "its name"),
        Member("site", Kind::Part(&SITE), "where"),
        Member("tags", TAGS, "its own tags"),
        Member("desired", Count, "desired capacity"),
        Member("min", Count, "minimum size"),
        Member("max", Count, "maximum size"),
        Member("source", SOURCE, "what it launches instances from"),
        Member(
            "members",
            List(&Object(&[
                Member("id", Text, "i-…"),
                Member("lifecycle", Text, "InService, Standby …"),
                Member("healthy", Flag, "whether Auto Scaling holds it for healthy"),
                Member("protected", Flag, "whether it is protected from scale-in"),
                Member("template", Maybe(&Row(&[Text, Count])), "the template and version it was launched from"),
            ])),
            "its instances",
        ),
        Member("suspended", TEXTS, "suspended processes"),
        Member("health_checks", TEXTS, "EC2, ELB, VPC_LATTICE, EBS"),
        Member("load_balanced", Flag, "whether a target group or a Classic Load Balancer is attached"),
        Member("grace_seconds", Count, "health check grace period"),
        Member("warmup_seconds", Maybe(&Count), "default instance warm-up, if one is set"),
        Member(
            "hooks",
            List(&Object(&[
                Member("name", Text, "its name"),
                Member("transition", Text, "launching or terminating, as AWS writes it"),
                Member("heartbeat_seconds", Count, "heartbeat timeout"),
            ])),
            "lifecycle hooks",
        ),
        Member("policies", TEXTS, "names of scaling policies"),
        Member("protects_new", Flag, "whether new instances are protected from scale-in"),
        Member("max_lifetime_seconds", Maybe(&Count), "maximum instance lifetime"),
        Member("warm_pool", Flag, "whether it has a warm pool"),
        Member("operator", Maybe(&Text), "the service that operates it, as Operator.Principal names it"),
        Member("capacity_rebalance", Flag, "whether it replaces Spot instances that AWS is about to take back"),
        Member("retains_abandoned", Flag, "whether an instance whose terminating hook was abandoned stays"),
        Member("deletion_protection", Maybe(&Text), "prevent-force-deletion or prevent-all-deletion"),
        Member("zonal_shift", Flag, "whether a zonal shift moves its instances out of a zone"),
        Member("refresh", Maybe(&Kind::Part(&REFRESH)), "the refresh that is active, or else the newest one"),
    ]),
);

pub(super) static IMAGE: Part = part(
    "image",
    Object(&[
        Member("id", Text, "ami-…"),
        Member("site", Kind::Part(&SITE), "where"),
        Member("name", Text, "its name, or empty"),
        Member("owner", Text, "the account that owns it"),
        Member("state", IMAGE_STATE, "its state"),
        Member("created_at", Maybe(&Time), "when it was made"),
        Member("architecture", Text, "x86_64 or arm64"),
        Member("platform", Text, "as EC2 writes it"),
        Member("deprecated_at", Maybe(&Time), "from when on it counts as deprecated"),
        Member("parent", Maybe(&Text), "the image it was made from"),
        Member("allowed", Maybe(&Flag), "whether the account's settings for allowed AMIs let it be launched"),
        Member("ancestors", ANCESTORS, "what it descends from, nearest first, where EC2 was asked"),
        Member("snapshots", TEXTS, "its snapshots"),
        Member("tags", TAGS, "its tags"),
    ]),
);

pub(super) static ROLLOUT_RECORD: Part = part(
    "rollout-record",
    Object(&[
        Member("version", Text, "the version that is rolled out"),
        Member("attempt", Count, "1, and one more with every promote after a failure"),
        Member("started_at", Time, "when the attempt began"),
        Member("outcome", Word(&["rolling", "done", "rolled-back", "failed"]), "how it stands"),
    ]),
);

pub(super) static OUTCOME: Part = part(
    "outcome",
    Either(&[
        Object(&[
            Member("outcome", Exactly("done"), "done, or found done"),
            Member("detail", Text, "for people"),
            Member("left", TEXTS, "nodes that stay as they were"),
        ]),
        Object(&[
            Member("outcome", Exactly("waiting"), "held back: a later pass goes on"),
            Member("why", Text, "by what"),
            Member("until", Maybe(&Time), "until when, if time opens it"),
            Member("person", Flag, "whether a person must act"),
        ]),
        Object(&[Member("outcome", Exactly("skipped"), "not started"), Member("why", Text, "why")]),
        Object(&[Member("outcome", Exactly("locked"), "another run holds the lock"), Member("by", Text, "who")]),
        Object(&[Member("outcome", Exactly("left-running"), "AWS goes on with it"), Member("what", Text, "what")]),
        Object(&[
            Member("outcome", Exactly("failed"), "it failed"),
            Member("why", Text, "what failed, on which resource, why"),
            Member("next", Text, "what to type next"),
            Member("end", Word(&["unchanged", "rolled-back", "left-as-it-is"]), "how things stand"),
        ]),
    ]),
);

pub(super) static VERDICT: Part = part(
    "verdict",
    Either(&[
        Object(&[Member("compliant", Object(&[Member("before", Count, "non-compliant patches before")]), "")]),
        Object(&[Member(
            "non-compliant",
            Object(&[
                Member("before", Count, "non-compliant patches before"),
                Member("after", Count, "after"),
                Member("pending_reboot", Count, "of these, waiting for a reboot"),
            ]),
            "",
        )]),
        Object(&[Member("scanned", Object(&[Member("found", Count, "non-compliant patches")]), "")]),
        Object(&[Member("unknown", Object(&[Member("why", Text, "what Run Command says")]), "")]),
        Object(&[Member("busy", Object(&[Member("who", Text, "who patches it")]), "")]),
    ]),
);

pub(super) static LEFT_OUT: Part = part(
    "left-out",
    Object(&[
        Member("kind", Text, "why it is not in the plan: blocked, delegated, no-ring …"),
        Member("subject", Text, "a group, a node, a recipe, a channel, a ring"),
        Member("site", Maybe(&Kind::Part(&SITE)), "where, if it is in one place"),
        Member("nodes", TEXTS, "the nodes that it concerns"),
        Member("needing", Count, "how many of them keep needs that nothing waits for"),
        Member("reason", Text, "the reason"),
        Member("cure", Text, "what would change it"),
    ]),
);

pub(super) static TASK: Part = part(
    "task",
    Object(&[
        Member("id", Text, "unique in the run"),
        Member("label", Text, "for people"),
        Member("parent", Maybe(&Text), "the task that it is a part of"),
        Member("expected_seconds", Count, "how long it is expected to take"),
        Member("nodes", Count, "how many nodes it concerns"),
    ]),
);
