//! Auto Scaling groups of a world, with their members.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::Seeder;
use super::nodes::NewInstance;
use crate::sandbox::Ctx;
use crate::sandbox::autoscaling::{self, Configuration, GroupTag, Hook, HookResult, Lifecycle, Source};
use crate::sandbox::ec2;
use crate::sandbox::value::{ApiError, Get};
use crate::sandbox::world::age::Age;
use crate::sandbox::world::file::{self, Group, HealthCheck, LaunchConfiguration, Transition, VersionName};

/// How much older a group is than its members.
const OLDER: Duration = Duration::from_hours(30 * 24);

/// What a group launches at the start of the world.
struct Blueprint {
    image_id: String,
    instance_types: Vec<String>,
    /// Id and number of the template version.
    template: Option<(String, i64)>,
    settings: Value,
    source: Source,
}

impl Blueprint {
    /// The tags that the template gives to its instances.
    fn tags(&self) -> BTreeMap<String, String> {
        let specifications = self.settings.items("TagSpecifications").iter();
        let own = specifications.filter(|one| one.text("ResourceType") == Some("instance"));
        let text = |tag: &Value, name: &str| tag.text(name).unwrap_or_default().to_owned();
        let own = own.flat_map(|one| one.items("Tags")).map(|tag| (text(tag, "Key"), text(tag, "Value")));
        let mut tags: BTreeMap<String, String> = own.collect();
        if let Some((id, version)) = &self.template {
            tags.insert("aws:ec2launchtemplate:id".to_owned(), id.clone());
            tags.insert("aws:ec2launchtemplate:version".to_owned(), version.to_string());
        }
        tags
    }

    fn profile(&self) -> Option<String> {
        self.settings.get("IamInstanceProfile")?.text("Name").map(str::to_owned)
    }

    fn volumes(&self) -> Vec<(String, i64, bool)> {
        let volume = |mapping: &Value| {
            let ebs = mapping.get("Ebs")?;
            let keep = !ebs.flag("DeleteOnTermination").unwrap_or(true);
            Some((mapping.text("DeviceName")?.to_owned(), ebs.int("VolumeSize")?, keep))
        };
        self.settings.items("BlockDeviceMappings").iter().filter_map(volume).collect()
    }
}

/// Puts a launch configuration into its place.
pub(super) fn launch_configuration(seeder: &Seeder<'_>, ctx: &mut Ctx<'_>, one: &LaunchConfiguration) {
    let mut further = serde_json::Map::new();
    further.extend(one.instance_profile.as_ref().map(|name| ("IamInstanceProfile".to_owned(), json!(name))));
    let configuration = autoscaling::LaunchConfiguration {
        name: one.name.get_ref().clone(),
        arn: String::new(),
        created_at: one.age.before(seeder.start),
        image_id: seeder.image_id(ctx, one.image.get_ref()),
        instance_type: one.instance_type.clone(),
        further,
    };
    autoscaling::seed::launch_configuration(ctx, configuration);
}

/// Puts a group and its members into its place.
///
/// # Errors
/// What EC2 says of a template that cannot be used.
pub(super) fn group(seeder: &mut Seeder<'_>, ctx: &mut Ctx<'_>, one: &Group) -> Result<(), ApiError> {
    let configuration = configuration(ctx, one)?;
    let blueprint = blueprint(ctx, one, &configuration)?;
    let created = one.age.before(seeder.start) - OLDER;
    let mut group = autoscaling::Group::new(one.name.get_ref(), created, configuration);
    settings(seeder, ctx, one, &mut group);
    let mut members = Vec::new();
    for index in 0..one.size {
        members.push(member(seeder, ctx, one, &group, &blueprint, index));
    }
    autoscaling::seed::group(ctx, group, members);
    Ok(())
}

fn configuration(ctx: &mut Ctx<'_>, one: &Group) -> Result<Configuration, ApiError> {
    if let Some(name) = &one.launch_configuration {
        return Ok(Configuration::LaunchConfiguration(name.get_ref().clone()));
    }
    let name = one.template.as_ref().map_or("", |name| name.get_ref());
    let version = match one.version.as_ref().map(toml::Spanned::get_ref) {
        Some(VersionName::Number(number)) => number.to_string(),
        Some(VersionName::Latest) => "$Latest".to_owned(),
        Some(VersionName::Default) | None => "$Default".to_owned(),
    };
    let configuration = autoscaling::seed::template(ctx, name, &version)?;
    let Configuration::Template(template) = &configuration else { return Ok(configuration) };
    if one.mixed.is_empty() {
        return Ok(configuration);
    }
    let specification = json!({
        "LaunchTemplateId": template.id, "LaunchTemplateName": template.name, "Version": template.version
    });
    let overrides: Vec<Value> = one.mixed.iter().map(|name| json!({"InstanceType": name})).collect();
    Ok(Configuration::Mixed(json!({
        "LaunchTemplate": {"LaunchTemplateSpecification": specification, "Overrides": overrides},
        "InstancesDistribution": {
            "OnDemandAllocationStrategy": "prioritized",
            "OnDemandBaseCapacity": 0,
            "OnDemandPercentageAboveBaseCapacity": 100,
            "SpotAllocationStrategy": "price-capacity-optimized",
        },
    })))
}

fn blueprint(ctx: &mut Ctx<'_>, one: &Group, configuration: &Configuration) -> Result<Blueprint, ApiError> {
    let specification = match configuration {
        Configuration::LaunchConfiguration(name) => {
            let known = ctx.region().autoscaling.launch_configurations.get(name).cloned();
            let profile = known.as_ref().and_then(|known| known.further.get("IamInstanceProfile").cloned());
            let (image_id, instance_type) =
                known.map(|known| (known.image_id, known.instance_type)).unwrap_or_default();
            return Ok(Blueprint {
                image_id,
                instance_types: vec![instance_type],
                template: None,
                settings: profile.map_or(Value::Null, |name| json!({"IamInstanceProfile": {"Name": name}})),
                source: Source::LaunchConfiguration(name.into()),
            });
        }
        Configuration::Template(template) => {
            json!({"LaunchTemplateId": template.id, "Version": template.version})
        }
        Configuration::Mixed(policy) => {
            let own = policy.pointer("/LaunchTemplate/LaunchTemplateSpecification");
            json!({
                "LaunchTemplateId": own.and_then(|own| own.text("LaunchTemplateId")),
                "Version": own.and_then(|own| own.text("Version")),
            })
        }
    };
    let template = ec2::resolve_template(ctx, &specification)?;
    let image_id = ec2::resolve_image(ctx, template.data.text("ImageId").unwrap_or_default())?;
    let own_type = || vec![template.data.text("InstanceType").unwrap_or("m7i.large").to_owned()];
    Ok(Blueprint {
        image_id,
        instance_types: if one.mixed.is_empty() { own_type() } else { one.mixed.clone() },
        template: Some((template.id.clone(), template.version)),
        source: Source::Template { id: template.id.into(), name: template.name.into(), version: template.version },
        settings: template.data,
    })
}

fn settings(seeder: &Seeder<'_>, ctx: &Ctx<'_>, one: &Group, group: &mut autoscaling::Group) {
    let (region, account) = (&ctx.place.region, &ctx.place.account);
    group.desired_capacity = one.size as i64;
    group.min_size = one.min.as_ref().map_or(one.size, |min| *min.get_ref()) as i64;
    group.max_size = one.max.as_ref().map_or(one.size * 2, |max| *max.get_ref()) as i64;
    group.zones = one.zones.iter().map(|zone| format!("{region}{}", zone.get_ref())).collect();
    let checks = match one.health {
        HealthCheck::Ec2 => "EC2",
        HealthCheck::Elb => "ELB",
    };
    checks.clone_into(&mut group.health_check_type);
    group.health_check_grace_period = one.grace.seconds();
    group.default_instance_warmup = one.warmup.map(Age::seconds);
    group.new_instances_protected = one.protect_new;
    let target_group = |name: &String| {
        let digits = ctx.fixed_id("tg", name).replace("tg-", "");
        format!("arn:aws:elasticloadbalancing:{region}:{account}:targetgroup/{name}/{}", &digits[1..])
    };
    group.target_group_arns = one.target_groups.iter().map(target_group).collect();
    let tags = one
        .tags
        .iter()
        .map(|(key, value)| (key.clone(), GroupTag { value: seeder.filled(ctx, value), propagate: true }));
    group.tags = tags.collect();
    let since = one.age.before(seeder.start).strftime("%Y-%m-%dT%H:%M:%SZ");
    let suspended = |process: &toml::Spanned<String>| (process.get_ref().clone(), format!("User suspended at {since}"));
    group.suspended = one.suspended.iter().map(suspended).collect();
    group.hooks = one.hooks.iter().map(|hook| (hook.name.clone(), self::hook(hook))).collect();
}

fn hook(hook: &file::Hook) -> Hook {
    let transition = match hook.on {
        Transition::Launch => autoscaling::Transition::Launching,
        Transition::Terminate => autoscaling::Transition::Terminating,
    };
    // Nobody answers in the account of a world: an instance goes on when the heartbeat ends.
    Hook { heartbeat_timeout: hook.heartbeat.seconds(), default_result: HookResult::Continue, ..Hook::new(transition) }
}

fn member(
    seeder: &mut Seeder<'_>,
    ctx: &mut Ctx<'_>,
    one: &Group,
    group: &autoscaling::Group,
    blueprint: &Blueprint,
    index: usize,
) -> autoscaling::Member {
    let unusual = one.member.iter().find(|member| *member.index.get_ref() == index);
    let launched = unusual.and_then(|member| member.age).unwrap_or(one.age).before(seeder.start);
    let image_id = match unusual.and_then(|member| member.image.as_ref()) {
        Some(key) => seeder.image_id(ctx, key.get_ref()),
        None => blueprint.image_id.clone(),
    };
    let zone = group.zones.get(index % group.zones.len().max(1)).cloned().unwrap_or_default();
    let instance_type = blueprint.instance_types.get(index % blueprint.instance_types.len().max(1));
    let instance_type = instance_type.cloned().unwrap_or_default();
    let mut tags = blueprint.tags();
    tags.extend(group.instance_tags());
    for (key, value) in unusual.iter().flat_map(|member| &member.tags) {
        tags.insert(key.clone(), seeder.filled(ctx, value));
    }
    let new = NewInstance {
        label: format!("{} {index}", group.name),
        image_id: image_id.clone(),
        instance_type: instance_type.clone(),
        zone: zone.clone(),
        launched,
        stopped: None,
        profile: blueprint.profile(),
        volumes: blueprint.volumes(),
        tags,
        hostname: None,
        guest: unusual.map_or_else(|| one.guest.clone(), |member| member.guest.or(&one.guest)),
    };
    let instance_id = seeder.instance(ctx, new);
    let mut member = autoscaling::Member::in_service(&instance_id, &instance_type, &zone, &image_id, launched);
    member.source = Some(blueprint.source.clone());
    member.protected = one.protect_new || unusual.is_some_and(|member| member.protected);
    if unusual.is_some_and(|member| member.standby) {
        member.lifecycle = Lifecycle::Standby;
    }
    member
}
