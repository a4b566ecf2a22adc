//! Requests made along the model: any operation of a service, any of its members, values that fit and values that do
//! not, ids that are there and ids that are not.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use crate::sandbox::cloud::Cloud;
use crate::sandbox::wire::Service;
use crate::sandbox::wire::query;
use crate::sandbox::wire::table::{self, Kind, MemberPlace, Model, Operation, ShapeId};
use crate::sandbox::world;

/// An account in which something of everything is.
const WORLD: &str = r#"
seed = 5
[[account]]
id = "123456789012"
[[template]]
name = "web"
region = "eu-west-1"
[[template.version]]
age = "60d"
image = "al2023-x86_64@62d"
instance-type = "m7i.large"
instance-profile = "web"
[[group]]
name = "web"
region = "eu-west-1"
template = "web"
version = 1
size = 2
age = "30d"
tags = { env = "test" }
[[association]]
name = "scan"
region = "eu-west-1"
tag = ["env", "test"]
every = "1d"
last-run = "5h"
[[on-premises]]
name = "linux-1"
region = "eu-west-1"
system = "amazon-linux-2023"
age = "90d"
tags = { env = "test", "Patch Group" = "web" }
[[on-premises]]
name = "windows-1"
region = "eu-west-1"
system = "windows-2022"
age = "90d"
tags = { env = "test" }
"#;

/// The account, and the names in it.
static BASE: LazyLock<(Cloud, Vec<String>)> = LazyLock::new(|| {
    let cloud = world::world(WORLD, "fuzz.toml", "2026-11-24T08:00:00Z".parse().unwrap()).unwrap();
    let mut known = BTreeSet::new();
    for (place, region) in &cloud.places {
        if place.region == "eu-west-1" {
            names(&serde_json::to_value(region).unwrap(), &mut known);
        }
    }
    (cloud, known.into_iter().collect())
});

/// Every short text of a value that looks like the name of something.
fn names(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        // Public parameters and images are many and alike.
        Value::String(text)
            if (3..=90).contains(&text.len())
                && !text.contains([' ', '\n'])
                && !text.starts_with("/aws/")
                && into.len() < 4000 =>
        {
            into.insert(text.clone());
        }
        Value::Array(items) => items.iter().for_each(|item| names(item, into)),
        Value::Object(members) => {
            for (key, value) in members {
                names(&json!(key), into);
                names(value, into);
            }
        }
        _ => {}
    }
}

pub(super) fn base() -> Cloud {
    BASE.0.clone()
}

/// Texts on which a careless reader trips.
const ODD: [&str; 34] = [
    "",
    " ",
    "*",
    "?",
    "\u{0}",
    "ä",
    "日本語",
    "a\u{301}",
    "\u{202e}abc",
    "-1",
    "0",
    "1",
    "007",
    "99999999999999999999",
    "NaN",
    "1e309",
    "true",
    "i-",
    "ami-",
    "arn:",
    "arn:aws:imagebuilder:eu-west-1:123456789012:",
    "a:b:c:d:e:f:g:h",
    "x.x.x",
    "1.x.x",
    "4294967296.0.0",
    "rate(0 days)",
    "rate(99999999999 days)",
    "cron(* * * * ? *)",
    "cron(0 0 30W FEB ? *)",
    "at(9999-12-31T23:59:59)",
    "100%",
    "150%",
    "{{ssm:x}}",
    "/a//b/",
];
const MOMENTS: [&str; 8] = [
    "2026-11-24T08:00:00Z",
    "2026-11-25T00:00:00+14:00",
    "1970-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00Z",
    "-009999-01-02T01:59:59Z",
    "2027-02-29T00:00:00Z",
    "yesterday",
];
const NUMBERS: [i64; 16] =
    [1, 2, 5, 10, 50, 100, 0, 3, 1000, -1, 65_536, 86_400, i32::MAX as i64, i32::MIN as i64, i64::MAX, i64::MIN];

/// Makes requests out of choices.
pub(super) struct Maker<'a> {
    service: Service,
    model: &'static Model,
    choices: &'a [u8],
}

impl<'a> Maker<'a> {
    pub(super) fn new(service: Service, choices: &'a [u8]) -> Self {
        Self { service, model: table::model(service), choices }
    }

    /// Whether there is anything left to choose.
    pub(super) fn is_spent(&self) -> bool {
        self.choices.is_empty()
    }

    fn choice(&mut self, of: usize) -> usize {
        match self.choices {
            [one, two, rest @ ..] if of > 256 => {
                self.choices = rest;
                (usize::from(*one) * 256 + usize::from(*two)) % of
            }
            [one, rest @ ..] => {
                self.choices = rest;
                usize::from(*one) % of.max(1)
            }
            [] => 0,
        }
    }

    /// A request; none when what was made is no URI.
    pub(super) fn request(&mut self) -> Option<http::Request<Bytes>> {
        let model = self.model;
        let operations: Vec<&Operation> = model.operations().collect();
        let operation = operations[self.choice(operations.len())];
        let input = operation.input.map_or_else(|| json!({}), |input| self.value(input, "", 0));
        let name = self.service.name();
        let scope = format!("AKIDEXAMPLE/20261124/eu-west-1/{name}/aws4_request");
        let mut request = http::Request::builder()
            .header("authorization", format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"));
        let (method, path, body) = match self.service {
            Service::Ec2 | Service::AutoScaling | Service::Sts => {
                let mut form = vec![
                    ("Action".to_owned(), operation.name.clone()),
                    ("Version".to_owned(), model.facts.version.clone()),
                ];
                if let Some(shape) = operation.input {
                    self.flatten(shape, &input, "", &mut form);
                }
                let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
                ("POST", "/".to_owned(), body)
            }
            Service::Ssm => {
                request = request.header("x-amz-target", format!("{}.{}", model.facts.target, operation.name));
                ("POST", "/".to_owned(), input.to_string())
            }
            Service::ImageBuilder => {
                let (path, body) = self.placed(operation, input);
                (operation.method.as_str(), path, body)
            }
        };
        request.method(method).uri(format!("https://{name}.eu-west-1.amazonaws.com{path}")).body(Bytes::from(body)).ok()
    }

    /// The path of a request, and the body with what is left.
    fn placed(&self, operation: &Operation, mut input: Value) -> (String, String) {
        let (mut path, mut query) = (operation.uri.clone(), Vec::new());
        let members = operation.input.map_or(&[][..], |input| self.model.members(input));
        for member in members.iter().filter(|member| member.place != MemberPlace::Body) {
            let Some(value) = input.as_object_mut().and_then(|input| input.remove(&member.name)) else { continue };
            let values = value.as_array().cloned().unwrap_or_else(|| vec![value]);
            for value in values {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let text = utf8_percent_encode(&text, NON_ALPHANUMERIC).to_string();
                if member.place == MemberPlace::Uri {
                    path = path.replace(&format!("{{{}}}", member.wire()), &text);
                } else {
                    query.push(format!("{}={text}", member.wire()));
                }
            }
        }
        (format!("{path}?{}", query.join("&")), input.to_string())
    }

    /// The parameters of a value in a query protocol.
    fn flatten(&self, shape: ShapeId, value: &Value, path: &str, into: &mut Vec<(String, String)>) {
        let join = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        match (&self.model.shape(shape).kind, value) {
            (Kind::Structure(members), Value::Object(held)) => {
                for member in members {
                    if let Some(value) = held.get(&member.name) {
                        self.flatten(member.shape, value, &join(&query::key(self.service, member)), into);
                    }
                }
            }
            (Kind::List { item, name }, Value::Array(items)) => {
                let label = name.as_deref().unwrap_or("member");
                for (number, value) in items.iter().enumerate() {
                    let number = number + 1;
                    let ec2 = self.service == Service::Ec2;
                    let name = if ec2 { number.to_string() } else { format!("{label}.{number}") };
                    self.flatten(*item, value, &join(&name), into);
                }
            }
            (_, Value::String(text)) => into.push((path.to_owned(), text.clone())),
            (_, other) => into.push((path.to_owned(), other.to_string())),
        }
    }

    /// A value of a shape, or one that is not.
    fn value(&mut self, shape: ShapeId, name: &str, depth: usize) -> Value {
        let model = self.model;
        let shape = model.shape(shape);
        match &shape.kind {
            Kind::Structure(members) => {
                let mut held = Map::new();
                for member in members {
                    let there = if member.required { self.choice(24) != 23 } else { self.choice(5) == 4 && depth < 6 };
                    if there {
                        held.insert(member.name.clone(), self.value(member.shape, &member.name, depth + 1));
                    }
                }
                Value::Object(held)
            }
            Kind::List { item, .. } => {
                let count = [1, 1, 1, 2, 3, 0, 1, 12][self.choice(8)];
                (0..count).map(|_| self.value(*item, name, depth + 1)).collect()
            }
            Kind::Map { key, value } => {
                let key = self.value(*key, "Key", depth + 1);
                let key = key.as_str().unwrap_or_default().to_owned();
                let value = self.value(*value, &key, depth + 1);
                json!({ key: value })
            }
            Kind::Integer | Kind::Long => {
                let held = NUMBERS[self.choice(NUMBERS.len())];
                // A group may be as large as anyone likes, and takes its time then.
                let sizes =
                    self.service == Service::AutoScaling && (name.contains("Size") || name.contains("Capacity"));
                let held = if sizes { held.min(50) } else { held };
                let least = shape.min.map(|least| least as i64);
                json!(if self.choice(3) == 0 { least.unwrap_or(held) } else { held })
            }
            Kind::Double => json!([1.0, 0.0, -1.0, 1e300, 0.5][self.choice(5)]),
            Kind::Boolean => json!(self.choice(2) == 1),
            Kind::Timestamp => match self.choice(3) {
                0 => json!(MOMENTS[self.choice(MOMENTS.len())]),
                _ => json!([1_795_000_000.0, 0.0, 1e12, -1e12, 1e18, 1_795_000_000.123][self.choice(6)]),
            },
            Kind::Blob => json!(["YQ==", "", "====", "YWJj"][self.choice(4)]),
            Kind::Text if !shape.values.is_empty() && self.choice(12) != 11 => {
                json!(shape.values[self.choice(shape.values.len())])
            }
            Kind::Text => json!(self.text(name)),
        }
    }

    /// A text for a member of a name.
    fn text(&mut self, name: &str) -> String {
        let known = &BASE.1;
        match self.choice(10) {
            0..=4 => {
                // The name of a thing of this kind, where there is one.
                let starts = match name.trim_end_matches('s') {
                    name if name.ends_with("InstanceId") || name == "Target" => "i-",
                    name if name.ends_with("ImageId") || name == "sourceImage" => "ami-",
                    name if name.ends_with("SnapshotId") => "snap-",
                    name if name.ends_with("VolumeId") => "vol-",
                    name if name.ends_with("LaunchTemplateId") => "lt-",
                    name if name.ends_with("SubnetId") || name == "VPCZoneIdentifier" => "subnet-",
                    name if name.ends_with("GroupId") => "sg-",
                    name if name.ends_with("BaselineId") => "pb-",
                    name if name.to_lowercase().ends_with("arn") => "arn:",
                    _ => "",
                };
                let fitting: Vec<&String> = known.iter().filter(|known| known.starts_with(starts)).collect();
                match fitting.len() {
                    0 => "web".to_owned(),
                    count => fitting[self.choice(count.max(257)) % count].clone(),
                }
            }
            5 => "web".to_owned(),
            6 => MOMENTS[self.choice(MOMENTS.len())].to_owned(),
            7 => "a".repeat([1, 3, 64, 300, 5000][self.choice(5)]),
            _ => ODD[self.choice(ODD.len())].to_owned(),
        }
    }
}
