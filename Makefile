# The front door. meson and ninja do the work; this says what there is to do, sees that the Debian
# packages are there, and keeps root away from PostgreSQL. Try `make`.

BUILD         ?= build
SECONDS       ?= 60
STATEMENTS    ?= 20000
SEED          ?= 1
SEEDS         ?= 10000
PREFIX        ?= /usr/local
MESON_OPTIONS ?=

# Empty: what tests/bench/bench says.
bench_options := $(addprefix BENCH_,SECONDS CLIENTS WORKLOADS SYSTEMS RUNS EXPLAIN SCALE SEED)

# What root builds must be readable by the user who runs PostgreSQL.
SHELL := /bin/sh
run   := umask 022;

.DEFAULT_GOAL := help
.PHONY: help deps configure build test sim demo bench bench-agreement isolation determinism determinism-overhead format check-format sanitize tsan fuzz install clean

help:
	@echo "make demo           four replicas, money moved, a replica killed, a liar named (2 minutes)"
	@echo "make test           all tests, on real PostgreSQL; ends with: N passed, N failed"
	@echo "make sim            agreement in a hostile simulated world, and its planted bugs [SEEDS=10000]"
	@echo "make build          the programs, below $(BUILD)/"
	@echo "make bench          against one PostgreSQL, synchronous replication and others [BENCH_SECONDS=10]"
	@echo "                    [BENCH_CLIENTS=\"1 8 32\"] [BENCH_WORKLOADS=tpcb-N] [BENCH_RUNS=3]; about an hour"
	@echo "make isolation      histories of four replicas under faults, checked [SECONDS=60]"
	@echo "make determinism    generated SQL on four servers whose physical state differs [STATEMENTS=20000] [SEED=1]"
	@echo "make determinism-overhead  what the PostgreSQL library costs, in processor time"
	@echo "make bench-agreement  agreement alone, without a database; the time of a view change"
	@echo "make sanitize       the unit tests under ASan and UBSan; tsan: the threaded ones under TSan"
	@echo "make fuzz           every fuzz harness for a while [SECONDS=60]"
	@echo "make format         clang-format on all sources; check-format only looks"
	@echo "make install        [PREFIX=/usr/local] [DESTDIR=]"
	@echo "make deps           installs missing Debian packages (all of the above do, too)"
	@echo "make clean          removes $(BUILD)* and nothing else"

deps:
	@sh tests/deps

configure: deps
	@$(run) test -f $(BUILD)/build.ninja || meson setup $(BUILD) --prefix=$(PREFIX) $(MESON_OPTIONS)

build: configure
	@$(run) ninja -C $(BUILD)

test: build
	@$(run) /usr/bin/python3 tests/run --build $(BUILD)

sim: build
	@$(run) ninja -C $(BUILD) sim-mutants
	@$(run) /usr/bin/python3 tests/sim/run --build $(BUILD) --seeds $(SEEDS)

demo: build
	@$(run) tests/as-user tests/demo/demo $(BUILD)

bench: build
	@$(run) $(foreach name,$(bench_options),$(name)="$($(name))") tests/as-user tests/bench/bench $(BUILD)

isolation: build
	@$(run) tests/as-user tests/isolation/isolation $(BUILD) $(SECONDS)

determinism: build
	@$(run) tests/determinism/determinism $(BUILD)/tests/determinism/replay $(BUILD)/sql/byzantium.so "$$(pg_config --bindir)" \
	    --statements $(STATEMENTS) --seed $(SEED)

determinism-overhead: build
	@$(run) tests/determinism/overhead $(BUILD)/sql/byzantium.so "$$(pg_config --bindir)"

bench-agreement: build
	@$(run) tests/as-user tests/agreement/bench_agreement $(BUILD)

format: deps
	@tests/style/format --fix

check-format: deps
	@tests/style/format

sanitize: deps
	@$(run) test -f $(BUILD)-asan/build.ninja || meson setup $(BUILD)-asan -Db_sanitize=address,undefined -Db_lundef=false
	@$(run) ninja -C $(BUILD)-asan
	@$(run) /usr/bin/python3 tests/run --build $(BUILD)-asan --suite unit

# Where there are threads: connections of one application in several.
tsan: deps
	@$(run) test -f $(BUILD)-tsan/build.ninja || CC=clang meson setup $(BUILD)-tsan -Db_sanitize=thread -Db_lundef=false
	@$(run) ninja -C $(BUILD)-tsan tests/unit/client/threads_test tests/unit/client/transaction_test
	@$(run) meson test -C $(BUILD)-tsan --no-rebuild 'client threads' 'client transaction'

fuzz: deps
	@$(run) test -f $(BUILD)-fuzz/build.ninja || CC=clang meson setup $(BUILD)-fuzz -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false
	@$(run) ninja -C $(BUILD)-fuzz
	@for harness in $(BUILD)-fuzz/tests/fuzz/fuzz_*; do \
	    test -f $$harness -a -x $$harness || continue; \
	    corpus=tests/fuzz/corpus/$${harness##*/fuzz_}; found=$(BUILD)-fuzz/found-$${harness##*/}; \
	    mkdir -p $$found && $$harness -max_total_time=$(SECONDS) -max_len=65536 $$found $$corpus || exit 1; \
	done

install: build
	@meson install -C $(BUILD) --no-rebuild

clean:
	rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-fuzz $(BUILD)-tsan $(BUILD)-clang
