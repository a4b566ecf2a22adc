//! Hybrid nodes of a world, with what is inside them.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::patching::Act;
use super::{Row, Seeder, inside};
use crate::sandbox::Ctx;
use crate::sandbox::machine::{Machine, Software};
use crate::sandbox::ssm::node::HybridNode;
use crate::sandbox::world::file::OnPremises;
use crate::sandbox::world::guest::Guest;
use crate::sandbox::world::patches::Association;

impl Seeder<'_> {
    /// Notes what was done to a node since its launch.
    fn note(&mut self, ctx: &Ctx<'_>, node: &str, guest: &Guest, scan: Option<Timestamp>) {
        let patched = guest.patched.map(|age| (age.before(self.start), Act::Install));
        let by_hand = guest.by_hand.as_ref().map(|by_hand| {
            let act = if by_hand.reboot { Act::Install } else { Act::InstallWithoutReboot };
            (by_hand.age.before(self.start), act)
        });
        let mut acts: Vec<(Timestamp, Act)> = patched.into_iter().chain(by_hand).collect();
        if let Some(&(at, _)) = acts.iter().max_by_key(|(at, _)| *at)
            && !guest.missing.is_empty()
        {
            acts.push((at, Act::Lose(guest.missing.iter().map(|id| id.get_ref().clone()).collect())));
        }
        acts.extend(scan.map(|at| (at, Act::Scan)));
        acts.sort_by_key(|(at, _)| *at);
        let row = |(at, act)| Row { place: ctx.place.clone(), node: node.to_owned(), at, act };
        self.rows.extend(acts.into_iter().map(row));
    }

    /// The last Scan of a node of a place.
    fn last_scan(
        &self,
        ctx: &Ctx<'_>,
        guest: &Guest,
        tags: &BTreeMap<String, String>,
        launched: Timestamp,
        stopped: Option<Timestamp>,
    ) -> Option<Timestamp> {
        let here = |one: &&Association| self.place(one.account.as_ref(), &one.region) == ctx.place;
        let associations = self.world.association.iter().filter(here);
        inside::last_scan(guest, tags, launched, stopped, associations, self.start)
    }
}

/// Puts a hybrid node into its place.
pub(super) fn on_premises(seeder: &mut Seeder<'_>, ctx: &mut Ctx<'_>, one: &OnPremises) {
    let name = one.name.get_ref();
    let id = ctx.fixed_id("mi", name);
    let registered = one.age.before(seeder.start);
    let tags = seeder.tags(ctx, &one.tags);
    let byte = |purpose: &str| 2 + (ctx.draw(&id, purpose, 0) * 250.0) as u8;
    let machine = Machine {
        system: one.system.get_ref().clone(),
        hostname: name.clone(),
        ip: format!("192.168.{}.{}", byte("network"), byte("address")),
        software: inside::software(&Software::default(), &one.guest, registered),
        booted_at: registered,
        running: true,
        sick: false,
        agent: inside::agent(&one.guest, registered, seeder.start),
    };
    let node = HybridNode {
        name: name.clone(),
        activation_id: ctx.uuid("activation"),
        iam_role: "service-role/AmazonEC2RunCommandRoleForManagedInstances".to_owned(),
        registered_at: registered,
        tags: tags.clone(),
    };
    let scan = seeder.last_scan(ctx, &one.guest, &tags, registered, None);
    let region = ctx.region();
    region.machines.insert(id.clone(), machine);
    region.ssm.hybrid_nodes.insert(id.clone(), node);
    seeder.note(ctx, &id, &one.guest, scan);
}
