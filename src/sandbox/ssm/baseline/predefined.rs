//! AWS's own baselines, with the rules that the Systems Manager User Guide lists.

use jiff::Timestamp;

use super::{Baseline, Filter, Rule};
use crate::sandbox::cloud::Ctx;

/// The account that owns them (awscli examples, `describe-patch-baselines`).
const OWNER: &str = "075727635805";

/// Classifications and severities of a rule; an empty list stands for all.
type Taken = (&'static [&'static str], &'static [&'static str]);

/// Security by severity, and bug fixes of any.
const USUAL: &[Taken] = &[(&["Security"], &["Critical", "Important"]), (&["Bugfix"], &[])];
const ALL: &[Taken] = &[(&[], &[])];

/// Name, operating system, days, rules.
const TABLE: &[(&str, &str, i64, &[Taken])] = &[
    ("AWS-AmazonLinuxDefaultPatchBaseline", "AMAZON_LINUX", 7, USUAL),
    ("AWS-AmazonLinux2DefaultPatchBaseline", "AMAZON_LINUX_2", 7, USUAL),
    ("AWS-AmazonLinux2022DefaultPatchBaseline", "AMAZON_LINUX_2022", 7, USUAL),
    ("AWS-AmazonLinux2023DefaultPatchBaseline", "AMAZON_LINUX_2023", 7, USUAL),
    ("AWS-RedHatDefaultPatchBaseline", "REDHAT_ENTERPRISE_LINUX", 7, USUAL),
    ("AWS-RockyLinuxDefaultPatchBaseline", "ROCKY_LINUX", 7, USUAL),
    ("AWS-AlmaLinuxDefaultPatchBaseline", "ALMA_LINUX", 7, USUAL),
    (
        "AWS-OracleLinuxDefaultPatchBaseline",
        "ORACLE_LINUX",
        7,
        &[(&["Security"], &["Important", "Moderate"]), (&["Bugfix"], &[])],
    ),
    ("AWS-CentOSDefaultPatchBaseline", "CENTOS", 7, ALL),
    ("AWS-SuseDefaultPatchBaseline", "SUSE", 7, &[(&["Security"], &["Critical", "Important"])]),
    ("AWS-UbuntuDefaultPatchBaseline", "UBUNTU", 0, ALL),
    ("AWS-DebianDefaultPatchBaseline", "DEBIAN", 0, ALL),
    ("AWS-RaspbianDefaultPatchBaseline", "RASPBIAN", 0, ALL),
    ("AWS-MacOSDefaultPatchBaseline", "MACOS", 0, ALL),
    ("AWS-DefaultPatchBaseline", "WINDOWS", 7, WINDOWS),
    ("AWS-WindowsPredefinedPatchBaseline-OS", "WINDOWS", 7, WINDOWS),
    ("AWS-WindowsPredefinedPatchBaseline-OS-Applications", "WINDOWS", 7, WINDOWS),
];
const WINDOWS: &[Taken] = &[(&["CriticalUpdates", "SecurityUpdates"], &["Critical", "Important"])];

/// All of them, as this place knows them.
pub(super) fn all(ctx: &Ctx<'_>) -> Vec<Baseline> {
    TABLE.iter().map(|&(name, system, days, rules)| baseline(ctx, name, system, days, rules)).collect()
}

/// Whether a predefined baseline is the default of its operating system until somebody changes that.
pub(super) fn is_default(name: &str) -> bool {
    !name.starts_with("AWS-WindowsPredefined")
}

fn baseline(ctx: &Ctx<'_>, name: &str, system: &str, days: i64, rules: &[Taken]) -> Baseline {
    // 2015-2023: the day makes no difference to anybody.
    let made = Timestamp::constant(1_518_109_423, 0);
    let id = ctx.fixed_id("pb", name);
    Baseline {
        id: format!("arn:aws:ssm:{}:{OWNER}:patchbaseline/{id}", ctx.place.region),
        name: name.to_owned(),
        description: Some(format!("Default Patch Baseline for {system} Provided by AWS.")),
        operating_system: system.to_owned(),
        global_filters: vec![filter("PRODUCT", &[])],
        rules: rules.iter().map(|taken| rule(system, days, *taken)).collect(),
        approved: Vec::new(),
        approved_level: "UNSPECIFIED".to_owned(),
        approved_non_security: false,
        rejected: Vec::new(),
        rejected_action: "ALLOW_AS_DEPENDENCY".to_owned(),
        sources: Vec::new(),
        available_security_updates: (system == "WINDOWS").then(|| "COMPLIANT".to_owned()),
        created: made,
        modified: made,
        tags: std::collections::BTreeMap::new(),
    }
}

fn rule(system: &str, days: i64, (classifications, severities): Taken) -> Rule {
    let severity = if system == "WINDOWS" { "MSRC_SEVERITY" } else { "SEVERITY" };
    let filters = match system {
        "UBUNTU" | "DEBIAN" | "RASPBIAN" => vec![filter("PRODUCT", &[]), filter("PRIORITY", &[])],
        _ => vec![filter("PRODUCT", &[]), filter("CLASSIFICATION", classifications), filter(severity, severities)],
    };
    Rule { filters, level: "UNSPECIFIED".to_owned(), after_days: Some(days), until: None, non_security: false }
}

fn filter(key: &str, values: &[&str]) -> Filter {
    let values = if values.is_empty() { &["*"] } else { values };
    Filter { key: key.to_owned(), values: values.iter().map(|value| (*value).to_owned()).collect() }
}
