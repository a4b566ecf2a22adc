//! Accounts in a file of their own: a list with names, or what `aws organizations list-accounts` prints.

use serde::Deserialize;

use crate::model::site::is_account;
use crate::text::{Problem, Source};

/// An account of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    /// Twelve digits.
    pub(super) id: String,
    /// What people call it, or empty.
    pub(super) name: String,
}

/// The accounts in a file.
///
/// # Errors
/// What is wrong, by line.
pub(super) fn accounts(source: &Source) -> Result<Vec<Account>, Vec<Problem>> {
    // Editors and PowerShell begin a text with a mark.
    let source = &Source::new(source.file.as_str(), source.text.trim_start_matches('\u{feff}'));
    let found = if source.text.trim_start().starts_with('{') { organization(source)? } else { lines(source)? };
    let mut problems = Vec::new();
    for (index, (at, account)) in found.iter().enumerate() {
        if found[..index].iter().any(|(_, other)| other.id == account.id) {
            let end = at + account.id.len();
            problems.push(source.problem(*at..end, format!("account {} is named twice", account.id)));
        }
    }
    if found.is_empty() {
        let help = "write one account a line: 111111111111 prod".to_owned();
        problems.push(Problem::of_file(source.file.clone(), "the file names no account").help(help));
    }
    if problems.is_empty() { Ok(found.into_iter().map(|(_, account)| account).collect()) } else { Err(problems) }
}

/// One account a line: `111111111111 prod`, also `111111111111,prod`; `#` begins a comment. Each with where it stands.
fn lines(source: &Source) -> Result<Vec<(usize, Account)>, Vec<Problem>> {
    let (mut found, mut problems) = (Vec::new(), Vec::new());
    let mut start = 0;
    for (number, line) in source.text.split_inclusive('\n').enumerate() {
        let at = start + (line.len() - line.trim_start().len());
        start += line.len();
        let told = line.split('#').next().unwrap_or_default().trim();
        let (id, name) = told.split_once([',', ';', ' ', '\t']).unwrap_or((told, ""));
        let plain = |text: &str| text.trim().trim_matches('"').trim().to_owned();
        let (id, name) = (plain(id), plain(name));
        match told {
            "" => {}
            _ if is_account(&id) => found.push((at, Account { id, name })),
            // The first line of a spreadsheet may say what its columns are.
            _ if number == 0 && !id.contains(|c: char| c.is_ascii_digit()) => {}
            _ => {
                let help = "write its 12 digits, then its name if it has one: 111111111111 prod".to_owned();
                problems.push(source.problem(at..at + told.len(), format!("`{id}` is no account")).help(help));
            }
        }
    }
    if problems.is_empty() { Ok(found) } else { Err(problems) }
}

/// What `aws organizations list-accounts --output json` prints. Accounts that are not active are left out.
fn organization(source: &Source) -> Result<Vec<(usize, Account)>, Vec<Problem>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Told {
        accounts: Vec<One>,
        next_token: Option<String>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct One {
        id: String,
        #[serde(default)]
        name: String,
        /// Until 2026-09 `Status`, then `State`.
        #[serde(alias = "State")]
        status: Option<String>,
    }
    let told: Told = serde_json::from_str(&source.text).map_err(|error| {
        let start: usize = source.text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
        let help = "write what `aws organizations list-accounts --output json` prints".to_owned();
        vec![source.problem(start..start, error.to_string()).help(help)]
    })?;
    if told.next_token.is_some() {
        let key = "\"NextToken\"";
        let at = source.text.rfind(key).unwrap_or_default();
        let help =
            "record all pages: `aws organizations list-accounts --output json`, without --no-paginate and --max-items";
        let message = "more accounts follow: this is one page of several";
        return Err(vec![source.problem(at..at + key.len(), message).key("NextToken").help(help.to_owned())]);
    }
    let active = told.accounts.into_iter().filter(|one| one.status.as_deref().is_none_or(|it| it == "ACTIVE"));
    let (mut found, mut wrong) = (Vec::new(), Vec::new());
    for One { id, name, .. } in active {
        let at = source.text.find(&format!("\"{id}\"")).map_or(0, |at| at + 1);
        if is_account(&id) {
            found.push((at, Account { id, name }));
        } else {
            wrong.push(source.problem(at..at + id.len(), format!("`{id}` is no account")));
        }
    }
    if wrong.is_empty() { Ok(found) } else { Err(wrong) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(String, String)>, Vec<String>> {
        let found = accounts(&Source::new("accounts.csv", text));
        found
            .map(|all| all.into_iter().map(|it| (it.id, it.name)).collect())
            .map_err(|all| all.iter().map(ToString::to_string).collect())
    }

    fn two() -> Vec<(String, String)> {
        [("111111111111", "prod"), ("222222222222", "")].map(|(id, name)| (id.to_owned(), name.to_owned())).to_vec()
    }

    #[test]
    fn lists_spreadsheets_and_organizations_are_read() {
        assert_eq!(read("# ours\n111111111111 prod\n\n222222222222\n"), Ok(two()));
        assert_eq!(read("account,name\r\n\"111111111111\",\"prod\"\r\n222222222222,\r\n"), Ok(two()));
        let told = r#"{"Accounts": [{"Id": "111111111111", "Name": "prod", "Status": "ACTIVE"},
            {"Id": "333333333333", "Name": "old", "Status": "SUSPENDED"}, {"Id": "222222222222"}]}"#;
        assert_eq!(read(told), Ok(two()));
        assert_eq!(read(&format!("\u{feff}{told}")), Ok(two()));
        assert_eq!(read("\u{feff}111111111111 prod\n222222222222\n"), Ok(two()));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let one = |text: &str| read(text).unwrap_err().join("\n");
        assert!(
            one("111111111111\n1111 x\n").starts_with("accounts.csv:2: `1111` is no account"),
            "{}",
            one("111111111111\n1111 x\n")
        );
        assert!(one("111111111111\n111111111111\n").contains("accounts.csv:2: account 111111111111 is named twice"));
        assert!(one("\n# none\n").contains("names no account"));
        assert!(one("{\n\"Accounts\": [{\"Id\": 5}]}").starts_with("accounts.csv:2: "));
        let page = one("{\"Accounts\": [{\"Id\": \"111111111111\"}],\n\"NextToken\": \"x\"}");
        assert!(page.starts_with("accounts.csv:2: ") && page.contains("NextToken"), "{page}");
    }
}
