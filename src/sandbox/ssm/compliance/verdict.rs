//! How nodes comply, each with a compliance type.

use std::collections::HashMap;
use std::ops::Bound;

use serde_json::{Value, json};

use super::{
    LEVELS, Levels, OF_STANDING, Put, Standing, Told, execution, of_standing, passes_by, standing, summary, told_of,
};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::ssm::patch::{PatchRow, PatchState, Status};
use crate::sandbox::value::Get;

/// How a node complies with a type.
pub(super) struct Verdict<'a> {
    /// The node.
    pub(super) id: &'a str,
    /// The compliance type.
    pub(super) kind: &'a str,
    what: Told<'a>,
    /// Whether it does, and the worst of what does not.
    pub(super) standing: Standing,
}

/// The verdicts on some nodes or on all, from one of them on. Nodes with the same rows stand alike.
pub(super) fn verdicts<'a>(
    ctx: &'a mut Ctx<'_>,
    asked: &[&str],
    from: Bound<&str>,
) -> impl Iterator<Item = Verdict<'a>> + use<'a> {
    let mut known: HashMap<usize, Standing> = HashMap::new();
    told_of(&ctx.region().ssm, asked, from).map(move |(id, kind, what)| {
        let standing = match what {
            Told::Scan(state) => *known.entry(address(state)).or_insert_with(|| standing(state)),
            Told::Put(put) => put.standing(),
        };
        Verdict { id, kind, what, standing }
    })
}

/// Where the rows of a node are, which those have in common that have the same ones.
pub(super) fn address(state: &PatchState) -> usize {
    std::ptr::from_ref::<Vec<PatchRow>>(&state.rows).addr()
}

impl Put {
    /// How it says that its node complies.
    pub(super) fn standing(&self) -> Standing {
        let [_, bad] = self.counts();
        let worst = LEVELS.iter().find(|(level, _)| bad.contains_key(level));
        (worst.is_none(), worst.map_or("UNSPECIFIED", |(level, _)| *level))
    }

    /// How many items comply and how many do not, by severity.
    fn counts(&self) -> [Levels; 2] {
        let each = self.items.iter();
        let each = each.map(|item| (item.text("Status") == Some("NON_COMPLIANT"), item.text("Severity")));
        counts(each.map(|(bad, level)| (bad, level.unwrap_or_default())))
    }
}

/// How many comply and how many do not, by severity.
fn counts<'a>(items: impl Iterator<Item = (bool, &'a str)>) -> [Levels; 2] {
    let [mut good, mut bad] = [Levels::new(), Levels::new()];
    for (is_bad, level) in items {
        if let Some((level, _)) = LEVELS.iter().find(|(known, _)| *known == level) {
            *(if is_bad { &mut bad } else { &mut good }).entry(level).or_default() += 1;
        }
    }
    [good, bad]
}

impl Verdict<'_> {
    /// Whether its summary passes all filters.
    pub(super) fn passes(&self, input: &Value) -> bool {
        passes_by(input, |key| match key {
            "ResourceId" => Some(self.id),
            _ if OF_STANDING.contains(&key) => of_standing(key, self.kind, self.standing),
            _ => match &self.what {
                Told::Scan(state) if key == "ExecutionId" => Some(state.snapshot_id.as_str()),
                Told::Scan(_) => (key == "ExecutionType").then_some("Command"),
                Told::Put(put) => put.execution.text(key),
            },
        })
    }

    /// The summary of the node.
    pub(super) fn told(&self) -> Value {
        let [good, bad] = match &self.what {
            Told::Scan(state) => {
                let rows = state.rows.iter().filter(|row| row.status != Status::AvailableSecurityUpdate);
                counts(rows.map(|row| (row.status.is_non_compliant(), row.level.as_str())))
            }
            Told::Put(put) => put.counts(),
        };
        let execution = match &self.what {
            Told::Scan(state) => execution(state),
            Told::Put(put) => put.execution.clone(),
        };
        json!({
            "ComplianceType": self.kind,
            "ResourceType": "ManagedInstance",
            "ResourceId": self.id,
            "Status": of_standing("Status", self.kind, self.standing),
            "OverallSeverity": self.standing.1,
            "ExecutionSummary": execution,
            "CompliantSummary": summary("CompliantCount", &good),
            "NonCompliantSummary": summary("NonCompliantCount", &bad),
        })
    }
}
