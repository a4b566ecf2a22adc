//! Instance types: the common families, as the EC2 user guide lists them.

use serde_json::{Value, json};

use super::filter::{Filters, one};
use super::network;
use super::page::{self, Sizes};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::{ApiError, Get};

/// An instance type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct InstanceType {
    /// For example `m7i.large`.
    pub(super) name: String,
    /// `x86_64` or `arm64`.
    pub(super) architecture: &'static str,
    /// Virtual processors.
    pub(super) vcpus: i64,
    /// In MiB.
    pub(super) memory: i64,
}

/// Family, architecture, GiB of memory for a virtual processor.
const FAMILIES: [(&str, &str, i64); 24] = [
    ("c5", "x86_64", 2),
    ("c6a", "x86_64", 2),
    ("c6g", "arm64", 2),
    ("c6i", "x86_64", 2),
    ("c7a", "x86_64", 2),
    ("c7g", "arm64", 2),
    ("c7i", "x86_64", 2),
    ("c8g", "arm64", 2),
    ("m4", "x86_64", 4),
    ("m5", "x86_64", 4),
    ("m5a", "x86_64", 4),
    ("m6a", "x86_64", 4),
    ("m6g", "arm64", 4),
    ("m6i", "x86_64", 4),
    ("m7a", "x86_64", 4),
    ("m7g", "arm64", 4),
    ("m7i", "x86_64", 4),
    ("m8g", "arm64", 4),
    ("r5", "x86_64", 8),
    ("r6g", "arm64", 8),
    ("r6i", "x86_64", 8),
    ("r7g", "arm64", 8),
    ("r7i", "x86_64", 8),
    ("r8g", "arm64", 8),
];

/// Size and virtual processors. `medium` exists for Graviton only.
const SIZES: [(&str, i64); 9] = [
    ("medium", 1),
    ("large", 2),
    ("xlarge", 4),
    ("2xlarge", 8),
    ("4xlarge", 16),
    ("8xlarge", 32),
    ("12xlarge", 48),
    ("16xlarge", 64),
    ("24xlarge", 96),
];

/// The burstable families.
const BURSTABLE: [(&str, &str); 4] = [("t2", "x86_64"), ("t3", "x86_64"), ("t3a", "x86_64"), ("t4g", "arm64")];

/// Size, virtual processors and MiB of memory of the burstable families; the smallest `t2` have one processor only.
const BURSTABLE_SIZES: [(&str, i64, i64); 7] = [
    ("nano", 2, 512),
    ("micro", 2, 1024),
    ("small", 2, 2048),
    ("medium", 2, 4096),
    ("large", 2, 8192),
    ("xlarge", 4, 16_384),
    ("2xlarge", 8, 32_768),
];

/// A type by its name.
///
/// # Errors
/// `InvalidParameterValue`.
pub(super) fn find(name: &str) -> Result<InstanceType, ApiError> {
    lookup(name)
        .ok_or_else(|| ApiError::new("InvalidParameterValue", format!("Invalid value '{name}' for InstanceType.")))
}

fn lookup(name: &str) -> Option<InstanceType> {
    let (family, size) = name.split_once('.')?;
    let named = |architecture, vcpus, memory| InstanceType { name: name.to_owned(), architecture, vcpus, memory };
    if let Some((_, architecture)) = BURSTABLE.iter().find(|(known, _)| *known == family) {
        let &(_, vcpus, memory) = BURSTABLE_SIZES.iter().find(|(known, ..)| *known == size)?;
        let single = family == "t2" && memory < 4096;
        return Some(named(architecture, if single { 1 } else { vcpus }, memory));
    }
    let &(_, architecture, gib) = FAMILIES.iter().find(|(known, ..)| *known == family)?;
    let &(_, vcpus) = SIZES.iter().find(|(known, _)| *known == size)?;
    (architecture == "arm64" || size != "medium").then(|| named(architecture, vcpus, vcpus * gib * 1024))
}

/// All types, by name.
fn all() -> Vec<InstanceType> {
    let burstable = BURSTABLE.iter().flat_map(|(family, _)| {
        BURSTABLE_SIZES.iter().filter_map(move |(size, ..)| lookup(&format!("{family}.{size}")))
    });
    let others = FAMILIES
        .iter()
        .flat_map(|(family, ..)| SIZES.iter().filter_map(move |(size, _)| lookup(&format!("{family}.{size}"))));
    let mut all: Vec<InstanceType> = burstable.chain(others).collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

/// `DescribeInstanceTypes`.
pub(super) fn describe(input: &Value) -> Result<Value, ApiError> {
    page::refuse_with_ids(input, "InstanceTypes", "instanceTypes")?;
    let asked = input.texts("InstanceTypes");
    if let Some(unknown) = asked.iter().find(|name| lookup(name).is_none()) {
        let message = format!("The following supplied instance types do not exist: [{unknown}]");
        return Err(ApiError::new("InvalidInstanceType", message));
    }
    let filters = Filters::read(
        input,
        &[
            "instance-type",
            "processor-info.supported-architecture",
            "current-generation",
            "vcpu-info.default-vcpus",
            "memory-info.size-in-mib",
            "burstable-performance-supported",
            "bare-metal",
            "hypervisor",
        ],
    )?;
    let passes = |one_type: &InstanceType| {
        filters.pass(|name| match name {
            "instance-type" => one(&one_type.name),
            "processor-info.supported-architecture" => one(one_type.architecture),
            "current-generation" => one(one_type.is_current().to_string()),
            "vcpu-info.default-vcpus" => one(one_type.vcpus.to_string()),
            "memory-info.size-in-mib" => one(one_type.memory.to_string()),
            "burstable-performance-supported" => one(one_type.is_burstable().to_string()),
            "hypervisor" => one(one_type.hypervisor()),
            _ => one("false"),
        })
    };
    let items = all()
        .into_iter()
        .filter(|one| asked.is_empty() || asked.contains(&one.name.as_str()))
        .filter(passes)
        .map(|one| (one.name.clone(), one.value()))
        .collect();
    page::answer(input, "InstanceTypes", Sizes { least: 5, most: 100, cut: false }, items)
}

/// `DescribeInstanceTypeOfferings`: every type is offered in every zone.
pub(super) fn offerings(ctx: &Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let kind = input.text("LocationType").unwrap_or("region");
    let locations = match kind {
        "availability-zone" => network::zones(ctx).to_vec(),
        "availability-zone-id" => network::zones(ctx).iter().map(|zone| network::zone_id(zone)).collect(),
        _ => vec![ctx.place.region.clone()],
    };
    let filters = Filters::read(input, &["instance-type", "location"])?;
    let mut items = Vec::new();
    for one_type in all() {
        for location in &locations {
            let passes = filters.pass(|name| one(if name == "location" { location } else { &one_type.name }));
            if passes {
                let item = json!({"InstanceType": one_type.name, "LocationType": kind, "Location": location});
                items.push((format!("{} {location}", one_type.name), item));
            }
        }
    }
    page::answer(input, "InstanceTypeOfferings", page::USUAL, items)
}

impl InstanceType {
    fn is_burstable(&self) -> bool {
        self.name.starts_with('t')
    }

    fn is_current(&self) -> bool {
        !self.name.starts_with("m4.")
    }

    pub(super) fn hypervisor(&self) -> &'static str {
        if self.name.starts_with("t2.") || self.name.starts_with("m4.") { "xen" } else { "nitro" }
    }

    fn value(&self) -> Value {
        json!({
            "InstanceType": self.name,
            "CurrentGeneration": self.is_current(),
            "FreeTierEligible": self.name.rsplit('.').next() == Some("micro"),
            "SupportedUsageClasses": ["on-demand", "spot"],
            "SupportedRootDeviceTypes": ["ebs"],
            "SupportedVirtualizationTypes": ["hvm"],
            "BareMetal": false,
            "Hypervisor": self.hypervisor(),
            "ProcessorInfo": {"SupportedArchitectures": [self.architecture]},
            "VCpuInfo": {"DefaultVCpus": self.vcpus},
            "MemoryInfo": {"SizeInMiB": self.memory},
            "InstanceStorageSupported": false,
            "EbsInfo": {"EbsOptimizedSupport": "default", "EncryptionSupport": "supported"},
            "BurstablePerformanceSupported": self.is_burstable(),
            "SupportedBootModes": if self.architecture == "arm64" { vec!["uefi"] } else { vec!["legacy-bios", "uefi"] },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_the_architecture_of_their_family() {
        let facts = |name: &str| find(name).map(|found| (found.architecture, found.vcpus, found.memory));
        assert_eq!(facts("m7i.large"), Ok(("x86_64", 2, 8192)));
        assert_eq!(facts("r8g.medium"), Ok(("arm64", 1, 8192)));
        assert_eq!(facts("t2.micro"), Ok(("x86_64", 1, 1024)));
        assert!(facts("m7i.medium").is_err() && facts("m7i").is_err() && facts("").is_err());
    }
}
