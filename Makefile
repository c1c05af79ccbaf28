# The transnational referral gateway. `make help` lists the targets.
#
#   make demo     starts five gateways on loopback and sends real referrals
#   make test     unit, golden and scenario tests, under the sanitizers

SHELL   := /bin/bash
BUILD   ?= build
# Where the scenario programs find what was built.
export TRM_BUILD ?= $(abspath $(BUILD))
CC      ?= gcc
V       ?= @

# Floors, from the ground up; a folder uses the floors below it (gateway/README.md).
FOLDERS := base format pki model store http mapping agreement as4 exchange dispatch ops api ctl

DEPS_base      := base
DEPS_format    := format base
DEPS_pki       := pki format base
DEPS_model     := model format base
DEPS_store     := store format base
DEPS_http      := http pki format base
DEPS_mapping   := mapping model format base
DEPS_agreement := agreement model format base
DEPS_as4       := as4 pki format base
DEPS_exchange  := exchange mapping agreement as4 model store http pki format base
DEPS_dispatch  := dispatch $(DEPS_exchange)
DEPS_ops       := ops $(DEPS_dispatch)
DEPS_api       := api $(DEPS_ops)
DEPS_ctl       := ctl $(DEPS_api)

PKGS := libxml-2.0 xmlsec1-openssl libcurl jansson sqlite3 libevent libevent_pthreads libpcre2-8 openssl zlib

# Recursive on purpose: asked only when something is compiled, after `make deps`.
PKG_CFLAGS = $(eval PKG_CFLAGS := $$(shell pkg-config --cflags $(PKGS) | sed 's/-I/-isystem /g'))$(PKG_CFLAGS)
PKG_LIBS   = $(eval PKG_LIBS := $$(shell pkg-config --libs $(PKGS)))$(PKG_LIBS)

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
  -Wpointer-arith -Wwrite-strings -Wformat=2 -Wundef -Wvla -Wimplicit-fallthrough -Wcast-qual \
  -Wconversion -Wno-sign-conversion -Wnull-dereference
ifdef WERROR
WARN += -Werror
endif
COMMON := -std=gnu17 -D_GNU_SOURCE -Igateway -MMD -MP -pthread
HARDEN := -O2 -g -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong \
  -fstack-clash-protection -fcf-protection=full -ftrivial-auto-var-init=zero \
  -fno-strict-overflow -fno-delete-null-pointer-checks -fPIE
HARDEN_LD := -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code
SANITIZE := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -DTRM_FAULTS
SANITIZE_LD := -fsanitize=address,undefined

.PHONY: all help clean deps format layers unit test demo check-demo test-kill test-unit test-e2e programs
all: $(BUILD)/release/trmd $(BUILD)/release/trmctl

help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)

## make demo             five gateways on loopback, real referrals between them
##                       KEEP=1 leaves them running, SEED=7 invents other people,
##                       FROM=UA TO=MD IN=file carries your own document
## make test             unit, golden and scenario tests, under the sanitizers
## make test-kill        fifty kills under load: nothing lost, nothing twice
## make                  build trmd and trmctl, hardened, under build/release
## make deps             install what is missing from Debian packages
## make unit M=http      build and run the unit tests of one folder, under the sanitizers
## make format           clang-format over gateway/ and tests/
## make layers           print includes that point upward

PACKAGES := gcc libc6-dev pkg-config libxml2-dev libxmlsec1-dev libssl-dev libcurl4-openssl-dev \
  libjansson-dev libsqlite3-dev zlib1g-dev libevent-dev libpcre2-dev libcmocka-dev openssl xmlsec1 \
  libxml2-utils python3 curl ca-certificates tzdata

deps:
	$(V)missing=$$(for p in $(PACKAGES); do dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done); \
	if [ -z "$$missing" ]; then exit 0; fi; \
	line="apt-get update && apt-get install -y --no-install-recommends $$(echo $$missing)"; \
	if [ "$$(id -u)" = 0 ]; then as=; elif sudo -n true 2>/dev/null; then as='sudo -n'; else \
	  echo "Packages are missing. Run as root:"; echo "  $$line"; exit 1; fi; \
	echo "installing:" $$missing; \
	$$as apt-get update -qq && $$as env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >$${TMPDIR:-/tmp}/trm-deps.log 2>&1 \
	  || { tail -5 $${TMPDIR:-/tmp}/trm-deps.log; echo "could not install; run as root:"; echo "  $$line"; exit 1; }

# --- objects: release and test -------------------------------------------------------------

$(BUILD)/release/%.o: %.c
	@mkdir -p $(@D)
	$(V)$(CC) $(COMMON) $(WARN) $(HARDEN) $(PKG_CFLAGS) $(CFLAGS_EXTRA) -c $< -o $@

$(BUILD)/test/%.o: %.c
	@mkdir -p $(@D)
	$(V)$(CC) $(COMMON) -Itests $(WARN) $(SANITIZE) $(PKG_CFLAGS) $(CFLAGS_EXTRA) -c $< -o $@

# The OpenAPI file is part of the program.
$(BUILD)/release/gateway/api/openapi.o $(BUILD)/test/gateway/api/openapi.o: gateway/doc/openapi.yaml

define FOLDER
$(BUILD)/$(1)/lib_$(2).a: $$(patsubst %.c,$(BUILD)/$(1)/%.o,$$(wildcard gateway/$(2)/*.c))
	@rm -f $$@
	$(V)ar rcs $$@ $$^
endef
$(foreach f,$(FOLDERS),$(eval $(call FOLDER,release,$(f))))
$(foreach f,$(FOLDERS),$(eval $(call FOLDER,test,$(f))))

libs = $(foreach f,$(DEPS_$(2)),$(BUILD)/$(1)/lib_$(f).a)

$(BUILD)/release/trmd: $(BUILD)/release/gateway/main.o $(BUILD)/release/gateway/settings.o $(call libs,release,api)
	$(V)$(CC) -pthread $(HARDEN_LD) -o $@ $^ $(PKG_LIBS) -lm
$(BUILD)/release/trmctl: $(BUILD)/release/gateway/trmctl.o $(call libs,release,ctl)
	$(V)$(CC) -pthread $(HARDEN_LD) -o $@ $^ $(PKG_LIBS) -lm
$(BUILD)/test/trmd: $(BUILD)/test/gateway/main.o $(BUILD)/test/gateway/settings.o $(call libs,test,api)
	$(V)$(CC) -pthread $(SANITIZE_LD) -o $@ $^ $(PKG_LIBS) -lm
$(BUILD)/test/trmctl: $(BUILD)/test/gateway/trmctl.o $(call libs,test,ctl)
	$(V)$(CC) -pthread $(SANITIZE_LD) -o $@ $^ $(PKG_LIBS) -lm

# --- unit tests: tests/unit/FOLDER/test_*.c, with tests/unit/FOLDER/support_*.c ---------------

define UNIT
UNIT_$(1) := $$(patsubst tests/%.c,$(BUILD)/test/tests/%,$$(wildcard tests/unit/$(1)/test_*.c))
$$(UNIT_$(1)): $(BUILD)/test/tests/unit/$(1)/test_%: $(BUILD)/test/tests/unit/$(1)/test_%.o \
  $$(patsubst %.c,$(BUILD)/test/%.o,$$(wildcard tests/unit/$(1)/support_*.c)) $$(call libs,test,$(1))
	$(V)$(CC) -pthread $(SANITIZE_LD) -o $$@ $$^ $$(PKG_LIBS) -lcmocka -lm
endef
$(foreach f,$(FOLDERS),$(eval $(call UNIT,$(f))))

unit: $(UNIT_$(M))
	$(V)tests/run $(UNIT_$(M))

UNIT_ALL := $(foreach f,$(FOLDERS),$(UNIT_$(f)))

# Programs the scenario tests use: a partner with bad intentions, and the second opinion over a
# captured message (libxml2 and EVP; it must not need the code it judges).
TOOLS := $(BUILD)/test/tests/support/forge $(BUILD)/test/tests/support/open_message
$(TOOLS): %: %.o $(BUILD)/test/tests/support/evp_verify.o $(call libs,test,exchange)
	$(V)$(CC) -pthread $(SANITIZE_LD) -o $@ $^ $(PKG_LIBS) -lm

# What make finds depends on packages, so they come first and the rest is a make of its own.
test: deps
	$(V)$(MAKE) --no-print-directory -j$(JOBS) -s test-programs
	$(V)tests/run $(E2E) $(UNIT_ALL)

JOBS ?= $(shell nproc 2>/dev/null || echo 2)
# The long ones come first; unit programs fill the other processors meanwhile.
E2E  := $(wildcard tests/e2e/samples.py tests/e2e/scenario.py tests/e2e/canary.py tests/e2e/proof.py \
                   tests/e2e/kill_finds_loss.py)
programs: $(BUILD)/release/trmd $(BUILD)/release/trmctl
.PHONY: test-programs
test-programs: $(UNIT_ALL) programs $(BUILD)/test/trmd $(BUILD)/test/trmctl $(TOOLS)

test-unit: deps
	$(V)$(MAKE) --no-print-directory -j$(JOBS) -s $(UNIT_ALL)
	$(V)tests/run $(UNIT_ALL)

test-e2e: deps
	$(V)$(MAKE) --no-print-directory -j$(JOBS) -s test-programs
	$(V)tests/run $(E2E)

demo: deps
	$(V)$(MAKE) --no-print-directory -j$(JOBS) -s programs
	$(V)python3 tests/e2e/demo.py $(if $(SEED),--seed $(SEED)) $(if $(KEEP),--keep) \
	  $(if $(FROM),--from $(FROM)) $(if $(TO),--to $(TO)) $(if $(IN),--in $(IN))

# The demo as a test: its three figures, and one line that counts.
check-demo: deps
	$(V)$(MAKE) --no-print-directory -j$(JOBS) -s programs
	$(V)if python3 tests/e2e/demo.py --seed 7; then echo "1 passed, 0 failed"; else echo "0 passed, 1 failed"; exit 1; fi

test-kill: deps
	$(V)$(MAKE) --no-print-directory -j$(JOBS) -s test-programs
	$(V)python3 tests/e2e/kill.py $(KILL_ARGS)

format:
	$(V)find gateway tests -name '*.[ch]' | xargs clang-format -i

layers:
	$(V)tests/layers gateway

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
