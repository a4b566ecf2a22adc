//! The documents: what each command prints as JSON, and what a run writes.

use super::Kind::{self, Count, Either, Exactly, List, Map, Maybe, Object, Text, Time, Version, Word};
use super::parts::{
    EVIDENCE, FINDING, GAP, GROUP, IMAGE, LANE, LEFT_OUT, NODE, NODE_ALONE, OUTCOME, OWNER, ROLLOUT_RECORD, SITE,
    SITE_SEEN, TASK, TEXTS, TOTALS, VERDICT,
};
use super::plan::PLAN;
use super::{Document, Member};

const FLEET: Kind = Object(&[
    Member("schema", Exactly("rebake/fleet"), ""),
    Member("version", Version(1), ""),
    Member("as_of", Time, "when reading began"),
    Member(
        "sites",
        List(&Object(&[
            Member("account", Text, "twelve digits"),
            Member("region", Text, "for example eu-west-1"),
            Member("name", Text, "the account's name from the configuration, or empty"),
            Member("identity", Maybe(&Text), "the ARN of who asked, if that could be told"),
        ])),
        "the sites that were asked",
    ),
    Member("totals", Kind::Part(&TOTALS), "how many nodes there are of what"),
    Member("lanes", Map(&Count), "how many nodes each lane has: their sum is all nodes"),
    Member(
        "reporting",
        Map(&Count),
        "how many nodes are stopped, seen (their patch state is known) and unseen: all nodes",
    ),
    Member("nodes", List(&Kind::Part(&NODE)), "every node that was asked for, once"),
    Member("findings", List(&Kind::Part(&FINDING)), "what is not as it should be: reported, not cured"),
    Member("gaps", List(&Kind::Part(&GAP)), "what could not be read"),
]);

const RUN: Kind = Object(&[
    Member("schema", Exactly("rebake/run"), ""),
    Member("version", Version(1), ""),
    Member("started_at", Maybe(&Time), "when it began; null before the first run"),
    Member("ended_at", Maybe(&Time), "the time of its last event"),
    Member("exit", Maybe(&Count), "the exit code; null while it runs, and before the first run"),
    Member("summary", Text, "one line for people"),
    Member(
        "tasks",
        List(&Object(&[
            Member("id", Text, "unique in the run"),
            Member("label", Text, "for people"),
            Member("parent", Maybe(&Text), "the task that it is a part of"),
            Member("nodes", Count, "how many nodes it concerns"),
            Member("started_at", Maybe(&Time), "when it began"),
            Member("ended_at", Maybe(&Time), "when it ended"),
            Member("outcome", Maybe(&Kind::Part(&OUTCOME)), "how it ended"),
        ])),
        "what it consists of",
    ),
    Member(
        "patched",
        List(&Object(&[
            Member("task", Text, "the ring's task"),
            Member("node", Text, "the node"),
            Member("verdict", Kind::Part(&VERDICT), "what became of it"),
        ])),
        "the nodes of rings",
    ),
    Member("left_out", List(&Kind::Part(&LEFT_OUT)), "what was not in its plan"),
    Member("warnings", TEXTS, "what a person should see"),
]);

const TASK_ID: Member = Member("task", Text, "the task's id");

/// What an event is, by its name.
const EVENT: Kind = Either(&[
    Object(&[
        Member("event", Exactly("started"), "the run begins"),
        Member("run", Text, "its id"),
        Member("tasks", List(&Kind::Part(&TASK)), "in the order in which they are shown"),
    ]),
    Object(&[
        Member("event", Exactly("task-started"), "a task begins to act"),
        TASK_ID,
        Member("what", Text, "what it does now, for people"),
        Member("expected_end", Time, "when it is expected to end"),
    ]),
    Object(&[
        Member("event", Exactly("task-progress"), "a task got on"),
        TASK_ID,
        Member("permille", Count, "parts of a thousand that are done"),
        Member("what", Text, "what it does now, for people"),
        Member("expected_end", Time, "when it is expected to end"),
    ]),
    Object(&[
        Member("event", Exactly("task-waiting"), "a task is held back by a gate"),
        TASK_ID,
        Member("why", Text, "by what, for people"),
        Member("until", Maybe(&Time), "until when, if time opens it"),
    ]),
    Object(&[
        Member("event", Exactly("task-ended"), "a task is over, for this run"),
        TASK_ID,
        Member("outcome", Kind::Part(&OUTCOME), "how"),
    ]),
    Object(&[
        Member("event", Exactly("node-patched"), "a node of a ring is through"),
        TASK_ID,
        Member("node", Text, "the node"),
        Member("verdict", Kind::Part(&VERDICT), "what became of it"),
    ]),
    Object(&[
        Member("event", Exactly("warning"), "something that a person should see"),
        Member("task", Maybe(&Text), "the task's id, if it belongs to one"),
        Member("message", Text, "for people"),
    ]),
    Object(&[
        Member("event", Exactly("intended"), "an effect on AWS is about to be made"),
        TASK_ID,
        Member("effect", Text, "the effect, for people"),
    ]),
    Object(&[
        Member("event", Exactly("effected"), "an effect was made or failed"),
        TASK_ID,
        Member("effect", Text, "the effect, for people"),
        Member(
            "result",
            Either(&[Object(&[Member("Ok", Text, "an id")]), Object(&[Member("Err", Text, "the error")])]),
            "what came back",
        ),
    ]),
    Object(&[Member("event", Exactly("stopping"), "the user asked to stop")]),
    Object(&[
        Member("event", Exactly("ended"), "the run is over"),
        Member("exit", Count, "the exit code"),
        Member("summary", Text, "one line for people"),
    ]),
]);

/// What changed between two inventories.
const DIFF: Kind = Object(&[
    Member("schema", Exactly("rebake/diff"), ""),
    Member("version", Version(1), ""),
    Member("before", COMPARED, "the earlier inventory"),
    Member("after", COMPARED, "the later inventory"),
    Member(
        "changes",
        List(&Object(&[
            Member(
                "kind",
                Word(&[
                    "fell-behind",
                    "changed-lane",
                    "out-of-sight",
                    "went",
                    "came",
                    "patched",
                    "back-in-sight",
                    "other-baseline",
                ]),
                "what happened",
            ),
            Member("site", Kind::Part(&SITE), "where"),
            Member("id", Text, "`i-…` or `mi-…`"),
            Member("name", Text, "its name, or empty"),
            Member("lane", LANE, "its lane now, or the one it had"),
            Member("what", Text, "what exactly, for people"),
        ])),
        "what happened to nodes, without those that their groups replaced",
    ),
    Member(
        "replaced",
        List(&Object(&[
            Member("site", Kind::Part(&SITE), "where"),
            Member("group", Text, "the group"),
            Member("went", Count, "how many of its nodes went"),
            Member("came", Count, "how many came"),
            Member("from", List(&Text), "the images of those that went"),
            Member("to", List(&Text), "the images of those that came"),
        ])),
        "groups of which some nodes went and some came",
    ),
    Member("incomparable", List(&Kind::Part(&SITE)), "sites of the one inventory only"),
]);

const COMPARED: Kind =
    Object(&[Member("as_of", Time, "when it was made"), Member("totals", Kind::Part(&TOTALS), "its totals")]);

/// All documents.
pub const DOCUMENTS: &[Document] = &[
    Document { name: "fleet", title: "rebake inventory --format json", kind: FLEET },
    Document { name: "node", title: "rebake explain NODE --format json", kind: NODE_ALONE },
    Document {
        name: "totals",
        title: "rebake inventory --group-by COLUMN --format json",
        kind: Object(&[
            Member("schema", Exactly("rebake/totals"), ""),
            Member("version", Version(2), ""),
            Member("by", Text, "the column"),
            Member(
                "values",
                List(&Object(&[
                    Member("value", Text, "of the column"),
                    Member("totals", Kind::Part(&TOTALS), "of the nodes that have it"),
                ])),
                "where most needs patching comes first",
            ),
        ]),
    },
    Document {
        name: "group",
        title: "rebake explain GROUP --format json",
        kind: Object(&[
            Member("schema", Exactly("rebake/group"), ""),
            Member("version", Version(1), ""),
            Member("group", Kind::Part(&GROUP), "the group"),
            Member("channel", Maybe(&Text), "the channel that selects it"),
            Member("recipe", Maybe(&Text), "the recipe of that channel"),
            Member("owner", Maybe(&Kind::Part(&OWNER)), "who owns it or looks after it, if a signal tells"),
            Member("images", Map(&Count), "what its members run, with how many of them"),
            Member("need_patching", Count, "members that need patching"),
            Member("overdue", Count, "members that need it longer than the policy allows"),
            Member("evidence", Maybe(&List(&Kind::Part(&EVIDENCE))), "why its members are in their lane"),
            Member("findings", List(&Kind::Part(&FINDING)), "what is not as it should be: reported, not cured"),
        ]),
    },
    Document {
        name: "image",
        title: "rebake explain IMAGE --format json",
        kind: Object(&[
            Member("schema", Exactly("rebake/image"), ""),
            Member("version", Version(1), ""),
            Member(
                "images",
                List(&Object(&[
                    Member("image", Kind::Part(&IMAGE), "the image at one site"),
                    Member("channels", TEXTS, "the channels that point to it: web/prod"),
                    Member("nodes", Map(&Count), "how many nodes run it, by group"),
                ])),
                "one for each site",
            ),
        ]),
    },
    Document {
        name: "images",
        title: "rebake images --format json",
        kind: Object(&[
            Member("schema", Exactly("rebake/images"), ""),
            Member("version", Version(1), ""),
            Member("as_of", Time, "when reading began"),
            Member(
                "images",
                List(&Object(&[
                    Member("recipe", Text, "its recipe"),
                    Member("version", Text, "its version"),
                    Member("state", Text, "candidate, tested, revoked, or what AWS says where it cannot be launched"),
                    Member("id", Text, "ami-…"),
                    Member("site", Kind::Part(&SITE), "where"),
                    Member("name", Text, "its name"),
                    Member("created_at", Maybe(&Time), "when it was made"),
                    Member("digest", Maybe(&Text), "the digest of what went into it"),
                    Member("nodes", Count, "how many nodes run it"),
                ])),
                "by recipe, the newest first",
            ),
        ]),
    },
    Document {
        name: "channels",
        title: "rebake channels --format json",
        kind: Object(&[
            Member("schema", Exactly("rebake/channels"), ""),
            Member("version", Version(1), ""),
            Member("as_of", Time, "when reading began"),
            Member(
                "channels",
                List(&Object(&[
                    Member("recipe", Text, "its recipe"),
                    Member("channel", Text, "its name"),
                    Member("site", Kind::Part(&SITE), "where"),
                    Member("image", Maybe(&Text), "the image that it points to"),
                    Member("version", Maybe(&Text), "the version of that image"),
                    Member("since", Maybe(&Time), "since when"),
                    Member(
                        "rollout",
                        Maybe(&Kind::Part(&ROLLOUT_RECORD)),
                        "the rollout that works on it, or worked last",
                    ),
                    Member("nodes", Count, "nodes that follow it"),
                    Member("nodes_on_it", Count, "those of them that run its image"),
                ])),
                "as each site holds them",
            ),
        ]),
    },
    Document {
        name: "doctor",
        title: "rebake doctor --format json",
        kind: Object(&[
            Member("schema", Exactly("rebake/doctor"), ""),
            Member("version", Version(1), ""),
            Member("configuration", Maybe(&Text), "where the configuration comes from, if there is one"),
            Member("sites", List(&Kind::Part(&SITE_SEEN)), "where rebake would act, and as whom"),
            Member(
                "findings",
                List(&Object(&[
                    Member("standing", Word(&["ok", "note", "not verified", "missing"]), "how it stands"),
                    Member("what", Text, "what was found"),
                    Member("next", Maybe(&Text), "what to do about it"),
                ])),
                "what was looked at",
            ),
        ]),
    },
    Document { name: "diff", title: "rebake diff --format json", kind: DIFF },
    Document { name: "plan", title: "rebake plan --format json, and the file of rebake plan -o FILE", kind: PLAN },
    Document {
        name: "run",
        title: "rebake status --format json, an acting command's result, and report.json",
        kind: RUN,
    },
    Document {
        name: "history",
        title: "rebake history --format json",
        kind: Object(&[
            Member("schema", Exactly("rebake/history"), ""),
            Member("version", Version(1), ""),
            Member(
                "runs",
                List(&Object(&[
                    Member("run", Text, "the name of its folder"),
                    Member("exit", Count, "its exit code"),
                    Member("summary", Text, "one line for people"),
                ])),
                "the oldest first",
            ),
        ]),
    },
    Document {
        name: "report",
        title: "rebake report --format json",
        kind: Object(&[
            Member("schema", Exactly("rebake/report"), ""),
            Member("version", Version(1), ""),
            Member("run", Maybe(&RUN), "the last run, if there was one"),
            Member("change", Maybe(&DIFF), "what changed since the last inventory that was saved, if one was"),
            Member("fleet", FLEET, "the fleet"),
        ]),
    },
    Document {
        name: "events",
        title: "a line of --progress json; the first also has schema and version",
        kind: Object(&[Member("at", Time, "when"), Member("kind", EVENT, "what happened")]),
    },
    Document {
        name: "sandbox",
        title: "rebake sandbox show --format json",
        kind: Object(&[
            Member("schema", Exactly("rebake/sandbox"), ""),
            Member("version", Version(1), ""),
            Member("world", Text, "the world that it began as"),
            Member("now", Time, "what time it is in it"),
            Member(
                "places",
                List(&Object(&[
                    Member("account", Text, "twelve digits"),
                    Member("region", Text, "for example eu-west-1"),
                    Member("instances", Count, "instances that EC2 knows"),
                    Member("machines", Count, "machines that run, on premises too"),
                ])),
                "its regions",
            ),
        ]),
    },
];
