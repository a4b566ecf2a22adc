//! What Amazon itself offers: components, and names of images that stand for the latest one of a system.

use jiff::Timestamp;
use serde_json::json;
use std::collections::BTreeMap;

use super::{Resource, Version};

/// One component of Amazon's.
struct Managed {
    name: &'static str,
    version: Version,
    platform: &'static str,
    description: &'static str,
    phase: &'static str,
    /// Whether there is something better.
    deprecated: bool,
    /// Name, action and inputs of its only step.
    step: [&'static str; 3],
}

/// Names as `ListComponents` with owner `Amazon` gives them; of each, one version, and of one its deprecated
/// predecessor.
const COMPONENTS: [Managed; 14] = [
    Managed {
        name: "amazon-cloudwatch-agent-linux",
        version: Version::of(1, 0, 1),
        platform: "Linux",
        description: "Installs the latest version of the Amazon CloudWatch agent.",
        phase: "build",
        deprecated: false,
        step: ["InstallAgent", "ExecuteBash", "{ commands: [dnf -y install amazon-cloudwatch-agent] }"],
    },
    Managed {
        name: "amazon-cloudwatch-agent-windows",
        version: Version::of(1, 0, 0),
        platform: "Windows",
        description: "Installs the latest version of the Amazon CloudWatch agent.",
        phase: "build",
        deprecated: false,
        step: ["InstallAgent", "InstallMSI", "[{ path: amazon-cloudwatch-agent.msi }]"],
    },
    Managed {
        name: "aws-cli-version-2-linux",
        version: Version::of(1, 0, 3),
        platform: "Linux",
        description: "Installs the latest version of the AWS CLI version 2.",
        phase: "build",
        deprecated: true,
        step: ["InstallCli", "ExecuteBash", "{ commands: [./aws/install] }"],
    },
    Managed {
        name: "aws-cli-version-2-linux",
        version: Version::of(1, 0, 4),
        platform: "Linux",
        description: "Installs the latest version of the AWS CLI version 2.",
        phase: "build",
        deprecated: false,
        step: ["InstallCli", "ExecuteBash", "{ commands: [./aws/install --update] }"],
    },
    Managed {
        name: "aws-cli-version-2-windows",
        version: Version::of(1, 0, 1),
        platform: "Windows",
        description: "Installs the latest version of the AWS CLI version 2.",
        phase: "build",
        deprecated: false,
        step: ["InstallCli", "InstallMSI", "[{ path: AWSCLIV2.msi }]"],
    },
    Managed {
        name: "reboot-linux",
        version: Version::of(1, 0, 1),
        platform: "Linux",
        description: "Reboots the system.",
        phase: "build",
        deprecated: false,
        step: ["Reboot", "Reboot", "{ delaySeconds: 60 }"],
    },
    Managed {
        name: "reboot-test-linux",
        version: Version::of(1, 0, 0),
        platform: "Linux",
        description: "Tests whether the system reboots successfully.",
        phase: "test",
        deprecated: false,
        step: ["Reboot", "Reboot", "{ delaySeconds: 60 }"],
    },
    Managed {
        name: "reboot-test-windows",
        version: Version::of(1, 0, 0),
        platform: "Windows",
        description: "Tests whether the system reboots successfully.",
        phase: "test",
        deprecated: false,
        step: ["Reboot", "Reboot", "{ delaySeconds: 60 }"],
    },
    Managed {
        name: "reboot-windows",
        version: Version::of(1, 0, 1),
        platform: "Windows",
        description: "Reboots the system.",
        phase: "build",
        deprecated: false,
        step: ["Reboot", "Reboot", "{ delaySeconds: 60 }"],
    },
    Managed {
        name: "simple-boot-test-linux",
        version: Version::of(1, 0, 0),
        platform: "Linux",
        description: "Executes a simple boot test.",
        phase: "test",
        deprecated: false,
        step: ["SimpleBootTest", "ExecuteBash", "{ commands: [echo 'SimpleBootTest has successfully completed.'] }"],
    },
    Managed {
        name: "simple-boot-test-windows",
        version: Version::of(1, 0, 0),
        platform: "Windows",
        description: "Executes a simple boot test.",
        phase: "test",
        deprecated: false,
        step: ["SimpleBootTest", "ExecutePowerShell", "{ commands: [echo 'SimpleBootTest has completed.'] }"],
    },
    Managed {
        name: "update-linux",
        version: Version::of(1, 0, 2),
        platform: "Linux",
        description: "Updates all installed packages to their latest versions, and reboots if necessary.",
        phase: "build",
        deprecated: false,
        step: ["UpdateOS", "UpdateOS", "{}"],
    },
    Managed {
        name: "update-linux-kernel-mainline",
        version: Version::of(1, 0, 0),
        platform: "Linux",
        description: "Installs the mainline release of the Linux kernel.",
        phase: "build",
        deprecated: false,
        step: ["InstallKernel", "ExecuteBash", "{ commands: [dnf -y install kernel-ml] }"],
    },
    Managed {
        name: "update-windows",
        version: Version::of(1, 0, 5),
        platform: "Windows",
        description: "Installs all important and recommended updates, and reboots if necessary.",
        phase: "build",
        deprecated: false,
        step: ["UpdateOS", "UpdateOS", "{}"],
    },
];

/// Names of Amazon-managed images, and the public parameters that tell the AMI behind them.
const IMAGES: [(&str, &str); 9] = [
    ("amazon-linux-2-x86", "/aws/service/ami-amazon-linux-latest/amzn2-ami-kernel-5.10-hvm-x86_64-gp2"),
    ("amazon-linux-2023-x86", "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"),
    ("amazon-linux-2023-arm64", "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"),
    ("ubuntu-server-22-lts-x86", "/aws/service/canonical/ubuntu/server/22.04/stable/current/amd64/hvm/ebs-gp2/ami-id"),
    ("ubuntu-server-24-lts-x86", "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"),
    (
        "ubuntu-server-24-lts-arm64",
        "/aws/service/canonical/ubuntu/server/24.04/stable/current/arm64/hvm/ebs-gp3/ami-id",
    ),
    (
        "windows-server-2016-english-full-base-x86",
        "/aws/service/ami-windows-latest/Windows_Server-2016-English-Full-Base",
    ),
    (
        "windows-server-2019-english-full-base-x86",
        "/aws/service/ami-windows-latest/Windows_Server-2019-English-Full-Base",
    ),
    (
        "windows-server-2022-english-full-base-x86",
        "/aws/service/ami-windows-latest/Windows_Server-2022-English-Full-Base",
    ),
];

/// Amazon's components, as a region shows them.
pub(super) fn components(region: &str) -> Vec<Resource> {
    COMPONENTS.iter().map(|component| component.resource(region)).collect()
}

/// The public parameter behind the name of an Amazon-managed image.
pub(super) fn image_parameter(name: &str) -> Option<&'static str> {
    IMAGES.iter().find(|(known, _)| *known == name).map(|(_, parameter)| *parameter)
}

impl Managed {
    fn resource(&self, region: &str) -> Resource {
        Resource {
            arn: format!("arn:aws:imagebuilder:{region}:aws:component/{}/{}/1", self.name, self.version),
            name: self.name.to_owned(),
            version: Some(self.version),
            created: Timestamp::UNIX_EPOCH + std::time::Duration::from_secs(1_730_000_000),
            updated: None,
            tags: BTreeMap::new(),
            body: json!({
                "description": self.description,
                "type": if self.phase == "test" { "TEST" } else { "BUILD" },
                "platform": self.platform,
                "state": if self.deprecated {
                    json!({"status": "DEPRECATED", "reason": "There is a newer version of this component."})
                } else {
                    json!({"status": "ACTIVE"})
                },
                "owner": "Amazon",
                "data": self.document(),
                "encrypted": true,
            }),
        }
    }

    fn document(&self) -> String {
        let [step, action, inputs] = self.step;
        format!(
            "name: {}\nschemaVersion: 1.0\nphases:\n  - name: {}\n    steps:\n      - name: {step}\n        action: \
             {action}\n        inputs: {inputs}\n",
            self.name, self.phase
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::document::Document;
    use super::*;
    use crate::sandbox::Get;

    #[test]
    fn every_document_is_valid_and_says_its_type() {
        for component in components("eu-west-1") {
            let document = Document::parse(component.body.text("data").unwrap()).unwrap();
            assert_eq!(document.is_test(), component.body["type"] == "TEST", "{}", component.name);
            assert_eq!(document.updates(), ["update-linux", "update-windows"].contains(&component.name.as_str()));
        }
    }
}
