//! Checks of systems, advisories, baselines, patch groups and associations.

use std::collections::BTreeSet;

use super::{Checked, Scope, once_in, region, unknown};
use crate::sandbox::world::age::Age;
use crate::sandbox::world::problem::Problem;

pub(super) fn check(scope: &Scope<'_>) -> Checked {
    advisories(scope)?;
    baselines(scope)?;
    associations(scope)
}

fn advisories(scope: &Scope<'_>) -> Checked {
    for advisory in &scope.world.advisory {
        scope.system(&advisory.system)?;
        if advisory.package.is_some() != advisory.version.is_some() {
            let message = format!("advisory `{}` has only one of `package` and `version`", advisory.id.get_ref());
            return Err(Problem::new(advisory.id.span(), message).help("write both, or none for Windows"));
        }
    }
    Ok(())
}

fn baselines(scope: &Scope<'_>) -> Checked {
    let mut names = BTreeSet::new();
    for baseline in &scope.world.baseline {
        let account = scope.account(baseline.account.as_ref())?;
        let region = region(&baseline.region)?;
        once_in(&mut names, "baseline", account, region, &baseline.name)?;
        let system = scope.system(&baseline.system)?;
        if !scope.systems.get(system).copied().unwrap_or_default() {
            let message = format!("Patch Manager does not cover `{system}`");
            return Err(Problem::new(baseline.system.span(), message).help("choose a system with `operating-system`"));
        }
    }
    let mut groups = BTreeSet::new();
    for group in &scope.world.patch_group {
        let account = scope.account(group.account.as_ref())?;
        let region = region(&group.region)?;
        if !names.contains(&(account, region, group.baseline.get_ref())) {
            let known = names.iter().filter(|name| (name.0, name.1) == (account, region)).map(|name| name.2);
            return Err(unknown("baseline", &group.baseline, known));
        }
        if !groups.insert((account, region, group.name.get_ref(), group.baseline.get_ref())) {
            let message = format!("patch group `{}` has this baseline already", group.name.get_ref());
            return Err(Problem::new(group.name.span(), message));
        }
    }
    Ok(())
}

fn associations(scope: &Scope<'_>) -> Checked {
    let mut names = BTreeSet::new();
    for association in &scope.world.association {
        let account = scope.account(association.account.as_ref())?;
        once_in(&mut names, "association", account, region(&association.region)?, &association.name)?;
        // AWS takes no rate below half an hour.
        if *association.every.get_ref() < Age::minutes(30) {
            let problem = Problem::new(association.every.span(), "an association runs at most every 30 minutes");
            return Err(problem.help("write \"1d\" for a daily scan"));
        }
    }
    Ok(())
}
