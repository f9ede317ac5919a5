//! The command `apex-cache`. All of it is in `src/admin/cli`.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    apex_cache::admin::cli::main()
}
