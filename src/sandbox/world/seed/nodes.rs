//! Instances and hybrid nodes of a world, with what is inside them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::patching::Act;
use super::{Row, Seeder, inside};
use crate::sandbox::ec2::{self, seed::PastInstance};
use crate::sandbox::machine::{Machine, Software};
use crate::sandbox::ssm::activation::Waiting;
use crate::sandbox::ssm::node::HybridNode;
use crate::sandbox::world::file::{Instance, OnPremises, Volume};
use crate::sandbox::world::guest::{AgentState, Guest};
use crate::sandbox::world::patches::Association;
use crate::sandbox::{Ctx, ssm};

/// The instance profile of what Systems Manager manages.
const PROFILE: &str = "ssm-managed";

/// An instance to put into a place.
pub(super) struct NewInstance {
    /// What its id follows from.
    pub(super) label: String,
    pub(super) image_id: String,
    pub(super) instance_type: String,
    pub(super) zone: String,
    pub(super) launched: Timestamp,
    pub(super) stopped: Option<Timestamp>,
    /// Its instance profile.
    pub(super) profile: Option<String>,
    /// Volumes beside the root volume: device, GiB, whether it outlives the instance.
    pub(super) volumes: Vec<(String, i64, bool)>,
    pub(super) tags: BTreeMap<String, String>,
    /// Its host name; without, the one that EC2 gives.
    pub(super) hostname: Option<String>,
    /// What is inside it.
    pub(super) guest: Guest,
}

/// Puts an instance outside of groups into its place.
pub(super) fn pet(seeder: &mut Seeder<'_>, ctx: &mut Ctx<'_>, one: &Instance) {
    let name = one.name.get_ref();
    let mut tags = seeder.tags(ctx, &one.tags);
    tags.insert("Name".to_owned(), name.clone());
    let managed = one.guest.agent != Some(AgentState::Absent);
    let new = NewInstance {
        label: format!("pet {name}"),
        image_id: seeder.image_id(ctx, one.image.get_ref()),
        instance_type: one.instance_type.clone(),
        zone: format!("{}{}", ctx.place.region, one.zone.get_ref()),
        launched: one.age.before(seeder.start),
        stopped: one.stopped.map(|age| age.before(seeder.start)),
        profile: managed.then(|| PROFILE.to_owned()),
        volumes: one.volumes.iter().map(|volume| (volume.device.clone(), volume.size, volume.keep)).collect(),
        tags,
        hostname: Some(name.clone()),
        guest: one.guest.clone(),
    };
    seeder.instance(ctx, new);
}

/// Volumes as `LaunchTemplateData` says them.
pub(super) fn volumes(volumes: &[Volume]) -> Value {
    let volume = |volume: &Volume| {
        json!({
            "DeviceName": volume.device,
            "Ebs": {
                "VolumeSize": volume.size,
                "VolumeType": "gp3",
                "DeleteOnTermination": !volume.keep,
                "Encrypted": true,
            },
        })
    };
    volumes.iter().map(volume).collect()
}

impl Seeder<'_> {
    /// Puts an instance with its guest into a place. Returns its id.
    pub(super) fn instance(&mut self, ctx: &mut Ctx<'_>, new: NewInstance) -> String {
        let id = ctx.fixed_id("i", &new.label);
        let image = ec2::image(ctx, &new.image_id).map(|image| image.software).unwrap_or_default();
        let scan = self.last_scan(ctx, &new.guest, &new.tags, new.launched, new.stopped);
        let past = PastInstance {
            id: id.clone(),
            image: new.image_id,
            instance_type: new.instance_type,
            zone: new.zone,
            launched: new.launched,
            stopped: new.stopped,
            tags: new.tags,
            profile: new.profile,
            software: inside::software(&image, &new.guest, new.launched),
            agent: inside::agent(&new.guest, new.launched, self.start),
            operator: None,
            volumes: new.volumes,
            hostname: new.hostname,
        };
        ec2::seed::instance(ctx, past);
        self.note(ctx, &id, &new.guest, scan);
        id
    }

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

/// The role of hybrid nodes that are there already: what the console makes.
const ROLE: &str = "service-role/AmazonEC2RunCommandRoleForManagedInstances";

/// Puts a hybrid node into its place, or the machine that is to become one.
pub(super) fn on_premises(seeder: &mut Seeder<'_>, ctx: &mut Ctx<'_>, one: &OnPremises) {
    let name = one.name.get_ref();
    let id = ctx.fixed_id("mi", name);
    let registered = one.age.before(seeder.start);
    let tags = seeder.tags(ctx, &one.tags);
    let byte = |purpose: &str| 2 + (ctx.draw(&id, purpose, 0) * 250.0) as u8;
    let machine = Machine {
        system: one.system.get_ref().into(),
        hostname: name.into(),
        ip: format!("192.168.{}.{}", byte("network"), byte("address")).into(),
        software: inside::software(&Software::default(), &one.guest, registered).into(),
        booted_at: registered,
        running: true,
        sick: false,
        agent: inside::agent(&one.guest, registered, seeder.start),
    };
    if one.waiting {
        ctx.region().ssm.waiting.push(Waiting { node: id, machine, tags });
        return;
    }
    let activation = ctx.uuid("activation");
    ssm::seed::used_activation(ctx, &activation, ROLE, registered);
    let node = HybridNode {
        name: name.clone(),
        activation_id: activation,
        iam_role: ROLE.to_owned(),
        registered_at: registered,
        tags: tags.clone(),
    };
    let scan = seeder.last_scan(ctx, &one.guest, &tags, registered, None);
    let region = ctx.region();
    region.machines.insert(id.as_str().into(), Box::new(machine));
    region.ssm.hybrid_nodes.insert(id.clone(), node);
    seeder.note(ctx, &id, &one.guest, scan);
}
