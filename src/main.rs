//! rebake's command line.

/// A look allocates and frees millions of small things, most of them inside the SDK: with the allocator of the C library
/// that was a third of its work.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    rebake::cli::run()
}
