//! Plain things for tests: what a test is about is all that it has to say.

use super::{Group, GroupSource, Image, ImageState, Node, Patch, PatchOperation, PatchState, Site, Tags};

/// A place.
pub(crate) fn site() -> Site {
    Site::new("111111111111", "eu-west-1")
}

/// Tags.
pub(crate) fn tags(tags: &[(&str, &str)]) -> Tags {
    tags.iter().copied().collect()
}

/// An instance that runs outside of groups, and of which Systems Manager knows nothing.
pub(crate) fn node(id: &str) -> Node {
    Node::new(site(), id)
}

/// An empty group of one to two instances.
pub(crate) fn group(name: &str) -> Group {
    Group {
        name: name.to_owned(),
        site: site(),
        tags: Tags::new(),
        desired: 1,
        min: 1,
        max: 2,
        source: GroupSource::Unknown,
        members: Vec::new(),
        suspended: Vec::new(),
        health_checks: Vec::new(),
        load_balanced: false,
        grace_seconds: 0,
        warmup_seconds: None,
        hooks: Vec::new(),
        policies: Vec::new(),
        protects_new: false,
        max_lifetime_seconds: None,
        warm_pool: false,
        operator: None,
        capacity_rebalance: false,
        retains_abandoned: false,
        deletion_protection: None,
        zonal_shift: false,
        refresh: None,
    }
}

/// A missing patch of no vulnerability and no severity.
pub(crate) fn patch() -> Patch {
    Patch {
        id: "kernel.x86_64".to_owned(),
        title: String::new(),
        classification: "Security".to_owned(),
        severity: String::new(),
        state: "Missing".to_owned(),
        cves: Vec::new(),
        released_at: None,
        first_seen: None,
    }
}

/// What a Scan at a moment left that found a number of patches missing.
pub(crate) fn scanned(at: &str, missing: u32) -> PatchState {
    PatchState {
        baseline: "pb-0123456789abcdef0".into(),
        snapshot: None,
        patch_group: "".into(),
        operation: PatchOperation::Scan,
        at: at.parse().unwrap(),
        installed: 100,
        missing,
        failed: 0,
        pending_reboot: 0,
        rejected: 0,
    }
}

/// An available image of the account.
pub(crate) fn image(id: &str) -> Image {
    Image {
        id: id.to_owned(),
        site: site(),
        name: String::new(),
        owner: site().account.clone(),
        state: ImageState::Available,
        created_at: None,
        architecture: "x86_64".to_owned(),
        platform: "Linux/UNIX".to_owned(),
        deprecated_at: None,
        parent: None,
        allowed: None,
        ancestors: Vec::new(),
        snapshots: Vec::new(),
        tags: Tags::new(),
    }
}
