//! What instances are made from, and parameters.

use super::Seeder;
use crate::sandbox::Ctx;
use crate::sandbox::ssm;
use crate::sandbox::world::file::{DataType, Parameter};

/// Puts a parameter with its history into a place.
pub(super) fn parameter(seeder: &Seeder<'_>, ctx: &mut Ctx<'_>, one: &Parameter) {
    let data_type = match one.data_type {
        DataType::Text => "text",
        DataType::Image => "aws:ec2:image",
    };
    for value in &one.value {
        let text = seeder.filled(ctx, value.text.get_ref());
        let at = value.age.before(seeder.start);
        ssm::seed::parameter(ctx, one.name.get_ref(), &text, data_type, &one.description, at);
    }
}
