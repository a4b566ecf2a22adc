//! rebake's command line.

fn main() -> std::process::ExitCode {
    rebake::cli::run()
}
