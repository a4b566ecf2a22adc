//! Where a bake stands: by the versions that the recipe has.

use super::{Action, Now, Standing};
use crate::classify::standing::version_key;
use crate::model::{Fact, Image, ImageRecipe, ImageTags, Site, tag};
use crate::plan::Bake;

pub(super) fn bake(bake: &Bake, now: &Now<'_>) -> Action {
    let subject = format!("image {} {}", bake.recipe, bake.version);
    Action { subject, standing: standing(bake, now) }
}

fn standing(bake: &Bake, now: &Now<'_>) -> Standing {
    if let Some(why) = now.unread(&bake.site, &[Fact::Site, Fact::Images], &[]) {
        return Standing::Moved(why);
    }
    let own = || {
        let here = now.fleet.images.iter().filter(|image| image.site == bake.site);
        here.filter_map(|image| Some((image, image.rebake().filter(|tags| tags.recipe == bake.recipe)?)))
    };
    let same_goal = |tags: &ImageTags<'_>| tags.digest == bake.digest && tags.trigger == bake.trigger;
    if let Some((image, tags)) = own().find(|(_, tags)| tags.version == bake.version) {
        return match tags.state {
            _ if !same_goal(&tags) => Standing::Moved(format!("{} of the same version holds something else", image.id)),
            "revoked" => Standing::Moved(format!("{} has been revoked", image.id)),
            _ if is_everywhere(bake, now) => Standing::After,
            _ => Standing::UnderWay,
        };
    }
    if let Some(held) = held(bake, now) {
        let tag = |key: &str| held.tags.get(key).unwrap_or_default();
        let same = tag(tag::DIGEST) == bake.digest && tag(tag::TRIGGER) == bake.trigger;
        return if same {
            Standing::UnderWay
        } else {
            Standing::Moved(format!("Image Builder holds {} {} for something else", bake.recipe, bake.version))
        };
    }
    let newer = |(image, tags): &(&Image, ImageTags<'_>)| {
        let known = bake.from.as_deref().map(version_key).unwrap_or_default();
        image.is_usable() && tags.state == "tested" && version_key(tags.version) > known
    };
    match own().find(newer) {
        Some((image, tags)) => {
            let before = bake.from.as_deref().unwrap_or("none");
            Standing::Moved(format!("version {} is there ({}), the newest was {before}", tags.version, image.id))
        }
        None => Standing::Before,
    }
}

/// The version's image recipe in Image Builder, which belongs to the goal that made it.
fn held<'a>(bake: &Bake, now: &Now<'a>) -> Option<&'a ImageRecipe> {
    let fits = |held: &&ImageRecipe| held.site == bake.site && held.name == bake.recipe && held.version == bake.version;
    now.fleet.image_recipes.iter().find(fits)
}

fn is_everywhere(bake: &Bake, now: &Now<'_>) -> bool {
    let mut sites = bake.regions.iter().map(|region| Site::new(&bake.site.account, region));
    sites.all(|site| now.tested_image(&site, &bake.recipe, &bake.version).is_some())
}
