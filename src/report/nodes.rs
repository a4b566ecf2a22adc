//! Nodes as a list or as totals, by the columns that somebody asks for.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use arcstr::ArcStr;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::sheet::Sheet;
use crate::classify::{Judgement, Totals, first_due, pairs};
use crate::model::{Fleet, Node, NodeKind, NodeState};
use crate::text::suggestion;

macro_rules! columns {
    ($($column:ident $name:literal)*) => {
        /// A column of a list of nodes.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Column {
            $(#[doc = concat!("`", $name, "`")] $column,)*
            /// `tag:KEY`: the value of a tag.
            Tag(String),
        }

        impl Column {
            const NAMED: &[(&'static str, Self)] = &[$(($name, Self::$column)),*];
        }
    };
}

columns! {
    Account "account"
    Region "region"
    Id "id"
    Short "short-id"
    Name "name"
    Kind "kind"
    State "state"
    Lane "lane"
    NeedsPatching "needs_patching"
    Overdue "overdue"
    Needs "needs"
    CannotJudge "cannot_judge"
    System "system"
    Image "image"
    Type "type"
    Launched "launched"
    Group "group"
    Channel "channel"
    Recipe "recipe"
    Owner "owner"
}

impl Column {
    /// The columns of data in which nobody named any.
    #[must_use]
    pub fn of_data() -> Vec<Self> {
        use Column::{
            Account, CannotJudge, Channel, Group, Id, Image, Lane, Name, Needs, NeedsPatching, Overdue, Region, System,
        };
        vec![Account, Region, Id, Name, Lane, NeedsPatching, Overdue, Needs, CannotJudge, System, Image, Group, Channel]
    }

    /// The columns of a screen in which nobody named any.
    #[must_use]
    pub fn of_screen() -> Vec<Self> {
        vec![Self::Name, Self::Short, Self::Lane, Self::System, Self::Needs]
    }

    /// Reads a column's name.
    ///
    /// # Errors
    /// What would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(key) = text.strip_prefix("tag:").filter(|key| !key.is_empty()) {
            return Ok(Self::Tag(key.to_owned()));
        }
        // People write what operating systems are called in selectors.
        let wanted = match text {
            "os" => "system",
            other => other,
        };
        let named = Self::NAMED.iter().find(|(name, _)| *name == wanted).map(|(_, column)| column.clone());
        named.ok_or_else(|| {
            let names = Self::NAMED.iter().map(|(name, _)| *name).chain(["tag:KEY"]);
            let meant = suggestion(text, names).unwrap_or_default();
            format!("there is no column {text}: {meant}")
        })
    }

    /// What a node has in it.
    #[must_use]
    pub fn of(&self, node: &Node, judged: &Judgement, now: Timestamp) -> String {
        let yes = |is: bool| if is { "yes" } else { "no" }.to_owned();
        let text = |value: &Option<ArcStr>| value.as_deref().unwrap_or_default().to_owned();
        match self {
            Self::Account => node.site.account.clone(),
            Self::Region => node.site.region.clone(),
            Self::Id => node.id.to_string(),
            Self::Short => short(&node.id),
            Self::Name => node.name.to_string(),
            Self::Kind => match node.kind() {
                NodeKind::Instance => "instance".to_owned(),
                NodeKind::OnPremises => "on-premises".to_owned(),
            },
            Self::State => match node.state {
                NodeState::Running => "running".to_owned(),
                NodeState::Stopped { .. } => "stopped".to_owned(),
            },
            Self::Lane => judged.lane.to_string(),
            Self::NeedsPatching => yes(judged.needs_patching()),
            Self::Overdue => yes(judged.is_overdue(now)),
            Self::Needs => {
                let needs = judged.needs.iter().map(|need| need.what.clone());
                let unjudged = judged.unjudged().map(|blind| format!("cannot be judged: {}", blind.told()));
                let exception = judged.exception.as_ref().filter(|_| judged.is_set_aside());
                let exception = exception.map(|exception| format!("exception until {}", exception.last_day()));
                needs.chain(unjudged).chain(exception).collect::<Vec<_>>().join("; ")
            }
            Self::CannotJudge => judged.blind.map(|blind| blind.told().to_owned()).unwrap_or_default(),
            Self::System => judged.system().unwrap_or_default().to_owned(),
            Self::Image => text(&node.image),
            Self::Type => text(&node.instance_type),
            Self::Launched => node.launched_at.map(|at| at.to_string()).unwrap_or_default(),
            Self::Group => text(&node.group),
            Self::Channel => {
                judged.recipe.as_ref().map(|(recipe, channel)| format!("{recipe}/{channel}")).unwrap_or_default()
            }
            Self::Recipe => judged.recipe.as_ref().map(|(recipe, _)| recipe.to_string()).unwrap_or_default(),
            Self::Owner => judged.owner.as_ref().map(|owner| owner.name.clone()).unwrap_or_default(),
            Self::Tag(key) => node.tags.get(key).unwrap_or_default().to_owned(),
        }
    }

    /// Which of two nodes comes first by this column: what is needed by its day, all else by its text; what is empty
    /// comes last.
    fn order(&self, one: (&Node, &Judgement), other: (&Node, &Judgement), now: Timestamp) -> Ordering {
        if matches!(self, Self::Needs | Self::Overdue | Self::NeedsPatching) {
            let due = |judged: &Judgement| first_due(&judged.needs);
            let key = |judged: &Judgement| (!judged.needs_patching(), due(judged).is_none(), due(judged));
            return key(one.1).cmp(&key(other.1));
        }
        let (one, other) = (self.of(one.0, one.1, now), self.of(other.0, other.1, now));
        (one.is_empty(), one).cmp(&(other.is_empty(), other))
    }
}

/// As it is written.
impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(key) => write!(f, "tag:{key}"),
            named => {
                let name = Self::NAMED.iter().find(|(_, column)| column == named).map_or("", |(name, _)| *name);
                f.write_str(name)
            }
        }
    }
}

/// An id short enough for a table, long enough to find it: `i-0a1f…c2d4`.
pub(super) fn short(id: &str) -> String {
    match (id.get(..6), id.len().checked_sub(4).and_then(|from| id.get(from..))) {
        (Some(head), Some(tail)) if id.len() > 14 => format!("{head}…{tail}"),
        _ => id.to_owned(),
    }
}

/// A column to sort by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct By {
    /// The column.
    pub column: Column,
    /// From the last to the first.
    pub reversed: bool,
}

impl By {
    /// Reads a column, with `-` before it to reverse the order.
    ///
    /// # Errors
    /// What would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (reversed, name) = text.strip_prefix('-').map_or((false, text), |name| (true, name));
        Ok(Self { column: Column::parse(name)?, reversed })
    }
}

/// The nodes, one row each, in an order.
#[must_use]
pub fn list(fleet: &Fleet, judged: &[Judgement], columns: &[Column], order: &[By], now: Timestamp) -> Sheet {
    let mut nodes: Vec<(&Node, &Judgement)> = pairs(fleet, judged).collect();
    nodes.sort_by(|one, other| {
        let by = |by: &By| {
            let order = by.column.order(*one, *other, now);
            if by.reversed { order.reverse() } else { order }
        };
        order.iter().map(by).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    });
    let row =
        |(node, judged): &(&Node, &Judgement)| columns.iter().map(|column| column.of(node, judged, now)).collect();
    Sheet { head: columns.iter().map(ToString::to_string).collect(), rows: nodes.iter().map(row).collect() }
}

/// How many nodes have each value of a column: most of those that need patching first.
#[must_use]
pub fn totals(fleet: &Fleet, judged: &[Judgement], by: &Column, now: Timestamp) -> Sheet {
    let row = |(value, totals): (String, Totals)| {
        let numbers = [totals.nodes, totals.need_patching, totals.overdue, totals.cannot_judge];
        std::iter::once(value).chain(numbers.map(|number| number.to_string())).collect()
    };
    let head = [by.to_string().as_str(), "nodes", "need_patching", "overdue", "cannot_judge"].map(str::to_owned);
    Sheet { head: head.to_vec(), rows: counted(fleet, judged, by, now).into_iter().map(row).collect() }
}

/// The same as data.
#[must_use]
pub fn totals_json(fleet: &Fleet, judged: &[Judgement], by: &Column, now: Timestamp) -> Value {
    let of_value = |(value, totals): (String, Totals)| json!({"value": value, "totals": totals});
    let values: Vec<Value> = counted(fleet, judged, by, now).into_iter().map(of_value).collect();
    json!({"schema": "rebake/totals", "version": 2, "by": by.to_string(), "values": values})
}

/// The totals of each value of a column; where most needs patching comes first.
fn counted(fleet: &Fleet, judged: &[Judgement], by: &Column, now: Timestamp) -> Vec<(String, Totals)> {
    let mut found: BTreeMap<String, Vec<&Judgement>> = BTreeMap::new();
    for (node, one) in pairs(fleet, judged) {
        found.entry(by.of(node, one, now)).or_default().push(one);
    }
    let totals = found.into_iter().map(|(value, of_it)| (value, Totals::of(of_it, now)));
    let mut totals: Vec<(String, Totals)> = totals.collect();
    totals
        .sort_by(|(one, counts), (other, others)| others.need_patching.cmp(&counts.need_patching).then(one.cmp(other)));
    totals
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn a_column_is_read_as_it_is_written() {
        for (name, column) in Column::NAMED {
            assert_eq!((Column::parse(name).as_ref(), column.to_string().as_str()), (Ok(column), *name));
        }
        assert_eq!(Column::parse("tag:app"), Ok(Column::Tag("app".into())));
        assert_eq!(Column::parse("os"), Ok(Column::System));
        assert!(Column::parse("lnae").unwrap_err().contains("did you mean `lane`?"));
        assert!(Column::parse("tag:").is_err());
    }

    #[test]
    fn nodes_come_in_the_order_that_is_asked_for() {
        let (fleet, judged) = sample::fleet();
        let ids = |order: &[&str]| -> Vec<String> {
            let order: Vec<By> = order.iter().map(|by| By::parse(by).unwrap()).collect();
            let sheet = list(&fleet, &judged, &[Column::Id], &order, sample::now());
            sheet.rows.into_iter().map(|mut row| row.remove(0)).collect()
        };
        let (mut up, down) = (ids(&["id"]), ids(&["-id"]));
        assert!(up.is_sorted() && up.len() == judged.len());
        up.reverse();
        assert_eq!(up, down);
        let urgent = ids(&["overdue"]);
        let first = judged.iter().find(|one| one.node == urgent[0]).unwrap();
        assert!(first.is_overdue(sample::now()));
        assert_eq!(ids(&["lane", "id"]).len(), judged.len());
    }

    #[test]
    fn totals_add_up_to_all_nodes() {
        let (fleet, judged) = sample::fleet();
        for (_, column) in Column::NAMED {
            let sheet = totals(&fleet, &judged, column, sample::now());
            let nodes: usize = sheet.rows.iter().map(|row| row[1].parse::<usize>().unwrap()).sum();
            assert_eq!(nodes, judged.len(), "{column}");
        }
    }
}
