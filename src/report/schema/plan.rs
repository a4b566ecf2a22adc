//! The plan's file.

use super::Kind::{self, Count, Either, Exactly, Flag, Integer, List, Maybe, Object, Row, Text, Time, Version, Word};
use super::parts::{LEFT_OUT, SITE, SITE_SEEN, TAGS, TEXTS};
use super::{Member, Part};

const SHARE: Kind =
    Either(&[Object(&[Member("count", Count, "so many")]), Object(&[Member("percent", Count, "so many percent")])]);

static COMPONENT: Part = Part {
    name: "component",
    kind: Either(&[
        Object(&[Member("managed", Object(&[Member("arn", Text, "with name, version and build")]), "Amazon's")]),
        Object(&[Member(
            "own",
            Object(&[
                Member("name", Text, "its name in Image Builder"),
                Member("version", Text, "its semantic version"),
                Member("document", Text, "the document"),
            ]),
            "the recipe's",
        )]),
    ]),
};

static SCHEDULE: Part = Part {
    name: "schedule",
    kind: Object(&[
        Member("days", Count, "days of the week as bits, Monday the lowest"),
        Member("from", Text, "an hour: 02:00"),
        Member("to", Text, "an hour: 05:00"),
        Member("tz", Text, "the time zone"),
        Member("dates", Maybe(&Row(&[Text, Text])), "the first and the last day, if it is bound to dates"),
    ]),
};

static GATE: Part = Part {
    name: "gate",
    kind: Either(&[
        Object(&[Member(
            "soak",
            Object(&[
                Member("channel", Text, "the other channel of the same recipe"),
                Member("seconds", Count, "for how long"),
            ]),
            "the image must have been in another channel for a while",
        )]),
        Word(&["approval"]),
        Object(&[Member(
            "window",
            Either(&[Word(&["any"]), Object(&[Member("weekly", Kind::Part(&SCHEDULE), "in these hours")])]),
            "a window must be open",
        )]),
        Object(&[Member(
            "freeze",
            Object(&[
                Member("schedule", Kind::Part(&SCHEDULE), "when"),
                Member("selector", Text, "which nodes and groups"),
                Member("why", Maybe(&Text), "why, for people"),
            ]),
            "no freeze may be in force",
        )]),
        Object(&[Member(
            "after",
            Object(&[Member("ring", Text, "the other ring"), Member("seconds", Count, "for how long")]),
            "another ring must have been patched for a while",
        )]),
    ]),
};

static APPLICATION: Part = Part {
    name: "application",
    kind: Object(&[
        Member("name", Text, "the value of the application's tag"),
        Member("most_out", Count, "so many of its nodes may be out of service at the same time"),
    ]),
};

const BAKE: Kind = Object(&[
    Member("recipe", Text, "the recipe"),
    Member("from", Maybe(&Text), "the newest version there is"),
    Member("version", Text, "the version to build"),
    Member("digest", Text, "hash over everything that goes into it"),
    Member("trigger", Text, "what makes it due beside the digest, or empty"),
    Member("reasons", TEXTS, "why it is built, for people"),
    Member("site", Kind::Part(&SITE), "where it is built"),
    Member("parent", Text, "the literal parent AMI"),
    Member("parent_name", Text, "the parent's name, for people"),
    Member("platform", Text, "Linux or Windows"),
    Member("components", List(&Kind::Part(&COMPONENT)), "build components, in order"),
    Member("tests", List(&Kind::Part(&COMPONENT)), "test components, in order"),
    Member("instance_types", TEXTS, "instance types to try"),
    Member("instance_profile", Text, "the instance profile of the build instance"),
    Member("subnet", Maybe(&Text), "the subnet, if one is named"),
    Member("security_groups", TEXTS, "security groups, with the subnet"),
    Member(
        "root_volume",
        Maybe(&Object(&[Member("device", Text, "as the parent has it"), Member("gib", Count, "its size")])),
        "the root volume, if it is to differ from the parent's",
    ),
    Member("kms_key", Maybe(&Text), "the KMS key of the copies, if one is named"),
    Member("imds_required", Flag, "whether IMDSv2 is required"),
    Member("regions", TEXTS, "regions that get the image"),
    Member("share_with", TEXTS, "accounts that may launch it"),
    Member("tags", TAGS, "people's own tags for the image"),
    Member("expected_seconds", Count, "how long it is expected to take"),
]);

static GROUP_ROLLOUT: Part = Part {
    name: "group-rollout",
    kind: Object(&[
        Member("site", Kind::Part(&SITE), "where"),
        Member("group", Text, "its name"),
        Member("nodes", Count, "how many instances it has"),
        Member("template", Text, "the launch template"),
        Member("from_version", Count, "the version that it runs and a rollback returns to"),
        Member("from_image", Text, "the image of that version"),
        Member("no_rollback", Maybe(&Text), "why a rollback is not possible"),
        Member("min_healthy", Count, "percent of the capacity that stays healthy"),
        Member("max_healthy", Count, "percent of the capacity that may run at once"),
        Member("canary_percent", Maybe(&Count), "the checkpoint of the canary"),
        Member("warmup_seconds", Maybe(&Count), "instance warm-up, if the group sets none"),
        Member("mixed", Flag, "whether it has a mixed instances policy"),
        Member("pin", Flag, "whether $Latest or $Default is pinned to the number first"),
        Member("owner", Maybe(&Text), "the tool that owns the template, if it is refreshed all the same"),
        Member("left_behind", TEXTS, "instances that will stay on the old image"),
        Member("application", Maybe(&Kind::Part(&APPLICATION)), "its application"),
        Member("expected_seconds", Count, "how long it is expected to take"),
    ]),
};

const ROLLOUT: Kind = Object(&[
    Member("recipe", Text, "the recipe"),
    Member("channel", Text, "the channel"),
    Member("version", Text, "the version that it will point to"),
    Member("from", Maybe(&Text), "the version that it points to now"),
    Member(
        "targets",
        List(&Object(&[
            Member("site", Kind::Part(&SITE), "where"),
            Member("image", Maybe(&Text), "the image there; null when this plan will make it"),
            Member("parameter_version", Integer, "the version of the channel's parameter; 0 if it did not exist"),
            Member("parameter_image", Maybe(&Text), "the image that the channel pointed to"),
        ])),
        "the sites that hold the channel",
    ),
    Member("gates", List(&Kind::Part(&GATE)), "what holds it back"),
    Member(
        "waves",
        List(&Object(&[Member("groups", List(&Kind::Part(&GROUP_ROLLOUT)), "rolled together")])),
        "the groups, in order",
    ),
    Member("bake_time_seconds", Count, "how long a group is watched after its last replacement"),
    Member("alarms", TEXTS, "alarms that stop it"),
    Member(
        "handed_over",
        List(&Object(&[
            Member("site", Kind::Part(&SITE), "where"),
            Member("group", Text, "the group"),
            Member("nodes", Count, "how many instances it has"),
            Member("owner", Text, "who owns it, for people"),
        ])),
        "groups that only their owner may change",
    ),
    Member("expected_seconds", Count, "how long it is expected to take, without gates"),
]);

const RING: Kind = Object(&[
    Member("ring", Text, "the ring"),
    Member("snapshot_id", Text, "the goal, and Patch Manager's SnapshotId"),
    Member("gates", List(&Kind::Part(&GATE)), "what holds it back"),
    Member("scan_only", Flag, "whether it scans only"),
    Member("reboot", Word(&["never", "if-needed", "always"]), "when nodes are rebooted"),
    Member("concurrency", Maybe(&Text), "nodes at once; null for the ramp of Patch now"),
    Member("errors", Count, "errors before nothing new is started"),
    Member("snapshot_keep_seconds", Maybe(&Count), "how long snapshots are kept, if they are made"),
    Member(
        "nodes",
        List(&Object(&[
            Member("site", Kind::Part(&SITE), "where"),
            Member("node", Text, "its id"),
            Member("name", Text, "its name"),
            Member("non_compliant", Maybe(&Count), "patches that keep it from being compliant"),
            Member("expected_seconds", Count, "how long its Install is expected to take"),
            Member("application", Maybe(&Kind::Part(&APPLICATION)), "its application"),
        ])),
        "the nodes",
    ),
    Member("expected_seconds", Count, "how long it is expected to take"),
]);

/// The file of a plan.
pub(super) const PLAN: Kind = Object(&[
    Member("schema", Exactly("rebake/plan"), ""),
    Member("version", Version(1), ""),
    Member("sha256", Text, "hash of the plan: a file that was edited is refused"),
    Member(
        "plan",
        Object(&[
            Member("created_at", Time, "when it was made"),
            Member("expires_at", Time, "after this moment it is not applied any more"),
            Member("sites", List(&Kind::Part(&SITE_SEEN)), "the sites it is for, and who asked"),
            Member("bakes", List(&BAKE), "images to build"),
            Member(
                "unchanged",
                List(&Object(&[
                    Member("recipe", Text, "the recipe"),
                    Member("version", Text, "the newest version"),
                    Member("digest", Text, "its digest"),
                    Member("why", Text, "why no build is due"),
                ])),
                "images that need no build",
            ),
            Member("rollouts", List(&ROLLOUT), "channels to roll"),
            Member("patches", List(&RING), "rings to patch"),
            Member("left_out", List(&Kind::Part(&LEFT_OUT)), "what is not in it, and why"),
            Member(
                "limits",
                Object(&[
                    Member("groups_at_once", Count, "groups that are refreshed at the same time"),
                    Member("instances_at_once", SHARE, "nodes of one application that may be out of service"),
                    Member("application_tag", Text, "the tag that names the application"),
                ]),
                "what may be disrupted at once",
            ),
        ]),
        "the plan",
    ),
]);
