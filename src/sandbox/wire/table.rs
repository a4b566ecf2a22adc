//! The table: what the official API models say about the operations that are emulated.
//!
//! `extract.py` draws `models.json`; here it becomes types, once, with every shape under a number.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::marker::PhantomData;
use std::sync::LazyLock;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::Service;

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    // The file is a part of the program, and a test reads it: there is no other outcome to handle.
    let drawn: Drawn = serde_json::from_str(include_str!("models.json")).unwrap_or_default();
    Table {
        regions: drawn.regions,
        services: drawn.services.0.into_iter().map(|(name, service)| (name, Model::new(service))).collect(),
        nothing: Model::default(),
    }
});

struct Table {
    regions: Vec<String>,
    services: HashMap<String, Model>,
    nothing: Model,
}

/// The model of a service.
pub(super) fn model(service: Service) -> &'static Model {
    TABLE.services.get(service.name()).unwrap_or(&TABLE.nothing)
}

/// The regions of the partition `aws`.
pub(super) fn regions() -> &'static [String] {
    &TABLE.regions
}

/// A service: its operations, and the shapes that they reach.
#[derive(Debug, Default)]
pub(super) struct Model {
    /// Version, XML namespace, prefix of the target header.
    pub facts: Facts,
    operations: BTreeMap<String, Operation>,
    shapes: Vec<Shape>,
    /// Exceptions by name and by code.
    errors: HashMap<String, ShapeId>,
}

/// What is said once about a service.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Facts {
    /// `Version` of the query protocols.
    pub version: String,
    /// The XML namespace.
    pub namespace: String,
    /// What stands before the operation in `X-Amz-Target`.
    pub target: String,
}

/// The number of a shape in its model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ShapeId(usize);

/// An operation.
#[derive(Debug)]
pub(super) struct Operation {
    /// Its name.
    pub name: String,
    /// The HTTP method.
    pub method: String,
    /// The path, with `{label}`s.
    pub uri: String,
    /// The structure of the request.
    pub input: Option<ShapeId>,
    /// The structure of the answer.
    pub output: Option<ShapeId>,
    /// The errors that the model declares for it, by their names.
    pub errors: Vec<String>,
}

impl Operation {
    /// The first of some errors that the model declares for this operation; the last one if it declares none.
    pub(super) fn first_declared(&self, codes: &[&'static str]) -> &'static str {
        let declared = codes.iter().find(|code| self.errors.iter().any(|error| error == *code));
        declared.or(codes.last()).copied().unwrap_or_default()
    }
}

/// A type, with its constraints.
#[derive(Debug)]
pub(super) struct Shape {
    /// What kind of value it is.
    pub kind: Kind,
    /// The values that it may have; empty for any.
    pub values: Vec<String>,
    /// The least length or value.
    pub min: Option<f64>,
    /// The greatest length or value.
    pub max: Option<f64>,
    /// What the whole text matches.
    pub pattern: Option<String>,
    /// Whether it must not be shown.
    pub sensitive: bool,
    /// How it is reported, if it is an exception.
    pub error: Option<ErrorTrait>,
}

/// The kinds of values.
#[derive(Debug)]
pub(super) enum Kind {
    /// Members, in the order of the model.
    Structure(Vec<Member>),
    /// Items of one type.
    List {
        /// The type of the items.
        item: ShapeId,
        /// The name of an item on the wire, where the model gives one.
        name: Option<String>,
    },
    /// Text keys and values of one type.
    Map {
        /// The type of the keys.
        key: ShapeId,
        /// The type of the values.
        value: ShapeId,
    },
    /// Text.
    Text,
    /// Base64 on the wire and in values.
    Blob,
    /// A whole number of 32 bits.
    Integer,
    /// A whole number of 64 bits.
    Long,
    /// A number.
    Double,
    /// True or false.
    Boolean,
    /// A moment.
    Timestamp,
}

impl Kind {
    /// Whether it is neither a structure nor a collection.
    pub(super) fn is_scalar(&self) -> bool {
        !matches!(self, Self::Structure(_) | Self::List { .. } | Self::Map { .. })
    }
}

/// A member of a structure.
#[derive(Debug)]
pub(super) struct Member {
    /// Its name in the model, and in values.
    pub name: String,
    /// Its type.
    pub shape: ShapeId,
    /// Its name on the wire (`locationName`), where it differs.
    pub wire: Option<String>,
    /// Its name in ec2 requests (`queryName`), where it differs.
    pub query: Option<String>,
    /// Where it travels.
    pub place: MemberPlace,
    /// Whether a request must have it.
    pub required: bool,
}

impl Member {
    /// The name on the wire.
    pub(super) fn wire(&self) -> &str {
        self.wire.as_deref().unwrap_or(&self.name)
    }
}

/// Where a member of a request travels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum MemberPlace {
    /// In the body.
    #[default]
    Body,
    /// In the path.
    Uri,
    /// In the query string.
    QueryString,
}

/// How an exception is reported.
#[derive(Debug, Deserialize)]
pub(super) struct ErrorTrait {
    /// The HTTP status.
    pub status: u16,
    /// The code, where it is not the name of the shape.
    #[serde(default)]
    pub code: Option<String>,
}

impl Model {
    fn new(drawn: DrawnService) -> Self {
        let DrawnService { facts, operations, shapes } = drawn;
        let numbers: HashMap<&str, ShapeId> =
            shapes.0.iter().enumerate().map(|(number, (name, _))| (name.as_str(), ShapeId(number))).collect();
        let number = |name: &str| numbers.get(name).copied();
        let operations = operations.0.into_iter().map(|(name, operation)| {
            let input = operation.input.as_deref().and_then(number);
            let output = operation.output.as_deref().and_then(number);
            let errors = operation.errors;
            (name.clone(), Operation { name, method: operation.method, uri: operation.uri, input, output, errors })
        });
        let operations = operations.collect();
        let names: Vec<String> = shapes.0.iter().map(|(name, _)| name.clone()).collect();
        let kinds: Vec<Kind> = shapes.0.iter().map(|(_, shape)| kind(shape, number)).collect();
        let shapes: Vec<Shape> =
            shapes.0.into_iter().zip(kinds).map(|((_, shape), kind)| shape.into_shape(kind)).collect();
        let mut errors = HashMap::new();
        for (number, (name, shape)) in names.into_iter().zip(&shapes).enumerate() {
            if let Some(error) = &shape.error {
                errors.extend(error.code.clone().map(|code| (code, ShapeId(number))));
                errors.insert(name, ShapeId(number));
            }
        }
        Self { facts, operations, shapes, errors }
    }

    /// The operation of a name.
    pub(super) fn operation(&self, name: &str) -> Option<&Operation> {
        self.operations.get(name)
    }

    /// All operations.
    pub(super) fn operations(&self) -> impl Iterator<Item = &Operation> {
        self.operations.values()
    }

    /// The shape under a number.
    pub(super) fn shape(&self, id: ShapeId) -> &Shape {
        // Numbers come from this model's own positions.
        &self.shapes[id.0]
    }

    /// The members of a structure; none for other kinds.
    pub(super) fn members(&self, id: ShapeId) -> &[Member] {
        match &self.shape(id).kind {
            Kind::Structure(members) => members,
            _ => &[],
        }
    }

    /// The exception of a code or a name.
    pub(super) fn error(&self, code: &str) -> Option<&Shape> {
        self.errors.get(code).map(|id| self.shape(*id))
    }

    /// All shapes.
    #[cfg(test)]
    pub(super) fn shapes(&self) -> &[Shape] {
        &self.shapes
    }
}

fn kind<'a>(shape: &DrawnShape, number: impl Fn(&str) -> Option<ShapeId> + Copy + 'a) -> Kind {
    let named = |name: &Option<String>| name.as_deref().and_then(number).unwrap_or(ShapeId(0));
    match shape.kind.as_str() {
        "structure" => Kind::Structure(
            shape
                .members
                .0
                .iter()
                .map(|(name, member)| Member {
                    name: name.clone(),
                    shape: number(&member.shape).unwrap_or(ShapeId(0)),
                    wire: member.name.clone(),
                    query: member.query.clone(),
                    place: member.place,
                    required: shape.required.contains(name),
                })
                .collect(),
        ),
        "list" => Kind::List { item: named(&shape.item), name: shape.name.clone() },
        "map" => Kind::Map { key: named(&shape.key), value: named(&shape.value) },
        "blob" => Kind::Blob,
        "integer" => Kind::Integer,
        "long" => Kind::Long,
        "double" | "float" => Kind::Double,
        "boolean" => Kind::Boolean,
        "timestamp" => Kind::Timestamp,
        _ => Kind::Text,
    }
}

// The file as it is written.

#[derive(Default, Deserialize)]
struct Drawn {
    regions: Vec<String>,
    services: Pairs<DrawnService>,
}

#[derive(Deserialize)]
struct DrawnService {
    facts: Facts,
    operations: Pairs<DrawnOperation>,
    shapes: Pairs<DrawnShape>,
}

#[derive(Deserialize)]
struct DrawnOperation {
    method: String,
    uri: String,
    input: Option<String>,
    output: Option<String>,
    #[serde(default)]
    errors: Vec<String>,
}

#[derive(Deserialize)]
struct DrawnShape {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    members: Pairs<DrawnMember>,
    #[serde(default)]
    required: Vec<String>,
    item: Option<String>,
    name: Option<String>,
    key: Option<String>,
    value: Option<String>,
    #[serde(default, rename = "enum")]
    values: Vec<String>,
    min: Option<f64>,
    max: Option<f64>,
    pattern: Option<String>,
    #[serde(default)]
    sensitive: bool,
    error: Option<ErrorTrait>,
}

impl DrawnShape {
    fn into_shape(self, kind: Kind) -> Shape {
        let Self { values, min, max, pattern, sensitive, error, .. } = self;
        Shape { kind, values, min, max, pattern, sensitive, error }
    }
}

#[derive(Deserialize)]
struct DrawnMember {
    shape: String,
    name: Option<String>,
    query: Option<String>,
    #[serde(default, rename = "in")]
    place: MemberPlace,
}

/// An object whose order counts.
struct Pairs<T>(Vec<(String, T)>);

impl<T> Default for Pairs<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Pairs<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct InOrder<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for InOrder<T> {
            type Value = Pairs<T>;
            fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                to.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::with_capacity(map.size_hint().unwrap_or(0));
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        from.deserialize_map(InOrder(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_holds_the_operations_of_five_services() {
        let count = |service| model(service).operations().count();
        assert_eq!(
            [Service::Ec2, Service::AutoScaling, Service::Ssm, Service::ImageBuilder, Service::Sts].map(count),
            [68, 40, 78, 57, 2]
        );
        assert!(regions().iter().any(|region| region == "eu-west-1"));
    }

    #[test]
    fn members_keep_their_order_and_their_names_on_the_wire() {
        let ec2 = model(Service::Ec2);
        let input = ec2.operation("DescribeImages").and_then(|operation| operation.input).unwrap();
        let owners = ec2.members(input).iter().find(|member| member.name == "Owners").unwrap();
        assert_eq!(owners.wire(), "Owner");
        let ssm = model(Service::Ssm);
        let input = ssm.operation("GetParameter").and_then(|operation| operation.input).unwrap();
        assert!(ssm.members(input)[0].required);
    }

    #[test]
    fn exceptions_are_found_by_name_and_by_code() {
        let by =
            |service, code| model(service).error(code).and_then(|shape| shape.error.as_ref()).map(|error| error.status);
        assert_eq!(by(Service::AutoScaling, "ResourceContention"), Some(500));
        assert_eq!(by(Service::AutoScaling, "ResourceContentionFault"), Some(500));
        assert_eq!(by(Service::ImageBuilder, "ResourceNotFoundException"), Some(404));
        assert_eq!(by(Service::Ssm, "ParameterNotFound"), Some(400));
    }
}
