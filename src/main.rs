//! The `headcount` binary.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    headcount::jwt::install();
    headcount::cli::main()
}
