//! What a script does to its node: nothing is run, but what ends, waits, speaks and reboots has its effect.
//!
//! Known are `echo TEXT`, `sleep SECONDS`, `exit CODE`, PowerShell's `Write-Output`, `Start-Sleep -Seconds` and
//! `throw`, and what reboots. A script ends at its first `exit`; any other line succeeds without a word.

use std::time::Duration;

/// What asks the agent for a reboot, or does it.
const REBOOTS: [&str; 5] = ["exit 194", "exit 3010", "shutdown -r", "reboot", "Restart-Computer"];

/// What a script comes to.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::sandbox::ssm) struct Outcome {
    /// What it wrote.
    pub(in crate::sandbox::ssm) output: String,
    /// What it complained of.
    pub(in crate::sandbox::ssm) error: String,
    /// Its exit code.
    pub(in crate::sandbox::ssm) code: i64,
    /// How long it slept.
    pub(in crate::sandbox::ssm) slept: Duration,
    /// Whether the node reboots.
    pub(in crate::sandbox::ssm) reboots: bool,
}

/// Plays a script.
pub(in crate::sandbox::ssm) fn play(lines: &[String]) -> Outcome {
    let mut outcome = Outcome { reboots: lines.iter().any(|line| reboots(line)), ..Outcome::default() };
    let statements = lines.iter().flat_map(|line| line.split([';', '\n']));
    for statement in statements.map(str::trim).filter(|_| !outcome.reboots) {
        let (word, rest) = statement.split_once(' ').map_or((statement, ""), |(word, rest)| (word, rest.trim()));
        let number = || rest.trim_start_matches("-Seconds").trim().parse::<u64>().ok();
        match word {
            // What is redirected is not seen.
            "echo" | "Write-Output" | "Write-Host" if !rest.contains(['>', '|']) => {
                outcome.output.push_str(rest.trim_matches(['"', '\'']));
                outcome.output.push('\n');
            }
            "sleep" | "Start-Sleep" => outcome.slept += Duration::from_secs(number().unwrap_or(0).min(86_400 * 2)),
            "throw" => {
                outcome.error = format!("{}\nfailed to run commands: exit status 1", rest.trim_matches(['"', '\'']));
                outcome.code = 1;
                break;
            }
            "exit" => {
                outcome.code = rest.parse().unwrap_or(0);
                if outcome.code != 0 {
                    outcome.error = format!("failed to run commands: exit status {}", outcome.code);
                }
                break;
            }
            _ => {}
        }
    }
    outcome
}

fn reboots(line: &str) -> bool {
    REBOOTS.iter().any(|mark| line.contains(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn played(lines: &[&str]) -> Outcome {
        play(&lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn what_ends_waits_and_speaks_has_its_effect() {
        let outcome = played(&["df", "echo \"one\"; sleep 90", "exit 3", "echo never"]);
        assert_eq!((outcome.output.as_str(), outcome.code, outcome.slept.as_secs()), ("one\n", 3, 90));
        assert_eq!(outcome.error, "failed to run commands: exit status 3");
        assert!(played(&["sudo shutdown -r +1"]).reboots && !played(&["uptime"]).reboots);
        assert_eq!(played(&["throw 'no'"]).code, 1);
    }
}
