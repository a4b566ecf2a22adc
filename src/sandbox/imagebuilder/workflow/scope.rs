//! What the expressions of a workflow document refer to: parameters, outputs of earlier steps, facts of the build.

use serde_json::{Map, Value, json};

use crate::sandbox::imagebuilder::Image;
use crate::sandbox::value::Get;

/// Everything that a path may lead to: `{"parameters": …, "stepOutputs": …, "imagebuilder": …}`.
pub(in crate::sandbox::imagebuilder) struct Scope(Value);

impl Scope {
    /// The scope of the workflow of an image that is worked on.
    pub(in crate::sandbox::imagebuilder) fn of(image: &Image) -> Self {
        let workflow = image.workflows.get(image.focus);
        let steps = workflow.map_or(&[][..], |workflow| &workflow.steps);
        let outputs: Map<String, Value> =
            steps.iter().map(|step| (step.plan.name.clone(), step.outputs.clone())).collect();
        Self(json!({
            "parameters": workflow.and_then(|workflow| image.plan.get(workflow.planned)).map(|planned| &planned.parameters),
            "stepOutputs": outputs,
            "imagebuilder": {
                "imageType": "AMI",
                "imageBuildVersionArn": image.arn,
                "platform": image.recipe.body["platform"],
                "collectImageMetadata": image.wants("enhancedImageMetadataEnabled"),
                "collectImageScanFindings": image.scan.is_some(),
            },
        }))
    }

    /// A value, or what it names when it is a path: `$.stepOutputs.Launch.instanceId`.
    pub(in crate::sandbox::imagebuilder) fn resolve(&self, value: &Value) -> Value {
        let Some(path) = value.as_str().and_then(|text| text.strip_prefix("$.")) else { return value.clone() };
        path.split('.').try_fold(&self.0, |found, part| found.get(part)).cloned().unwrap_or_default()
    }

    /// The inputs of a step with every path followed.
    pub(in crate::sandbox::imagebuilder) fn inputs(&self, raw: &Value) -> Value {
        let Some(members) = raw.as_object() else { return json!({}) };
        members
            .iter()
            .map(|(name, value)| (name.strip_suffix(".$").unwrap_or(name).to_owned(), self.resolve(value)))
            .collect()
    }

    /// Whether a condition holds.
    ///
    /// # Errors
    /// What cannot be told, for people.
    pub(in crate::sandbox::imagebuilder) fn holds(&self, condition: &Value) -> Result<bool, String> {
        let all = |name: &str| -> Result<Vec<bool>, String> {
            condition.items(name).iter().map(|inner| self.holds(inner)).collect()
        };
        if condition.has("and") {
            return Ok(all("and")?.into_iter().all(|held| held));
        }
        if condition.has("or") {
            return Ok(all("or")?.into_iter().any(|held| held));
        }
        if let Some(inner) = condition.get("not") {
            return Ok(!self.holds(inner)?);
        }
        let value = self.resolve(&condition["value"]);
        let Some((operator, wanted)) =
            condition.as_object().and_then(|members| members.iter().find(|(name, _)| *name != "value"))
        else {
            return Err(format!("The condition {condition} has no operator."));
        };
        let wanted = self.resolve(wanted);
        let numbers = || value.as_f64().zip(wanted.as_f64());
        let unlike = || format!("The condition {operator} cannot compare {value} with {wanted}.");
        match operator.as_str() {
            "booleanEquals" | "stringEquals" => Ok(value == wanted),
            "stringIsEmpty" => Ok((value.as_str() == Some("") || value.is_null()) == (wanted == json!(true))),
            "numberEquals" => numbers().map(|(a, b)| a.total_cmp(&b).is_eq()).ok_or_else(unlike),
            "numberLessThan" => numbers().map(|(a, b)| a < b).ok_or_else(unlike),
            "numberLessThanEquals" => numbers().map(|(a, b)| a <= b).ok_or_else(unlike),
            "numberGreaterThan" => numbers().map(|(a, b)| a > b).ok_or_else(unlike),
            "numberGreaterThanEquals" => numbers().map(|(a, b)| a >= b).ok_or_else(unlike),
            _ => Err(format!("The condition has the unknown operator '{operator}'.")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_followed_and_conditions_told() {
        let scope = Scope(json!({
            "parameters": {"wait": true, "count": 3},
            "stepOutputs": {"Launch": {"instanceId": "i-1"}},
        }));
        let inputs = json!({"instanceId.$": "$.stepOutputs.Launch.instanceId", "waitFor": "ssmAgent"});
        assert_eq!(scope.inputs(&inputs), json!({"instanceId": "i-1", "waitFor": "ssmAgent"}));
        let waits = json!({"booleanEquals": true, "value": "$.parameters.wait"});
        let many = json!({"numberGreaterThan": 2, "value": "$.parameters.count"});
        assert_eq!(scope.holds(&json!({"and": [waits, many]})), Ok(true));
        assert_eq!(scope.holds(&json!({"not": waits})), Ok(false));
        assert_eq!(scope.holds(&json!({"or": [{"not": waits}, many]})), Ok(true));
        assert!(scope.holds(&json!({"numberEquals": 1, "value": "$.parameters.none"})).is_err());
        assert!(scope.holds(&json!({"sounds": "like", "value": "$.parameters.none"})).is_err());
    }
}
