//! Run Command: sending, finding one's own again, watching.

use std::collections::BTreeMap;

use aws_sdk_ssm::types::{CommandFilter, CommandFilterKey, CommandInvocation, CommandInvocationStatus};
use jiff::Timestamp;

use super::call::Call;
use super::connection::Connection;
use super::error::{Error, ErrorKind};
use super::text::{count, moment_of};
use crate::model::{Command, Invocation, InvocationStatus};

/// A command to send, for [`Connection::send_command`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCommand<'a> {
    /// For example `AWS-RunPatchBaseline`.
    pub document: &'a str,
    /// The document's parameters.
    pub parameters: BTreeMap<String, Vec<String>>,
    /// At most 50 nodes.
    pub nodes: &'a [String],
    /// The comment by which it is found again; at most 100 characters.
    pub comment: &'a str,
    /// Nodes at once: `10` or `10%`.
    pub concurrency: &'a str,
    /// Errors after which nothing new is started.
    pub errors: u32,
    /// Seconds within which a node must take the command, from 30 on.
    pub delivery_seconds: u32,
}

/// Which invocations, for [`Connection::invocations`]; what is not named is not asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InvocationQuery<'a> {
    /// Of one command.
    pub command: Option<&'a str>,
    /// On one node.
    pub node: Option<&'a str>,
    /// Of one document.
    pub document: Option<&'a str>,
    /// Sent after a moment.
    pub since: Option<Timestamp>,
}

impl Connection {
    /// The commands of a document that were sent after a moment, newest first.
    pub async fn commands(&self, document: &str, since: Timestamp) -> Result<Vec<Command>, Error> {
        let request = self.ssm.list_commands().set_filters(Some(filters(Some(document), Some(since))?));
        let pages = self
            .pages(
                Call::repeatable("ssm:ListCommands", ""),
                |token| request.clone().max_results(50).set_next_token(token).send(),
                |page| page.next_token.as_deref(),
            )
            .await?;
        let told = pages.into_iter().flat_map(|page| page.commands.unwrap_or_default());
        let mut commands: Vec<Command> = told.filter_map(command).collect();
        commands.sort_by(|a, b| b.sent_at.cmp(&a.sent_at).then_with(|| a.id.cmp(&b.id)));
        Ok(commands)
    }

    /// What became of commands on nodes, newest first.
    pub async fn invocations(&self, query: &InvocationQuery<'_>) -> Result<Vec<Invocation>, Error> {
        let filters = filters(query.document, query.since)?;
        let request = self
            .ssm
            .list_command_invocations()
            .set_command_id(query.command.map(str::to_owned))
            .set_instance_id(query.node.map(str::to_owned))
            .set_filters((!filters.is_empty()).then_some(filters));
        let resource = query.command.or(query.node).unwrap_or_default();
        let pages = self
            .pages(
                Call::repeatable("ssm:ListCommandInvocations", resource),
                |token| request.clone().max_results(50).set_next_token(token).send(),
                |page| page.next_token.as_deref(),
            )
            .await?;
        let told = pages.into_iter().flat_map(|page| page.command_invocations.unwrap_or_default());
        let mut invocations: Vec<Invocation> = told.filter_map(invocation).collect();
        invocations.sort_by(|a, b| {
            b.sent_at.cmp(&a.sent_at).then_with(|| a.node.cmp(&b.node)).then_with(|| a.command.cmp(&b.command))
        });
        Ok(invocations)
    }

    /// Sends a command and returns its id.
    ///
    /// There is no client token: after any failure look for a command with this comment first.
    pub async fn send_command(&self, new: &NewCommand<'_>) -> Result<String, Error> {
        let call = Call::once("ssm:SendCommand", new.document);
        let request = self
            .ssm
            .send_command()
            .document_name(new.document)
            .set_parameters(Some(new.parameters.clone().into_iter().collect()))
            .set_instance_ids(Some(new.nodes.to_vec()))
            .comment(new.comment)
            .max_concurrency(new.concurrency)
            .max_errors(new.errors.to_string())
            .timeout_seconds(i32::try_from(new.delivery_seconds).unwrap_or(i32::MAX));
        let answer = self.call(call, || request.clone().send()).await?;
        answer.command.and_then(|command| command.command_id).ok_or_else(|| call.incomplete("CommandId"))
    }

    /// Cancels a command where it has not ended yet. What runs on a node may run on.
    pub async fn cancel_command(&self, command: &str) -> Result<(), Error> {
        let call = Call::repeatable("ssm:CancelCommand", command);
        match self.call(call, || self.ssm.cancel_command().command_id(command).send()).await {
            Err(error) if error.kind != ErrorKind::Gone => Err(error),
            _ => Ok(()),
        }
    }
}

fn filters(document: Option<&str>, since: Option<Timestamp>) -> Result<Vec<CommandFilter>, Error> {
    let since = since.map(|since| since.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    let named = [(CommandFilterKey::DocumentName, document), (CommandFilterKey::InvokedAfter, since.as_deref())];
    let filter = |(key, value): (CommandFilterKey, &str)| {
        let built = CommandFilter::builder().key(key).value(value).build();
        built.map_err(|_| Error::incomplete("ssm:ListCommands", "", "filter"))
    };
    named.into_iter().filter_map(|(key, value)| Some((key, value?))).map(filter).collect()
}

fn command(told: aws_sdk_ssm::types::Command) -> Option<Command> {
    Some(Command {
        id: told.command_id?,
        document: told.document_name.unwrap_or_default(),
        comment: told.comment.unwrap_or_default(),
        status: told.status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
        sent_at: moment_of(told.requested_date_time)?,
        targets: count(told.target_count),
    })
}

fn invocation(told: CommandInvocation) -> Option<Invocation> {
    use CommandInvocationStatus as Told;
    let status = match told.status? {
        Told::Success => InvocationStatus::Succeeded,
        Told::Failed | Told::Cancelled | Told::TimedOut => InvocationStatus::Failed,
        _ => InvocationStatus::Active,
    };
    Some(Invocation {
        command: told.command_id?,
        comment: told.comment.unwrap_or_default(),
        document: told.document_name.unwrap_or_default(),
        node: told.instance_id?,
        status,
        details: told.status_details.unwrap_or_default(),
        sent_at: moment_of(told.requested_date_time)?,
    })
}
