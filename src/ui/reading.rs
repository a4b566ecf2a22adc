//! How the reading of a fleet goes on: sites, nodes, calls, throttles, and when it may be over.

use std::cell::RefCell;
use std::time::Duration;

use crate::aws::CallCount;
use crate::inventory::Progress;
use crate::model::Fact;
use crate::text::{count, format_duration, thousands};

/// What was read so far.
#[derive(Debug, Default)]
pub struct Reading {
    sites: usize,
    told: RefCell<Told>,
}

#[derive(Debug, Default)]
struct Told {
    done: usize,
    instances: usize,
    managed: usize,
    gaps: usize,
}

impl Reading {
    /// Nothing yet, of so many sites.
    #[must_use]
    pub fn new(sites: usize) -> Self {
        Self { sites, told: RefCell::default() }
    }

    /// Takes in what the inventory tells.
    pub fn hear(&self, progress: Progress<'_>) {
        let mut told = self.told.borrow_mut();
        match progress {
            Progress::Read { fact: Fact::Instances, count: found, .. } => told.instances += found,
            Progress::Read { fact: Fact::ManagedNodes, count: found, .. } => told.managed += found,
            Progress::Read { .. } => {}
            Progress::Missed(_) => told.gaps += 1,
            Progress::Done(_) => told.done += 1,
        }
    }

    /// Where it is, in a line: `12 of 20 sites · 8,120 nodes · 1,204 calls, 98/s · 2 throttled · about 40 s left`.
    #[must_use]
    pub fn line(&self, calls: CallCount, elapsed: Duration) -> String {
        let told = self.told.borrow();
        let mut parts = vec![
            format!("{} of {}", told.done, count(self.sites, "site")),
            count(told.instances.max(told.managed), "node"),
        ];
        let rate = calls.calls.checked_div(elapsed.as_secs()).map_or_else(String::new, |rate| format!(", {rate}/s"));
        parts.push(format!("{}{rate}", count(number(calls.calls), "call")));
        if calls.throttles > 0 {
            parts.push(format!("{} throttled", thousands(number(calls.throttles))));
        }
        if told.gaps > 0 {
            parts.push(count(told.gaps, "gap"));
        }
        let left = self.sites.saturating_sub(told.done);
        if told.done > 0 && left > 0 {
            let (done, left) = (u32::try_from(told.done).unwrap_or(1), u32::try_from(left).unwrap_or(1));
            parts.push(format!("about {} left", format_duration(elapsed / done * left)));
        }
        parts.join(" · ")
    }
}

fn number(told: u64) -> usize {
    usize::try_from(told).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Gap, Site};

    #[test]
    fn a_line_tells_how_far_it_is_and_how_long_it_may_take() {
        let (reading, site) = (Reading::new(4), Site::new("111111111111", "eu-west-1"));
        let calls = |calls, throttles| CallCount { calls, throttles };
        assert_eq!(reading.line(calls(1, 0), Duration::ZERO), "0 of 4 sites · 0 nodes · 1 call");
        reading.hear(Progress::Read { site: &site, fact: Fact::Instances, count: 1200 });
        reading.hear(Progress::Read { site: &site, fact: Fact::ManagedNodes, count: 1100 });
        reading.hear(Progress::Done(&site));
        let denied = Gap {
            site: site.clone(),
            fact: Fact::Images,
            resource: None,
            action: "ec2:DescribeImages".to_owned(),
            code: "AccessDenied".to_owned(),
            message: String::new(),
        };
        reading.hear(Progress::Missed(&denied));
        assert_eq!(
            reading.line(calls(2000, 3), Duration::from_secs(20)),
            "1 of 4 sites · 1,200 nodes · 2,000 calls, 100/s · 3 throttled · 1 gap · about 1 min left"
        );
        (0..3).for_each(|_| reading.hear(Progress::Done(&site)));
        assert!(!reading.line(calls(2000, 0), Duration::from_secs(20)).contains("left"));
    }
}
