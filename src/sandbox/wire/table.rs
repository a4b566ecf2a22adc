//! The facts of the official API models: `models.json`, drawn by `extract.py`, parsed once.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::Service;

/// All facts.
#[derive(Debug, Deserialize)]
pub(super) struct Table {
    /// The regions of the partition `aws`.
    pub(super) regions: Vec<String>,
    services: BTreeMap<String, ServiceModel>,
}

/// The facts of a service.
#[derive(Debug, Deserialize)]
pub(super) struct ServiceModel {
    /// `ec2`, `query`, `json` or `rest-json`.
    pub(super) protocol: String,
    /// The namespace of XML answers.
    pub(super) namespace: String,
    /// The API version.
    pub(super) version: String,
    /// The prefix of `X-Amz-Target`.
    pub(super) target: String,
    /// The emulated operations.
    pub(super) operations: BTreeMap<String, OperationModel>,
    /// All shapes that they reach.
    shapes: BTreeMap<String, Shape>,
}

/// The facts of an operation.
#[derive(Debug, Deserialize)]
pub(super) struct OperationModel {
    /// The HTTP method (REST JSON).
    pub(super) method: String,
    /// The path, with `{member}` where a member stands in it (REST JSON).
    pub(super) uri: String,
    pub(super) input: Option<String>,
    pub(super) output: Option<String>,
    #[serde(rename = "resultWrapper")]
    pub(super) result_wrapper: Option<String>,
    #[expect(dead_code, reason = "the coverage table of the client checks reads them from the file")]
    errors: Vec<String>,
}

/// The type of a shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Structure,
    List,
    Map,
    String,
    Integer,
    Long,
    Float,
    Double,
    Boolean,
    Timestamp,
    Blob,
}

/// The facts of a shape.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shape {
    #[serde(rename = "type")]
    pub(super) kind: Kind,
    #[serde(default, rename = "enum")]
    pub(super) values: Vec<String>,
    pub(super) min: Option<f64>,
    pub(super) max: Option<f64>,
    #[serde(default)]
    pub(super) required: Vec<String>,
    #[serde(default)]
    pub(super) members: BTreeMap<String, Member>,
    pub(super) member: Option<Member>,
    pub(super) key: Option<Member>,
    pub(super) value: Option<Member>,
    pub(super) timestamp_format: Option<String>,
    #[serde(default)]
    pub(super) sensitive: bool,
    #[serde(default)]
    pub(super) flattened: bool,
    pub(super) error: Option<ErrorFacts>,
}

/// What the model says of an error.
#[derive(Debug, Deserialize)]
pub(super) struct ErrorFacts {
    pub(super) code: Option<String>,
    pub(super) status: u16,
}

/// A reference to a shape, with its place on the wire.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Member {
    pub(super) shape: String,
    pub(super) location_name: Option<String>,
    pub(super) query_name: Option<String>,
    pub(super) location: Option<String>,
    #[serde(default)]
    pub(super) flattened: bool,
    pub(super) timestamp_format: Option<String>,
}

impl Member {
    /// The name on the wire, where the protocol has one name for both directions.
    pub(super) fn wire_name<'a>(&'a self, name: &'a str) -> &'a str {
        self.location_name.as_deref().unwrap_or(name)
    }
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    // The file is embedded and a test reads it: a broken one emulates nothing.
    serde_json::from_str(include_str!("models.json"))
        .unwrap_or_else(|_| Table { regions: Vec::new(), services: BTreeMap::new() })
});

static EMPTY: LazyLock<ServiceModel> = LazyLock::new(|| ServiceModel {
    protocol: String::new(),
    namespace: String::new(),
    version: String::new(),
    target: String::new(),
    operations: BTreeMap::new(),
    shapes: BTreeMap::new(),
});

static ANYTHING: LazyLock<Shape> = LazyLock::new(|| Shape {
    kind: Kind::String,
    values: Vec::new(),
    min: None,
    max: None,
    required: Vec::new(),
    members: BTreeMap::new(),
    member: None,
    key: None,
    value: None,
    timestamp_format: None,
    sensitive: false,
    flattened: false,
    error: None,
});

/// All facts.
pub(super) fn table() -> &'static Table {
    &TABLE
}

/// The facts of a service.
pub(super) fn model(service: Service) -> &'static ServiceModel {
    TABLE.services.get(service.name()).unwrap_or(&EMPTY)
}

impl ServiceModel {
    /// The namespace of XML answers: EC2's carries its version.
    pub(super) fn namespace_of(&self, service: Service) -> String {
        if service == Service::Ec2 {
            format!("http://ec2.amazonaws.com/doc/{}/", self.version)
        } else {
            self.namespace.clone()
        }
    }

    /// A shape by its name.
    pub(super) fn shape(&self, name: &str) -> &Shape {
        self.shapes.get(name).unwrap_or(&ANYTHING)
    }

    /// The shape of an error code.
    pub(super) fn error(&self, code: &str) -> Option<&Shape> {
        let direct = self.shapes.get(code).filter(|shape| shape.error.is_some());
        direct.or_else(|| {
            let is = |shape: &&Shape| shape.error.as_ref().is_some_and(|error| error.code.as_deref() == Some(code));
            self.shapes.values().find(is)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_facts_are_read() {
        let services: Vec<&String> = table().services.keys().collect();
        assert_eq!(services, ["autoscaling", "ec2", "imagebuilder", "ssm", "sts"]);
        assert!(table().regions.iter().any(|region| region == "eu-west-1"));
        assert_eq!(model(Service::Ec2).operations.len(), 68);
    }
}
