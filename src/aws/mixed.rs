//! Mixed instances policies: told by AWS, kept as opaque text, given back with another template version.
//!
//! AWS takes a policy only whole, so everything that it told must come back. Policies that choose instance types by
//! attributes are the exception: no refresh takes them, and their text holds none of the attributes.

use aws_sdk_autoscaling::types::{
    DistributionSegment, InstancesDistribution, LaunchTemplate, LaunchTemplateOverrides, LaunchTemplateSpecification,
    MixedInstancesPolicy, TargetCapacityType,
};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Policy {
    template: Template,
    overrides: Vec<Override>,
    distribution: Option<Distribution>,
}

#[derive(Serialize, Deserialize)]
struct Template {
    id: Option<String>,
    version: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Override {
    instance_type: Option<String>,
    weight: Option<String>,
    template: Option<Template>,
    image: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Distribution {
    on_demand_strategy: Option<String>,
    on_demand_base: Option<i32>,
    on_demand_percentage: Option<i32>,
    spot_strategy: Option<String>,
    spot_pools: Option<i32>,
    spot_max_price: Option<String>,
    segments: Option<Vec<Vec<String>>>,
}

/// A policy as text.
pub(super) fn text(policy: &MixedInstancesPolicy) -> String {
    let empty = LaunchTemplateSpecification::builder().build();
    let launch = policy.launch_template.as_ref();
    let kept = Policy {
        template: Template::of(launch.and_then(|it| it.launch_template_specification.as_ref()).unwrap_or(&empty)),
        overrides: launch.and_then(|it| it.overrides.as_deref()).unwrap_or_default().iter().map(Override::of).collect(),
        distribution: policy.instances_distribution.as_ref().map(Distribution::of),
    };
    serde_json::to_string(&kept).unwrap_or_default()
}

/// The policy in a text, with another version of its template; none if the text holds no policy.
pub(super) fn with_version(text: &str, version: u64) -> Option<MixedInstancesPolicy> {
    let mut kept: Policy = serde_json::from_str(text).ok()?;
    kept.template.version = Some(version.to_string());
    let launch = LaunchTemplate::builder()
        .launch_template_specification(kept.template.told())
        .set_overrides(Some(kept.overrides.into_iter().map(Override::told).collect()))
        .build();
    let distribution = kept.distribution.map(Distribution::told);
    Some(MixedInstancesPolicy::builder().launch_template(launch).set_instances_distribution(distribution).build())
}

impl Template {
    fn of(told: &LaunchTemplateSpecification) -> Self {
        Self { id: told.launch_template_id.clone(), version: told.version.clone() }
    }

    fn told(self) -> LaunchTemplateSpecification {
        LaunchTemplateSpecification::builder().set_launch_template_id(self.id).set_version(self.version).build()
    }
}

impl Override {
    fn of(told: &LaunchTemplateOverrides) -> Self {
        Self {
            instance_type: told.instance_type.clone(),
            weight: told.weighted_capacity.clone(),
            template: told.launch_template_specification.as_ref().map(Template::of),
            image: told.image_id.clone(),
        }
    }

    fn told(self) -> LaunchTemplateOverrides {
        LaunchTemplateOverrides::builder()
            .set_instance_type(self.instance_type)
            .set_weighted_capacity(self.weight)
            .set_launch_template_specification(self.template.map(Template::told))
            .set_image_id(self.image)
            .build()
    }
}

impl Distribution {
    fn of(told: &InstancesDistribution) -> Self {
        Self {
            on_demand_strategy: told.on_demand_allocation_strategy.clone(),
            on_demand_base: told.on_demand_base_capacity,
            on_demand_percentage: told.on_demand_percentage_above_base_capacity,
            spot_strategy: told.spot_allocation_strategy.clone(),
            spot_pools: told.spot_instance_pools,
            spot_max_price: told.spot_max_price.clone(),
            segments: told.distribution_segments.as_ref().map(|all| all.iter().map(kinds).collect()),
        }
    }

    fn told(self) -> InstancesDistribution {
        InstancesDistribution::builder()
            .set_on_demand_allocation_strategy(self.on_demand_strategy)
            .set_on_demand_base_capacity(self.on_demand_base)
            .set_on_demand_percentage_above_base_capacity(self.on_demand_percentage)
            .set_spot_allocation_strategy(self.spot_strategy)
            .set_spot_instance_pools(self.spot_pools)
            .set_spot_max_price(self.spot_max_price)
            .set_distribution_segments(self.segments.map(|all| all.into_iter().map(segment).collect()))
            .build()
    }
}

fn kinds(segment: &DistributionSegment) -> Vec<String> {
    let kinds = segment.target_capacity_types.as_deref().unwrap_or_default();
    kinds.iter().map(|kind| kind.as_str().to_owned()).collect()
}

fn segment(kinds: Vec<String>) -> DistributionSegment {
    let kinds = kinds.iter().map(|kind| TargetCapacityType::from(kind.as_str())).collect();
    DistributionSegment::builder().set_target_capacity_types(Some(kinds)).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_comes_back_whole_with_another_version() {
        let template =
            |version: &str| LaunchTemplateSpecification::builder().launch_template_id("lt-1").version(version).build();
        let of_version = |version: &str| {
            let over = LaunchTemplateOverrides::builder().instance_type("m7i.large").weighted_capacity("2").build();
            let launch =
                LaunchTemplate::builder().launch_template_specification(template(version)).overrides(over).build();
            let spread = InstancesDistribution::builder().on_demand_base_capacity(1).spot_max_price("0.1").build();
            MixedInstancesPolicy::builder().launch_template(launch).instances_distribution(spread).build()
        };
        assert_eq!(with_version(&text(&of_version("3")), 4), Some(of_version("4")));
        assert_eq!(with_version("{}", 4), None);
    }
}
