# `make demo` shows it, `make test` tests it, `make lint` judges the code, `make clean` forgets; `make test-differential`
# compares random statements with a MariaDB server, `ORACLE=user@host:port`; `make test-faults` kills refreshes and servers
# 300 times each and plays new games of changes against views for about an hour; `make test-apps` uses the sample lake with
# Superset, SQLAlchemy, pandas, Polars and mycli; `make fuzz TARGET=packets` searches for bytes that hurt a parser.

CARGO_TARGET_DIR ?= target
export CARGO_TARGET_DIR
VENV := $(abspath $(CARGO_TARGET_DIR))/venv

.PHONY: demo test test-differential test-faults test-apps fuzz lint clients clean

# Makes the sample lake in ./lakefront-demo if it is not there, and serves it.
demo:
	cargo build --release
	$(CARGO_TARGET_DIR)/release/lakefront demo

# All tests, with real client programs. Some suites need files that lie beside the clone; they say so when they are not
# there. The games come last: they keep all processors busy for minutes.
test: clients
	LAKEFRONT_CLIENTS=$(VENV) cargo test -- --skip model::
	cargo test --test it -- model::

# Random statements, here and on a server that serves as the oracle; another seed at every run.
ORACLE ?= root@127.0.0.1:3306
test-differential: clients
	cargo test --no-run
	$(VENV)/bin/python tests/differential/differential.py --binary $(CARGO_TARGET_DIR)/debug/lakefront --oracle $(ORACLE)

# Refreshes that are killed, and views against their queries, with other seeds at every run.
KILLS ?= 300
STEPS ?= 3000
SEEDS ?= $(shell shuf -i 1000-999999 -n 4 | paste -sd,)
test-faults:
	LAKEFRONT_KILLS=$(KILLS) LAKEFRONT_SEEDS=$(SEEDS) LAKEFRONT_STEPS=$(STEPS) cargo test --test it -- model refresh_ --nocapture

# Applications as their users have them, from PyPI, each kind in an environment of its own: about 2 GB and ten minutes.
APPS := $(abspath $(CARGO_TARGET_DIR))/apps
test-apps: $(APPS)/superset/installed $(APPS)/tools/installed
	cargo test --no-run
	$(APPS)/tools/bin/python tests/apps/run.py $(CARGO_TARGET_DIR)/debug/lakefront \
	    $(APPS)/tools/bin/python tools.py $(APPS)/superset/bin/python superset_app.py

$(APPS)/%/installed: tests/apps/requirements-%.txt
	python3 -m venv $(APPS)/$*
	$(APPS)/$*/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

# docs/fuzzing.md names the targets. What a run finds of new paths stays in tests/fuzz/corpus for the next one.
TARGET ?= packets
SECONDS ?= 60
fuzz:
	cp Cargo.lock tests/fuzz/Cargo.lock
	mkdir -p tests/fuzz/corpus/$(TARGET) tests/fuzz/artifacts/$(TARGET)
	RUSTC_WRAPPER=$(abspath tests/fuzz/rustc) cargo build --manifest-path tests/fuzz/Cargo.toml --bin $(TARGET)
	$(CARGO_TARGET_DIR)/debug/$(TARGET) tests/fuzz/corpus/$(TARGET) tests/fuzz/seeds/$(TARGET) \
	    -artifact_prefix=tests/fuzz/artifacts/$(TARGET)/ -max_total_time=$(SECONDS) -max_len=2000 -rss_limit_mb=2048 \
	    -timeout=10 -print_final_stats=1

lint:
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings

# The client programs of the tests, from the system's packages and below the build's directory.
clients:
	tests/clients/install $(VENV)

clean:
	cargo clean
	rm -rf lakefront-demo
