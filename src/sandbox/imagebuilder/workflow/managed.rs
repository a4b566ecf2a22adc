//! The workflows that Amazon offers: what runs when a request names none.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;

use super::Kind;
use crate::sandbox::imagebuilder::{Resource, Version};

/// A workflow of Amazon's.
struct Managed {
    kind: Kind,
    name: &'static str,
    version: Version,
    description: &'static str,
    data: &'static str,
}

/// Names, steps and actions as `ListWorkflowStepExecutions` shows them of a default build.
const WORKFLOWS: [Managed; 3] = [
    Managed {
        kind: Kind::Build,
        name: "build-image",
        version: Version::of(1, 0, 3),
        description: "Workflow to build an AMI.",
        data: r"name: build-image
schemaVersion: 1.0
steps:
  - name: LaunchBuildInstance
    action: LaunchInstance
    inputs: { waitFor: ssmAgent }
  - name: ApplyBuildComponents
    action: ExecuteComponents
    inputs: { instanceId.$: $.stepOutputs.LaunchBuildInstance.instanceId }
  - name: InventoryCollection
    action: CollectImageMetadata
    if: { booleanEquals: true, value: $.imagebuilder.collectImageMetadata }
    inputs: { instanceId.$: $.stepOutputs.LaunchBuildInstance.instanceId }
  - name: RunSanitizeScript
    action: SanitizeInstance
    if: { not: { stringEquals: Windows, value: $.imagebuilder.platform } }
    inputs: { instanceId.$: $.stepOutputs.LaunchBuildInstance.instanceId }
  - name: RunSysPrepScript
    action: RunSysPrep
    if: { stringEquals: Windows, value: $.imagebuilder.platform }
    inputs: { instanceId.$: $.stepOutputs.LaunchBuildInstance.instanceId }
  - name: CreateOutputAMI
    action: CreateImage
    inputs: { instanceId.$: $.stepOutputs.LaunchBuildInstance.instanceId }
  - name: TerminateBuildInstance
    action: TerminateInstance
    onFailure: Continue
    inputs: { instanceId.$: $.stepOutputs.LaunchBuildInstance.instanceId }
",
    },
    Managed {
        kind: Kind::Test,
        name: "test-image",
        version: Version::of(1, 0, 2),
        description: "Workflow to test an AMI.",
        data: r"name: test-image
schemaVersion: 1.0
steps:
  - name: LaunchTestInstance
    action: LaunchInstance
    inputs: { waitFor: ssmAgent }
  - name: ApplyTestComponents
    action: ExecuteComponents
    inputs: { instanceId.$: $.stepOutputs.LaunchTestInstance.instanceId }
  - name: CollectImageScanFindings
    action: CollectImageScanFindings
    if: { booleanEquals: true, value: $.imagebuilder.collectImageScanFindings }
    inputs: { instanceId.$: $.stepOutputs.LaunchTestInstance.instanceId }
  - name: TerminateTestInstance
    action: TerminateInstance
    onFailure: Continue
    inputs: { instanceId.$: $.stepOutputs.LaunchTestInstance.instanceId }
",
    },
    Managed {
        kind: Kind::Distribution,
        name: "distribute-image",
        version: Version::of(1, 0, 0),
        description: "Workflow to distribute an AMI.",
        data: r"name: distribute-image
schemaVersion: 1.0
steps:
  - name: DistributeImage
    action: DistributeImage
  - name: ModifyImageAttributes
    action: ModifyImageAttributes
  - name: ApplyImageConfigurations
    action: ApplyImageConfigurations
",
    },
];

/// Amazon's workflows, as a region shows them.
pub(super) fn workflows(region: &str) -> Vec<Resource> {
    WORKFLOWS.iter().map(|workflow| workflow.resource(region)).collect()
}

/// The workflow of a stage that runs when a request names none.
pub(super) fn default(kind: Kind, region: &str) -> Option<Resource> {
    WORKFLOWS.iter().find(|workflow| workflow.kind == kind).map(|workflow| workflow.resource(region))
}

impl Managed {
    fn resource(&self, region: &str) -> Resource {
        let stage = self.kind.to_string().to_lowercase();
        Resource {
            arn: format!("arn:aws:imagebuilder:{region}:aws:workflow/{stage}/{}/{}/1", self.name, self.version),
            name: self.name.to_owned(),
            version: Some(self.version),
            created: Timestamp::UNIX_EPOCH + std::time::Duration::from_secs(1_701_000_000),
            updated: None,
            tags: BTreeMap::new(),
            body: json!({
                "description": self.description, "type": self.kind, "owner": "Amazon", "data": self.data,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::document::Document;
    use super::*;

    #[test]
    fn every_document_is_valid() {
        for workflow in &WORKFLOWS {
            Document::parse(workflow.data, workflow.kind).unwrap();
        }
    }
}
