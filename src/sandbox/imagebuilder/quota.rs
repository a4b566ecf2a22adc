//! Quotas: how much of everything an account may have in a region.

use crate::sandbox::value::ApiError;

/// Resources of one kind. Assumed: AWS's page of quotas could not be read.
const RESOURCES: usize = 1_000;

/// Images that are being made at once. Assumed as well.
pub(super) const BUILDS: usize = 100;

/// Refuses one more resource of a kind when there are as many as there may be.
pub(super) fn admit(kind: &str, there: usize) -> Result<(), ApiError> {
    admit_below(RESOURCES, kind, there)
}

/// As [`admit`], with a limit of its own.
pub(super) fn admit_below(most: usize, kind: &str, there: usize) -> Result<(), ApiError> {
    if there < most {
        return Ok(());
    }
    Err(exceeded(format!("You have reached the limit of {most} {kind} in this Region.")))
}

/// More than there may be of something.
pub(super) fn exceeded(message: String) -> ApiError {
    ApiError::new("ServiceQuotaExceededException", message).status(402)
}
