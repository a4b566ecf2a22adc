//! Attributes of instances, one at a time.

use serde_json::{Value, json};

use super::filter::{INSTANCE, SECURITY_GROUP};
use super::instance::{Instance, State};
use super::{shown, types};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::{ApiError, Get};

/// `DescribeInstanceAttribute`.
pub(super) fn describe(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let instance = find(ctx, input)?;
    let flag = |value: bool| json!({"Value": value});
    let (member, value) = match input.text("Attribute").unwrap_or_default() {
        "instanceType" => ("InstanceType", json!({"Value": instance.instance_type})),
        "userData" => ("UserData", json!({"Value": instance.user_data})),
        "disableApiTermination" => ("DisableApiTermination", flag(instance.termination_protection)),
        "disableApiStop" => ("DisableApiStop", flag(instance.stop_protection)),
        "instanceInitiatedShutdownBehavior" => {
            ("InstanceInitiatedShutdownBehavior", json!({"Value": instance.shutdown_behavior}))
        }
        "rootDeviceName" => ("RootDeviceName", json!({"Value": instance.root_device})),
        "ebsOptimized" => ("EbsOptimized", flag(instance.ebs_optimized)),
        "sourceDestCheck" => ("SourceDestCheck", flag(true)),
        "enaSupport" => ("EnaSupport", flag(true)),
        "sriovNetSupport" => ("SriovNetSupport", json!({"Value": "simple"})),
        "groupSet" => {
            ("Groups", instance.security_groups.iter().map(|group| json!({"GroupId": group})).collect::<Value>())
        }
        "blockDeviceMapping" => ("BlockDeviceMappings", Value::from(shown::devices(ctx, &instance))),
        "productCodes" => ("ProductCodes", json!([])),
        "enclaveOptions" => ("EnclaveOptions", json!({"Enabled": false})),
        "kernel" => ("KernelId", json!({})),
        "ramdisk" => ("RamdiskId", json!({})),
        other => {
            let message = format!("Value ({other}) for parameter attribute is invalid.");
            return Err(ApiError::new("InvalidParameterValue", message));
        }
    };
    Ok(json!({"InstanceId": instance.id, member: value}))
}

/// `ModifyInstanceAttribute`: the attribute may come by its name, or as its own member.
pub(super) fn modify(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let mut instance = find(ctx, input)?;
    let named = input.text("Attribute").unwrap_or_default();
    let text = |member: &str, name: &str| {
        let own = input.get(member).and_then(|own| own.text("Value"));
        own.or_else(|| input.text("Value").filter(|_| named == name)).map(str::to_owned)
    };
    let flag = |member: &str, name: &str| {
        let own = input.get(member).and_then(|own| own.flag("Value"));
        own.or_else(|| input.flag("Value").filter(|_| named == name))
    };
    let stopped = |instance: &Instance| {
        if instance.state == State::Stopped {
            return Ok(());
        }
        let message = format!("The instance '{}' is not in the 'stopped' state.", instance.id);
        Err(ApiError::new("IncorrectInstanceState", message))
    };
    if let Some(name) = text("InstanceType", "instanceType") {
        stopped(&instance)?;
        let wanted = types::find(&name)?;
        if instance.architecture != wanted.architecture {
            let message = format!(
                "The architecture '{}' of the specified instance type does not match the architecture '{}' of the instance.",
                wanted.architecture, instance.architecture
            );
            return Err(ApiError::new("InvalidParameterValue", message));
        }
        instance.instance_type = name.into();
    }
    // As a member of its own it is a blob, which the codec gives as base64 text.
    let blob = input.get("UserData").and_then(|own| own.text("Value")).map(str::to_owned);
    if let Some(data) = blob.or_else(|| text("UserData", "userData")) {
        stopped(&instance)?;
        instance.user_data = Some(data.into());
    }
    if let Some(protected) = flag("DisableApiTermination", "disableApiTermination") {
        instance.termination_protection = protected;
    }
    if let Some(protected) = flag("DisableApiStop", "disableApiStop") {
        instance.stop_protection = protected;
    }
    if let Some(optimized) = flag("EbsOptimized", "ebsOptimized") {
        stopped(&instance)?;
        instance.ebs_optimized = optimized;
    }
    if let Some(behavior) = text("InstanceInitiatedShutdownBehavior", "instanceInitiatedShutdownBehavior") {
        instance.shutdown_behavior = behavior.into();
    }
    let groups = input.texts("Groups");
    if !groups.is_empty() {
        let known = &ctx.region().ec2.networks.security_groups;
        SECURITY_GROUP.check(&groups, |id| known.contains_key(id))?;
        instance.security_groups = groups.into_iter().collect();
    }
    for mapping in input.items("BlockDeviceMappings") {
        let name = mapping.text("DeviceName").unwrap_or_default();
        let wanted = mapping.get("Ebs").and_then(|ebs| ebs.flag("DeleteOnTermination"));
        let volumes = &mut ctx.region().ec2.volumes;
        let own = instance.volumes.iter().find(|id| volumes.get(*id).is_some_and(|volume| volume.device == name));
        if let (Some(volume), Some(wanted)) = (own.and_then(|id| volumes.get_mut(id)), wanted) {
            volume.delete_on_termination = wanted;
        }
    }
    ctx.region().ec2.instances.insert(instance);
    Ok(json!({}))
}

fn find(ctx: &mut Ctx<'_>, input: &Value) -> Result<Instance, ApiError> {
    let instance_id = input.text("InstanceId").unwrap_or_default();
    let instances = &ctx.region().ec2.instances;
    INSTANCE.check(&[instance_id], |id| instances.contains_key(id))?;
    instances.get(instance_id).cloned().ok_or_else(|| INSTANCE.not_found(instance_id))
}
