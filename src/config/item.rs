//! Single values of a file, read as what they mean.

use std::ops::Range;
use std::time::Duration;

use jiff::civil::Date;
use toml::de::DeValue;

use super::share::Share;
use super::table::Reader;
use super::{Files, beside, region};
use crate::model::selector::{Scope, Selector};
use crate::model::site::is_account;
use crate::text::{Problem, Source, parse_duration, suggestion};

/// Where the account belongs in the role of many accounts.
pub(super) const ANY_ACCOUNT: &str = "{account}";

/// A value with its path, for example `ring.window.from`.
#[derive(Debug)]
pub(super) struct Item<'a> {
    pub(super) reader: &'a Reader<'a>,
    pub(super) path: String,
    pub(super) span: Range<usize>,
    pub(super) value: &'a DeValue<'a>,
}

type Read<T> = Result<T, Problem>;

impl<'a> Item<'a> {
    /// A problem with the value.
    pub(super) fn wrong(&self, message: impl Into<String>) -> Problem {
        self.reader.problem(self.span.clone(), &self.path, message)
    }

    /// The problem that the value has another type.
    pub(super) fn expected(&self, what: &str, help: Option<&str>) -> Problem {
        let found = match self.value {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) | DeValue::Float(_) => "a number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.wrong(format!("expected {what}, found {found}")).help(help.map(str::to_owned))
    }

    fn expected_text(&self, what: &str) -> Problem {
        let written = self.reader.text().get(self.span.clone()).unwrap_or_default();
        let quoted = format!("write it in quotes: \"{written}\"");
        let single = matches!(self.value, DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_));
        self.expected(what, single.then_some(quoted.as_str()))
    }

    /// A text that is not empty.
    pub(super) fn text(&self) -> Read<String> {
        self.str("a text").map(str::to_owned)
    }

    fn str(&self, what: &str) -> Read<&'a str> {
        match self.value.as_str() {
            Some(text) if text.trim().is_empty() => Err(self.wrong(format!("expected {what}, found an empty one"))),
            Some(text) => Ok(text),
            None => Err(self.expected_text(what)),
        }
    }

    /// A text of any content.
    pub(super) fn any_text(&self) -> Read<String> {
        self.value.as_str().map(str::to_owned).ok_or_else(|| self.expected_text("a text"))
    }

    /// The items of a list.
    pub(super) fn items(&self) -> Read<Vec<Self>> {
        let items = self.value.as_array().ok_or_else(|| {
            let written = self.reader.text().get(self.span.clone()).filter(|text| !text.contains('\n'));
            self.expected("a list", written.map(|text| format!("write it in brackets: [{text}]")).as_deref())
        })?;
        let item = |item: &'a toml::Spanned<DeValue<'a>>| Self {
            reader: self.reader,
            path: self.path.clone(),
            span: item.span(),
            value: item.get_ref(),
        };
        Ok(items.iter().map(item).collect())
    }

    /// True or false.
    pub(super) fn flag(&self) -> Read<bool> {
        self.value.as_bool().ok_or_else(|| {
            let help = matches!(self.value.as_str(), Some("true" | "false")).then_some("write it without quotes");
            self.expected("true or false", help)
        })
    }

    /// A whole number within bounds.
    pub(super) fn number(&self, least: u32, most: u32) -> Read<u32> {
        let integer = self.value.as_integer().filter(|integer| integer.radix() == 10);
        let Some(integer) = integer else { return Err(self.expected("a whole number", None)) };
        let number: Option<u32> = integer.as_str().parse().ok();
        number.filter(|number| (least..=most).contains(number)).ok_or_else(|| {
            let bounds = if most == u32::MAX { format!("{least} or more") } else { format!("from {least} to {most}") };
            self.wrong(format!("{} is out of bounds", integer.as_str())).help(format!("write a number {bounds}"))
        })
    }

    /// A duration such as `14d`.
    pub(super) fn duration(&self) -> Read<Duration> {
        let example = "write for example \"15m\", \"24h\" or \"14d\"";
        match self.value.as_str() {
            Some(text) => parse_duration(text).map_err(|message| self.wrong(message)),
            None => Err(self.expected("a duration", Some(example))),
        }
    }

    /// A duration longer than nothing.
    pub(super) fn some_duration(&self) -> Read<Duration> {
        self.duration().and_then(|duration| {
            if duration.is_zero() { Err(self.wrong("must be longer than nothing")) } else { Ok(duration) }
        })
    }

    /// A duration of at most so many hours.
    pub(super) fn duration_up_to(&self, hours: u64) -> Read<Duration> {
        self.duration().and_then(|duration| {
            let most = Duration::from_hours(hours);
            if duration > most { Err(self.wrong(format!("at most {hours} h are possible"))) } else { Ok(duration) }
        })
    }

    /// A percentage such as `100%`, within bounds.
    pub(super) fn percent(&self, least: u32, most: u32) -> Read<u32> {
        let help = format!("write for example \"{}%\"", most.min(100));
        let Some(text) = self.value.as_str() else { return Err(self.expected("a percentage", Some(&help))) };
        let number = text.trim().strip_suffix('%').and_then(|number| number.trim_end().parse::<u32>().ok());
        let Some(number) = number else { return Err(self.wrong(format!("`{text}` is no percentage")).help(help)) };
        if (least..=most).contains(&number) {
            return Ok(number);
        }
        Err(self.wrong(format!("{number} % is out of bounds")).help(format!("write from \"{least}%\" to \"{most}%\"")))
    }

    /// A number of things or a percentage of all.
    pub(super) fn share(&self) -> Read<Share> {
        match self.value {
            DeValue::Integer(_) => self.number(1, u32::MAX).map(Share::Count),
            _ => self.percent(1, 100).map(Share::Percent).map_err(|problem| {
                problem.help("write a number such as 5, or a percentage such as \"10%\"".to_owned())
            }),
        }
    }

    /// A calendar day.
    pub(super) fn date(&self) -> Read<Date> {
        let written = || match self.value {
            DeValue::Datetime(datetime) => datetime.date.filter(|_| datetime.time.is_none()),
            _ => None,
        };
        let help = match self.value.as_str().and_then(|text| text.trim().parse::<Date>().ok()) {
            Some(date) => format!("write it without quotes: {date}"),
            None => "write for example 2026-12-31".to_owned(),
        };
        let date = written().ok_or_else(|| self.expected("a day", Some(&help)))?;
        Date::new(date.year as i16, date.month as i8, date.day as i8)
            .map_err(|_| self.wrong(format!("there is no day {date}")))
    }

    /// A selector.
    pub(super) fn selector(&self, scope: Scope) -> Read<Selector> {
        let text = self.str("a selector")?;
        Selector::parse_in(text, scope).map_err(|error| {
            self.reader.problem(self.inner(text, &error.span), &self.path, error.message).help(error.help)
        })
    }

    /// The place in the file of a range of a text. A text with escapes in it has no such place: then all of it.
    fn inner(&self, text: &str, span: &Range<usize>) -> Range<usize> {
        let written = self.reader.text().get(self.span.clone()).unwrap_or_default();
        match written.find(text) {
            Some(offset) => self.span.start + offset + span.start..self.span.start + offset + span.end,
            None => self.span.clone(),
        }
    }

    /// A name of one's own: small letters, digits and `-`, beginning with a letter.
    pub(super) fn name(&self) -> Read<String> {
        let name = self.str("a name")?;
        let fine = name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if fine && name.starts_with(|c: char| c.is_ascii_lowercase()) && name.len() <= 64 {
            return Ok(name.to_owned());
        }
        let help = "use at most 64 small letters, digits and `-`, beginning with a letter".to_owned();
        Err(self.wrong(format!("`{name}` is no name")).help(help))
    }

    /// One of a few words.
    pub(super) fn one_of<T: Copy>(&self, choices: &[(&str, T)]) -> Read<T> {
        let word = self.str("a word")?;
        choices.iter().find(|(known, _)| *known == word).map(|(_, choice)| *choice).ok_or_else(|| {
            self.wrong(format!("unknown value `{word}`"))
                .help(suggestion(word, choices.iter().map(|(known, _)| *known)))
        })
    }

    /// A name that must be among others.
    pub(super) fn known(&self, kind: &str, names: &[&str]) -> Read<String> {
        let name = self.str("a name")?;
        if names.contains(&name) {
            return Ok(name.to_owned());
        }
        let help = suggestion(name, names.iter().copied()).unwrap_or_else(|| format!("there is no {kind} at all"));
        Err(self.wrong(format!("there is no {kind} `{name}`")).help(help))
    }

    /// The number of an account.
    pub(super) fn account(&self) -> Read<String> {
        let account = self.str("an account")?;
        if is_account(account) {
            return Ok(account.to_owned());
        }
        let digits = account.bytes().filter(u8::is_ascii_digit).count();
        let help = match account.len() {
            length if length == digits => format!("an account has 12 digits, this has {digits}"),
            _ => "write its 12 digits without anything between them".to_owned(),
        };
        Err(self.wrong(format!("`{account}` is no account")).help(help))
    }

    /// A region that exists.
    pub(super) fn region(&self, new: &[String]) -> Read<String> {
        let region = self.str("a region")?;
        region::check(region, new)
            .map(|()| region.to_owned())
            .map_err(|help| self.wrong(format!("there is no region `{region}`")).help(help))
    }

    /// The ARN of an IAM role.
    pub(super) fn role(&self) -> Read<String> {
        let role = self.str("a role")?;
        let parts: Vec<&str> = role.splitn(6, ':').collect();
        match parts.as_slice() {
            ["arn", partition, "iam", "", account, name]
                if partition.starts_with("aws")
                    && (is_account(account) || *account == ANY_ACCOUNT)
                    && name.strip_prefix("role/").is_some_and(|name| !name.is_empty()) =>
            {
                Ok(role.to_owned())
            }
            _ => Err(self
                .wrong(format!("`{role}` is no role"))
                .help("write its ARN: \"arn:aws:iam::111111111111:role/rebake\"".to_owned())),
        }
    }

    /// The text of the file that it names, beside the file that it stands in.
    pub(super) fn file(&self, files: &Files<'_>) -> Read<Source> {
        let file = beside(&self.reader.place(self.span.start).file, &self.text()?);
        match files(&file) {
            Some(Ok(text)) => Ok(Source::new(file, text)),
            Some(Err(why)) => Err(self.wrong(format!("cannot read {file}: {why}"))),
            None => Err(self
                .wrong(format!("there is no file {file}"))
                .help("write it, or correct the path (it counts from this file)".to_owned())),
        }
    }
}
