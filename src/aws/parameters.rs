//! Parameters: channels, records, approvals and locks are all kept in them.

use aws_sdk_ssm::types::ParameterType;
use jiff::Timestamp;

use super::call::Call;
use super::connection::Connection;
use super::error::{Error, ErrorKind};
use super::text::moment_of;

/// A parameter as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name, without the selector that it was asked for by.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Its version: 1, and one more with each write.
    pub version: i64,
    /// When that version was written.
    pub modified_at: Option<Timestamp>,
    /// `text` or `aws:ec2:image`.
    pub data_type: String,
}

/// A version in a parameter's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterVersion {
    /// Its number.
    pub version: i64,
    /// Its value.
    pub value: String,
    /// When it was written.
    pub modified_at: Option<Timestamp>,
    /// The ARN of who wrote it.
    pub by: Option<String>,
}

/// What a value is, for [`Connection::put_parameter`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// Any text.
    Text,
    /// The id of an image that exists here: AWS checks that after it has answered, and drops the write silently if it
    /// does not. Read it back.
    Image,
}

impl Connection {
    /// A parameter by name, or by `name:version` or `name:label`; none if there is none.
    pub async fn parameter(&self, name: &str) -> Result<Option<Parameter>, Error> {
        let call = Call::repeatable("ssm:GetParameter", name);
        match self.call(call, || self.ssm.get_parameter().name(name).send()).await {
            Ok(answer) => Ok(answer.parameter.map(parameter)),
            Err(error) if error.kind == ErrorKind::Gone => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Many parameters, those that exist, by name. Ten in a call.
    pub async fn parameters(&self, names: &[String]) -> Result<Vec<Parameter>, Error> {
        let mut found = Vec::new();
        for batch in names.chunks(10) {
            let call = Call::repeatable("ssm:GetParameters", &batch[0]);
            let answer = self.call(call, || self.ssm.get_parameters().set_names(Some(batch.to_vec())).send()).await?;
            found.extend(answer.parameters.unwrap_or_default().into_iter().map(parameter));
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// All parameters below a path, by name.
    pub async fn parameters_by_path(&self, path: &str) -> Result<Vec<Parameter>, Error> {
        let pages = self
            .pages(
                Call::repeatable("ssm:GetParametersByPath", path),
                |token| {
                    let request = self.ssm.get_parameters_by_path().path(path).recursive(true).max_results(10);
                    request.set_next_token(token).send()
                },
                |page| page.next_token.as_deref(),
            )
            .await?;
        let mut found: Vec<Parameter> =
            pages.into_iter().flat_map(|page| page.parameters.unwrap_or_default()).map(parameter).collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// The versions of a parameter, newest first: at most the hundred that AWS keeps. Empty if there is none.
    pub async fn parameter_history(&self, name: &str) -> Result<Vec<ParameterVersion>, Error> {
        let pages = self
            .pages(
                Call::repeatable("ssm:GetParameterHistory", name),
                |token| self.ssm.get_parameter_history().name(name).max_results(50).set_next_token(token).send(),
                |page| page.next_token.as_deref(),
            )
            .await;
        let pages = match pages {
            Err(error) if error.kind == ErrorKind::Gone => return Ok(Vec::new()),
            pages => pages?,
        };
        let mut versions: Vec<ParameterVersion> = pages
            .into_iter()
            .flat_map(|page| page.parameters.unwrap_or_default())
            .map(|version| ParameterVersion {
                version: version.version,
                value: version.value.unwrap_or_default(),
                modified_at: moment_of(version.last_modified_date),
                by: version.last_modified_user,
            })
            .collect();
        versions.sort_by_key(|version| std::cmp::Reverse(version.version));
        Ok(versions)
    }

    /// Writes a parameter and returns the number of the new version.
    ///
    /// Without `overwrite` it fails with a conflict if the parameter exists. An overwrite acts each time it comes, so
    /// after a failure read before writing again.
    pub async fn put_parameter(&self, name: &str, value: &str, kind: ValueKind, overwrite: bool) -> Result<i64, Error> {
        let data_type = match kind {
            ValueKind::Text => "text",
            ValueKind::Image => "aws:ec2:image",
        };
        let request = self.ssm.put_parameter().name(name).value(value).data_type(data_type);
        let request = request.r#type(ParameterType::String).overwrite(overwrite);
        Ok(self.call(Call::once("ssm:PutParameter", name), || request.clone().send()).await?.version)
    }

    /// Deletes a parameter. That it is gone already is no error.
    pub async fn delete_parameter(&self, name: &str) -> Result<(), Error> {
        let call = Call::once("ssm:DeleteParameter", name);
        match self.call(call, || self.ssm.delete_parameter().name(name).send()).await {
            Err(error) if error.kind != ErrorKind::Gone => Err(error),
            _ => Ok(()),
        }
    }
}

fn parameter(told: aws_sdk_ssm::types::Parameter) -> Parameter {
    Parameter {
        name: told.name.unwrap_or_default(),
        value: told.value.unwrap_or_default(),
        version: told.version,
        modified_at: moment_of(told.last_modified_date),
        data_type: told.data_type.unwrap_or_default(),
    }
}
