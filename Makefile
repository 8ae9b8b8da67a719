# The front door. meson and ninja do the work; this says what there is to do, sees that the Debian
# packages are there, and keeps root away from PostgreSQL. Try `make`.

BUILD         ?= build
BENCH_SECONDS ?= 10
BENCH_CLIENTS ?= 1 8 32
SECONDS       ?= 60
PREFIX        ?= /usr/local
MESON_OPTIONS ?=

# What root builds must be readable by the user who runs PostgreSQL.
SHELL := /bin/sh
run   := umask 022;

.DEFAULT_GOAL := help
.PHONY: help deps configure build test demo bench format check-format sanitize tsan fuzz install clean

help:
	@echo "make demo           four replicas, money moved, a replica killed, a liar named (2 minutes)"
	@echo "make test           all tests, on real PostgreSQL; ends with: N passed, N failed"
	@echo "make build          the programs, below $(BUILD)/"
	@echo "make bench          throughput against one PostgreSQL [BENCH_SECONDS=10] [BENCH_CLIENTS=\"1 8 32\"]"
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

demo: build
	@$(run) tests/as-user tests/demo/demo $(BUILD)

bench: build
	@$(run) BENCH_SECONDS="$(BENCH_SECONDS)" BENCH_CLIENTS="$(BENCH_CLIENTS)" tests/as-user tests/bench/bench $(BUILD)

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
