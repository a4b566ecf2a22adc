//! The operating system of a node whose agent does not tell it: what the name of its image says.

use std::collections::BTreeMap;

use crate::model::{Image, OperatingSystem};

/// Images made from images: how far to look back for one whose name tells something.
const GENERATIONS: usize = 5;

/// The operating system that an image, or the nearest of its parents that tells one, has.
pub(super) fn of_lineage(image: Option<&Image>, images: &BTreeMap<&str, &Image>) -> Option<OperatingSystem> {
    let parent = |image: &&Image| image.parent.as_deref().and_then(|id| images.get(id).copied());
    let lineage = std::iter::successors(image, parent).take(GENERATIONS);
    let ancestors = image.into_iter().flat_map(|image| &image.ancestors);
    let ancestors = ancestors.filter_map(|ancestor| images.get(ancestor.id.as_str()).copied());
    lineage.chain(ancestors).find_map(|image| of_image_name(&image.name))
}

/// The operating system in the name of a public image, as its publisher names images and as the agent would tell it.
fn of_image_name(name: &str) -> Option<OperatingSystem> {
    let lower = name.to_ascii_lowercase();
    let after = |mark: &str| lower.split_once(mark).map(|(_, rest)| number(rest));
    let (name, version) = if lower.contains("al2023") || lower.contains("amazon_linux_2023") {
        ("Amazon Linux", "2023".to_owned())
    } else if ["amzn2-ami", "amazon_linux_2-", "amazon-eks-node-1."].iter().any(|mark| lower.contains(mark)) {
        ("Amazon Linux", "2".to_owned())
    } else if lower.starts_with("amzn-ami") {
        ("Amazon Linux AMI", "2018.03".to_owned())
    } else if lower.contains("ubuntu") {
        ("Ubuntu", ubuntu(&lower)?)
    } else if lower.starts_with("rhel-") {
        ("Red Hat Enterprise Linux", after("rhel-").map(|version| two(&version))?)
    } else if lower.starts_with("debian-") {
        ("Debian GNU/Linux", after("debian-")?)
    } else if lower.starts_with("suse-sles-") {
        ("SLES", suse(&lower)?)
    } else if lower.starts_with("rocky-") {
        ("Rocky Linux", after("rocky-9-ec2-base-").or_else(|| after("rocky-")).map(|version| two(&version))?)
    } else if lower.starts_with("almalinux os ") {
        ("AlmaLinux", after("almalinux os ").map(|version| two(&version))?)
    } else if lower.starts_with("bottlerocket-") {
        ("Bottlerocket", lower.rsplit_once("-v").map(|(_, rest)| number(rest))?)
    } else if lower.starts_with("windows_server-") {
        return windows(&lower);
    } else {
        return None;
    };
    Some(OperatingSystem { name: name.to_owned(), version, inferred: true })
}

/// The number that a text begins with: digits and dots.
fn number(text: &str) -> String {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    text.get(..end).unwrap_or_default().trim_matches('.').to_owned()
}

/// Major and minor of a version.
fn two(version: &str) -> String {
    version.split('.').take(2).collect::<Vec<_>>().join(".")
}

/// `ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20261101`.
fn ubuntu(name: &str) -> Option<String> {
    let parts = name.split('-');
    parts.map(number).find(|part| part.len() == 5 && part.contains('.'))
}

/// `suse-sles-15-sp6-v20261101-hvm-ssd-x86_64`.
fn suse(name: &str) -> Option<String> {
    let (major, rest) = name.strip_prefix("suse-sles-")?.split_once('-')?;
    Some(match rest.strip_prefix("sp").map(number) {
        Some(pack) => format!("{major}.{pack}"),
        None => major.to_owned(),
    })
}

/// `windows_server-2022-english-full-base-2026.11.11`.
fn windows(name: &str) -> Option<OperatingSystem> {
    let year = number(name.strip_prefix("windows_server-")?);
    let version = match year.as_str() {
        "2012" if name.contains("r2") => "6.3.9600",
        "2012" => "6.2.9200",
        "2016" => "10.0.14393",
        "2019" => "10.0.17763",
        "2022" => "10.0.20348",
        "2025" => "10.0.26100",
        _ => return None,
    };
    let release = if name.contains("r2") { " R2" } else { "" };
    let name = format!("Microsoft Windows Server {year}{release} Datacenter");
    Some(OperatingSystem { name, version: version.to_owned(), inferred: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_public_images_tell_their_system() {
        for (name, system) in [
            ("al2023-ami-2023.9.20261110.0-kernel-6.12-x86_64", "Amazon Linux 2023"),
            ("amzn2-ami-kernel-5.10-hvm-2.0.20260601.0-x86_64-gp2", "Amazon Linux 2"),
            ("ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20261101", "Ubuntu 24.04"),
            ("RHEL-9.4.0_HVM-20260501-x86_64-82-Hourly2-GP3", "Red Hat Enterprise Linux 9.4"),
            ("debian-12-amd64-20261101-1234", "Debian GNU/Linux 12"),
            ("suse-sles-15-sp6-v20261101-hvm-ssd-x86_64", "SLES 15.6"),
            ("amazon-eks-node-al2023-x86_64-standard-1.34-v20261101", "Amazon Linux 2023"),
            (
                "aws-elasticbeanstalk-amzn-2023.9.20261101.64bit-eb_python313_amazon_linux_2023-hvm-x",
                "Amazon Linux 2023",
            ),
            ("bottlerocket-aws-ecs-2-x86_64-v1.49.0-abcdef", "Bottlerocket 1.49.0"),
            ("Windows_Server-2022-English-Full-Base-2026.11.11", "Microsoft Windows Server 2022 Datacenter 10.0.20348"),
        ] {
            let told = of_image_name(name).unwrap();
            assert_eq!(format!("{} {}", told.name, told.version), system);
        }
        assert_eq!(of_image_name("web 2.4.17"), None);
    }
}
