# extentsim: build, test, measure. `make help` lists the targets.
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all
SHELL := /bin/sh
export LC_ALL := C

# Q= shows whole commands.
Q ?= @
say = @printf '  %s %s\n' $(1) $(2)

V ?= release
ifeq ($(V),release)
PROG ?= build/extentsim
else
PROG ?= $(B)/extentsim
endif
B ?= build/$(V)
CC := gcc
PREFIX ?= /usr/local
VERSION := $(shell cat VERSION)
# Where the program looks for its library of scenarios, images and profiles.
DATADIR := $(CURDIR)

PKGS := glib-2.0 gio-2.0 jansson smartcols gsl libcrypto
APT := gcc libc6-dev pkg-config libglib2.0-dev libjansson-dev libsmartcols-dev libgsl-dev libssl-dev
APT_TEST := libcriterion-dev gnuplot-nox
WARN := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef \
	-Wformat=2 -Wimplicit-fallthrough -Wpointer-arith -Wwrite-strings
ifneq ($(WERROR),0)
WARN += -Werror
endif
# -ffp-contract=off: a fused multiply-add would give other last bits on other machines.
BASE := -std=c11 -D_GNU_SOURCE -ffp-contract=off -fno-common -fno-strict-aliasing -g -pthread
opt.release := -O2
opt.debug := -O0
opt.o3 := -O3
opt.asan := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
opt.coverage := -O0 --coverage -fprofile-update=atomic
ifeq ($(origin opt.$(V)),undefined)
$(error V=$(V) is none of the variants: release debug o3 asan coverage)
endif

NOCONF := clean help fresh format format-check uninstall
ifneq ($(if $(MAKECMDGOALS),$(filter-out $(NOCONF),$(MAKECMDGOALS)),all),)
include build/config.mk
endif
# Make restarts itself when it has remade an included file, so the flags are right after an install.
build/config.mk: FORCE
	@sh .ci/deps $(APT) $(if $(filter check% bench tests,$(MAKECMDGOALS)),$(APT_TEST))
	@mkdir -p $(@D); { echo "PCFLAGS := $$(pkg-config --cflags $(PKGS))"; \
	  echo "PLIBS := $$(pkg-config --libs $(PKGS))"; } > $@.t; \
	  cmp -s $@.t $@ && rm $@.t || mv $@.t $@

ALL_CFLAGS = $(BASE) $(WARN) $(opt.$(V)) -DEXTENTSIM_VERSION='"$(VERSION)"' \
	-DEXTENTSIM_DATADIR='"$(DATADIR)"' -I. $(PCFLAGS) $(CFLAGS)
ALL_LDFLAGS = -pthread $(opt.$(V)) $(LDFLAGS)

SRC := $(sort $(wildcard sim/*.c models/*.c models/*/*.c scenarios/*.c results/*.c timeline/*.c plot/*.c calibrate/*.c validate/*.c cli/*.c))
ASM := $(sort $(wildcard sim/*.S))
TSRC := $(sort $(wildcard tests/*.c tests/*/*.c))
BENCHSRC := $(sort $(wildcard tests/bench/*.c))
FUZZMAIN := tests/fuzz/main.c
FUZZSRC := $(filter-out tests/fuzz/t_%,$(sort $(wildcard tests/fuzz/*.c)))
TSRC := $(filter-out $(BENCHSRC) $(FUZZMAIN),$(TSRC))
OBJ := $(SRC:%.c=$(B)/%.o) $(ASM:%.S=$(B)/%.o)
LIBOBJ := $(filter-out $(B)/cli/main.o,$(OBJ))
TOBJ := $(TSRC:%.c=$(B)/%.o)
BENCHOBJ := $(BENCHSRC:%.c=$(B)/%.o)
FUZZOBJ := $(FUZZSRC:%.c=$(B)/%.o)

.PHONY: all run check bench fuzz tests scenarios scenarios-table baselines validate validate-table threads-table install uninstall clean help format format-check fresh FORCE
all: $(PROG) ## build build/extentsim (V=debug, o3, asan, coverage: build/V/extentsim)
$(PROG): $(OBJ)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) $(OBJ) -o $@ $(PLIBS) -lm
tests: $(B)/tests/run $(PROG)
$(B)/tests/run: $(LIBOBJ) $(TOBJ)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) $^ -o $@ $(PLIBS) -lcriterion -lm
$(B)/%.o: %.c $(B)/.flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@
$(B)/%.o: %.S $(B)/.flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@
$(B)/.flags: FORCE
	@mkdir -p $(@D); printf '%s\n' '$(CC) $(subst ',,$(ALL_CFLAGS))' > $@.t; \
	  cmp -s $@.t $@ && rm $@.t || mv $@.t $@
FORCE:
-include $(OBJ:.o=.d) $(TOBJ:.o=.d) $(BENCHOBJ:.o=.d) $(FUZZOBJ:.o=.d)

$(B)/bench: $(LIBOBJ) $(BENCHOBJ)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) $^ -o $@ $(PLIBS) -lm
build/bench: $(B)/bench
	cp $< $@
bench: build/bench ## measure the engine and the models (BENCH=name for one of them)
	build/bench $(BENCH)
	sh tests/bench/instructions.sh build/bench mm1-loop mm1-store mm1-pool

$(B)/fuzz: $(LIBOBJ) $(FUZZOBJ)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) $^ -o $@ $(PLIBS) -lm
# One may be left out: FIRST=1 SEEDS=400 OPS=480 TIME=60 VARIANT='design=… setup=…' FUZZFLAGS=--help
fuzz: $(B)/fuzz $(PROG) ## random scripts under random variants, shrunk (SEEDS= OPS= TIME= VARIANT=)
	$(B)/fuzz $(if $(FIRST),--first $(FIRST)) $(if $(SEEDS),--seeds $(SEEDS)) \
	  $(if $(OPS),--ops $(OPS)) $(if $(TIME),--time $(TIME)) \
	  $(if $(VARIANT),--variant '$(VARIANT)') $(FUZZFLAGS)

run: $(PROG) ## build, run the flagship scenario and show its table
	$(PROG) run container-churn
check: tests ## run every test
	EXTENTSIM=$(CURDIR)/$(PROG) sh tests/run-unit.sh $(B)/tests/run $(B)/report $(TESTFLAGS)
	sh tests/reproducible.sh build/reproducible
LIBRARY := sh tests/scenarios/library.sh $(PROG) scenarios/README.md results/baselines
scenarios: $(PROG) ## run the library: claims must hold, answers be the table's, figures pass the gate
	$(LIBRARY)
scenarios-table: $(PROG) ## write the answers of scenarios/README.md anew
	$(LIBRARY) write
baselines: $(PROG) ## renew the library's baselines: make baselines WHY='what has changed them'
	@test -n '$(WHY)' || { echo "make baselines: say why: WHY='what has changed them'" >&2; exit 2; }
	$(LIBRARY) renew '$(WHY)'
validate: $(PROG) ## hold the model against what is known without it
	$(PROG) validate
validate-table: $(PROG) ## write the table of docs/validation.md anew
	sh validate/table.sh $(PROG) docs/validation.md default
threads-table: $(PROG) ## write the table of threads of docs/validation.md anew, on a machine that does little else
	sh validate/table.sh $(PROG) docs/validation.md threads --threads
# An installed program has its library below PREFIX: that one object is compiled anew.
SHARE := $(PREFIX)/share/extentsim
$(B)/install/library.o: private DATADIR := $(SHARE)
$(B)/install/library.o: scenarios/library.c FORCE
	@mkdir -p $(@D)
	$(call say,CC,'$< for $(SHARE)')
	$(Q)$(CC) $(ALL_CFLAGS) -c $< -o $@
$(B)/install/extentsim: $(filter-out $(B)/scenarios/library.o,$(OBJ)) $(B)/install/library.o
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) $^ -o $@ $(PLIBS) -lm
install: $(B)/install/extentsim ## install below PREFIX (/usr/local), staged in DESTDIR if given
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(SHARE)/scenarios/images \
	  $(DESTDIR)$(SHARE)/scenarios/profiles
	install -m 755 $(B)/install/extentsim $(DESTDIR)$(PREFIX)/bin/extentsim
	install -m 644 $(wildcard scenarios/*.json) $(DESTDIR)$(SHARE)/scenarios
	install -m 644 $(wildcard scenarios/images/*.image) $(DESTDIR)$(SHARE)/scenarios/images
	install -m 644 $(wildcard scenarios/profiles/*.json) $(DESTDIR)$(SHARE)/scenarios/profiles
	for folder in validate/data/*; do install -d $(DESTDIR)$(SHARE)/$$folder && \
	  install -m 644 $$folder/* $(DESTDIR)$(SHARE)/$$folder || exit; done
uninstall: ## remove what install put there
	rm -rf $(DESTDIR)$(PREFIX)/bin/extentsim $(DESTDIR)$(SHARE)
format: ## rewrite the sources in the project's style
	clang-format -i $(filter %.c,$(SRC) $(TSRC) $(BENCHSRC) $(FUZZMAIN)) $(wildcard */*.h */*/*.h)
format-check: ## say which files are not in the project's style
	clang-format --dry-run -Werror $(SRC) $(TSRC) $(BENCHSRC) $(FUZZMAIN) $(wildcard */*.h */*/*.h)
fresh: ## prove the README's two commands on a bare Debian (root, debootstrap)
	sh .ci/fresh
include tests/live/live.mk
include tests/perfetto/perfetto.mk
clean: ## remove everything that was built
	rm -rf build
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile tests/live/live.mk | expand -t 14
