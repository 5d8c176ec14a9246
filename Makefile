# The commands of this project. `make test` sets up what it needs and runs everything.
.PHONY: build test bench setup lint fmt clean

build:
	cargo build --release --locked

test: setup lint
	cargo test --locked

# Takes about half an hour; BENCH="--users 100000 GET" picks rows and sizes.
bench: setup
	cargo bench --locked --bench headcount -- $(BENCH)

setup:
	@tests/setup.sh

lint:
	@if cargo fmt --version >/dev/null 2>&1; then cargo fmt --check; else echo "lint: cargo fmt is not installed; formatting was not checked"; fi
	@if cargo clippy --version >/dev/null 2>&1; then cargo clippy --locked --all-targets -- -D warnings; else echo "lint: clippy is not installed; lints were not checked"; fi

fmt:
	cargo fmt

clean:
	cargo clean
