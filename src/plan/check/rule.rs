//! The rules: what every plan promises.

macro_rules! rules {
    ($($rule:ident $name:literal $says:literal)*) => {
        /// A promise of every plan.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Rule {
            $(#[doc = $says] $rule,)*
        }

        impl Rule {
            /// All rules.
            pub const ALL: &[Self] = &[$(Self::$rule),*];

            /// Its name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$rule => $name),* }
            }

            /// What it promises.
            #[must_use]
            pub fn says(self) -> &'static str {
                match self { $(Self::$rule => $says),* }
            }
        }
    };
}

rules! {
    Expiry "expiry" "a plan is made now and expires within 24 hours"
    Sites "sites" "a plan is for sites that the configuration names, each once"
    Place "place" "every action happens at one of the plan's sites"
    Limits "limits" "the limits are those of [guardrails]"
    Once "once" "each recipe, channel and ring is in the plan at most once"
    GroupOnce "group-once" "each group is refreshed at most once"
    OneAction "one-action" "each node is in at most one action"
    Seconds "seconds" "expected times are more than nothing, less than two weeks, and add up"

    BakeRecipe "bake-recipe" "an image is built of a recipe that Image Builder builds"
    VersionForm "version-form" "a version has three numbers, the first two of them the recipe's"
    VersionUp "version-up" "a version is higher than what there is, and belongs to one goal"
    DigestForm "digest-form" "a digest is a SHA-256 in hexadecimal"
    TriggerForm "trigger-form" "a trigger is one that rebake computes"
    BakeReasons "bake-reasons" "an image is built for a reason"
    Parent "parent" "the parent is the literal AMI to which the recipe's parent resolves"
    Components "components" "components are the recipe's, in its order, in exact versions"
    BakeRegions "bake-regions" "an image is built in the first of the recipe's regions and goes to all of them"
    BakeSettings "bake-settings" "an image is built as the recipe says"
    BakeTags "bake-tags" "people's tags are the recipe's, and none of them is AWS's or rebake's"
    Unchanged "unchanged" "an image that needs no build exists, and the plan says why it needs none"

    ChannelKnown "channel-known" "a rollout is for a channel of a recipe"
    RolloutVersion "rollout-version" "a channel moves to the version that is built, or to a newer one that is tested"
    ImageOfVersion "image-of-version" "the image at each site is a tested one of the version, or is built by this plan"
    Targets "targets" "a channel moves at each of the recipe's sites once, the first holds its record"
    ChannelBefore "channel-before" "the channel's parameter is as it was read"
    SoakGate "soak-gate" "a channel waits for the channel that it requires"
    ApprovalGate "approval-gate" "a channel waits for an approval exactly where it requires one"
    FreezeGate "freeze-gate" "what a freeze selects waits for its end"
    GateKind "gate-kind" "an action has no gate that the configuration does not ask for, and none twice"
    StagingFirst "staging-first" "a channel that another one requires comes before it"
    WaveEmpty "wave-empty" "no wave is empty"
    WaveRegion "wave-region" "no wave spans two regions unless the channel says so"
    WaveShare "wave-share" "waves are those of the channel: cumulative, ending at all groups"
    ChannelSettings "channel-settings" "bake time and alarms are the channel's"
    ChannelFollowed "channel-followed" "a channel moves only where a group follows it, is there already, or is handed over"
    HandOver "hand-over" "a group is handed over to an owner, and then not refreshed"

    GroupKnown "group-known" "a group that is refreshed exists"
    GroupChannel "group-channel" "a group is refreshed by the one channel that selects it"
    GroupLane "group-lane" "only groups of immutable nodes are refreshed"
    Exceptions "exceptions" "a node is left alone while an exception holds for it"
    GroupBefore "group-before" "the saved template version is the one that the group runs, with a literal image"
    GroupSize "group-size" "the number of nodes, and of those that stay behind, is as it was read"
    Healthy "healthy" "what stays healthy during a refresh is what the channel says or more, within AWS's limits"
    Applications "applications" "no more of an application is out of service at once than [guardrails] allows"
    Canary "canary" "a refresh of several instances begins with a checkpoint of one"
    Pin "pin" "a group is pinned exactly where it names no number and the channel allows it"
    Readers "readers" "no template is changed that a group reads as $Latest or $Default"
    Owner "owner" "a template that a tool owns is changed only where the channel says so"
    Suspended "suspended" "no group is refreshed while a process that it needs is suspended"
    Stateful "stateful" "no stateful group of one is refreshed"
    ForeignRefresh "foreign-refresh" "no group is refreshed while somebody else's refresh is active"
    LaunchSource "launch-source" "only groups are refreshed that launch from a template and can be rolled back"
    Health "health" "a channel that requires another notices a bad image: by the application's health or by alarms"
    Unread "unread" "no group is refreshed of which something that counts could not be read"

    RingKnown "ring-known" "only rings of the configuration are patched"
    RingNodes "ring-nodes" "a ring has nodes, each once, and each exists"
    RingLane "ring-lane" "only mutable nodes are patched; immutable ones may be scanned"
    RingSelects "ring-selects" "a node is patched by the first ring that selects it"
    RingNeed "ring-need" "a node is patched because it lacks patches, or because nobody knows whether it does"
    RingBefore "ring-before" "what is told of a node to patch is as it was read"
    RingAgent "ring-agent" "only nodes whose agent answers are patched"
    SnapshotId "snapshot-id" "a ring's SnapshotId is a UUID, and no other ring's"
    AfterGate "after-gate" "a ring waits for the ring that it comes after"
    WindowGate "window-gate" "a ring waits for its window"
    Reboot "reboot" "a ring reboots as the configuration says"
    Concurrency "concurrency" "a ring patches as many at once, and bears as many errors, as the configuration says"
    Snapshots "snapshots" "volumes are snapshotted exactly where the ring says so and there are any"

    LeftOutReason "left-out-reason" "what is not in the plan says why"
    LeftOutApart "left-out-apart" "what is not in the plan is not in it"
    Needing "needing" "the nodes that keep needs are counted"
    Complete "complete" "every node that needs something is in an action, or is named with the reason why not"
}
