# Tassis: `make help` lists the targets. A program is a folder NAME/*.c (a command cmd/NAME.c or
# cmd/NAME/*.c), the libraries are lib/*/*.c, tests are *_test.c beside what they test: adding a
# file edits nothing here.

PREFIX  ?= /usr/local
CONFDIR ?= /etc/postfix
BUILD   ?= build
CC      ?= gcc
VERSION := 0.1.0

# Debian packages: to build and run, and to run the tests besides.
DEBS := gcc make pkg-config libssl-dev liblmdb-dev libc-ares-dev libpcre2-dev libseccomp-dev libicu-dev \
	libcdb-dev libhiredis-dev libldap-dev libmariadb-dev libpq-dev libsasl2-dev libsqlite3-dev
TEST_DEBS := libcmocka-dev clang clang-format clang-tidy cppcheck libclang-rt-14-dev mandoc python3 \
	swaks iproute2 strace util-linux lmdb-utils jq
# The real servers that system tests talk to; a test whose server is missing is skipped.
PEER_DEBS := amavisd-new dovecot-mysql dovecot-pgsql dovecot-sieve dovecot-sqlite dovecot-submissiond fail2ban libnss-extrausers nsd opendmarc pflogsumm postsrsd spampd unbound ldnsutils gnutls-bin postfix postfix-lmdb postfix-pcre postfix-sqlite postfix-cdb dovecot-core dovecot-lmtpd dovecot-imapd dovecot-pop3d sasl2-bin \
	ldap-utils libsasl2-modules libsasl2-modules-db mariadb-server memcached opendkim postgresql postfix-policyd-spf-python postgrey redis-server rspamd slapd spamass-milter spamassassin spamd
UNPACKED_DEBS := exim4-daemon-light opensmtpd # these would remove one another if they were installed
PKGS := openssl lmdb libcares libpcre2-8 libseccomp icu-uc

help: ## this list
	@sed -n 's/^\([a-z][a-z-]*\):.*## */  \1|/p' Makefile | column -t -s '|'

# Of what is staged below BUILD, and it needs root. ARGS='--scenario relay -n 3' and the like; see bench/README.md.
RUN_BENCH = PREFIX=$(abspath $(BUILD)/stage/usr) bench/bench.py run --results bench $(ARGS)

# Started with sudo, only packages and installation are root's work: the rest is built and run as
# the one who called, so nothing in the checkout ends up owned by root.
CALLER := $(if $(filter 0,$(shell id -u)),$(filter-out root,$(SUDO_USER)))
ifneq ($(CALLER),)
AS_CALLER := setpriv --reuid=$(CALLER) --regid=$(shell id -g $(CALLER)) --init-groups env -u SUDO_USER HOME=$(shell getent passwd $(CALLER) | cut -d: -f6) TASSIS_SUDO=1
all run test unit sanitize fuzz format lint clean docs:
	+$(AS_CALLER) $(MAKE) $@
install:
	+$(AS_CALLER) $(MAKE) all docs
	+$(MAKE) SUDO_USER= install
bench:
	+$(AS_CALLER) $(MAKE) stage
	@$(RUN_BENCH)
else

DAEMONS  := $(patsubst %/,%,$(filter-out lib/ cmd/ man/ docs/ tests/ conf/ bench/ build/ run/,$(filter-out build%,$(wildcard */))))
DAEMONS  := $(foreach d,$(DAEMONS),$(if $(wildcard $(d)/$(d).c),$(d)))
COMMANDS := $(sort $(patsubst cmd/%.c,%,$(filter-out %_test.c,$(wildcard cmd/*.c))) $(patsubst cmd/%/,%,$(wildcard cmd/*/)))

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
	-Wformat=2 -Wundef -Wvla -Walloca -Wcast-qual -Wcast-align -Wpointer-arith -Wwrite-strings \
	-Wswitch-enum -Wconversion -Wno-sign-conversion -Wimplicit-fallthrough -Wnull-dereference \
	-Wframe-larger-than=8192 -Werror=implicit-function-declaration -Werror=int-conversion \
	-Werror=incompatible-pointer-types -Werror=return-type -Werror=unused-result
HARD := -fstack-protector-strong -fstack-clash-protection -fcf-protection=branch -fPIE \
	-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
GCC_ONLY := -Wlogical-op -Wduplicated-cond -Wduplicated-branches -Wformat-signedness \
	-Wstack-usage=8192
ifneq ($(shell uname -m),x86_64)
HARD := $(filter-out -fcf-protection=branch,$(HARD))
endif
ifdef SANITIZE # a debug build: bigger frames, no fortified libc
CHECK    := -fsanitize=address,undefined -fno-sanitize-recover=all
CPPFLAGS += -DWITH_SANITIZERS
HARD     := $(filter-out -D_FORTIFY_SOURCE=3 -fstack-clash-protection,$(HARD))
WARN     := $(filter-out -Wframe-larger-than=8192 -Wnull-dereference,$(WARN))
GCC_ONLY := $(filter-out -Wstack-usage=8192,$(GCC_ONLY))
endif
# By its macros: "cc --version" does not say gcc. The zeroes are for users: where warnings are errors, that is for developers
# and CI, they would hide a variable that nobody set, from the warning and from the tests.
IS_GCC := $(shell $(CC) -dM -E -x c /dev/null 2>/dev/null | grep -q __clang__ || echo yes)
ZEROES := $(if $(WERROR),,-ftrivial-auto-var-init=zero)

CFLAGS   ?= -O2 -g
CPPFLAGS += -D_GNU_SOURCE -Ilib -include base/poison.h -DTASSIS_VERSION='"$(VERSION)"' \
	-DTASSIS_SBINDIR='"$(PREFIX)/sbin"' -DTASSIS_LIBEXECDIR='"$(PREFIX)/libexec/tassis"' \
	$(shell pkg-config --cflags $(PKGS) 2>/dev/null)
ALL_CFLAGS := -std=gnu17 $(CFLAGS) -fno-omit-frame-pointer -fno-strict-aliasing $(WARN) $(HARD) \
	$(if $(IS_GCC),$(GCC_ONLY) $(ZEROES)) $(if $(WERROR),-Werror) $(CHECK)
PIE      := -pie
LDFLAGS  += $(PIE) -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code,--as-needed $(CHECK)
LDLIBS   += $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lpthread -lm

CO_SWITCH ?= $(or $(filter x86_64 aarch64,$(shell uname -m)),ucontext)
LIB_SRC  := $(filter-out %_test.c lib/co/switch_%,$(wildcard lib/*/*.c)) $(wildcard lib/co/switch_$(CO_SWITCH).*)
LIB_OBJ  := $(patsubst %,$(BUILD)/%.o,$(basename $(LIB_SRC)))
LIB      := $(BUILD)/libtassis.a
TESTS    := $(patsubst %.c,$(BUILD)/%,$(wildcard lib/*/*_test.c */*_test.c cmd/*/*_test.c))
FUZZERS  := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/fuzz/*.c))
# Table plug-ins: plugins/TYPE.c (and TYPE_*.c), each built where pkg-config finds the library that it "needs:".
needs     = $(shell sed -n 's,^/\* needs: \(.*\) \*/,\1,p' $(1))
libs_of   = $(if $(strip $(call needs,$(1))),$(shell pkg-config --libs $(call needs,$(1)))) # a program can say so, too
PLUGINS  := $(shell for p in plugins/*.c; do pkg-config --exists $$(sed -n 's,^/\* needs: \(.*\) \*/,\1,p' $$p) 2>/dev/null && echo $$p; done)
PLUGINS  := $(PLUGINS:plugins/%.c=$(BUILD)/libexec/tassis/plugins/%.so)
PROGRAMS := $(DAEMONS:%=$(BUILD)/libexec/tassis/%) $(COMMANDS:%=$(BUILD)/sbin/%)

all: $(PROGRAMS) $(PLUGINS) ## build every program (CC=clang, WERROR=1, CO_SWITCH=ucontext)

.SECONDEXPANSION:
objects = $(patsubst %.c,$(BUILD)/%.o,$(filter-out %_test.c,$(1)))
$(BUILD)/libexec/tassis/%: $$(call objects,$$(wildcard $$*/*.c)) $(LIB)
	@mkdir -p $(@D)
	$(if $(V),,@echo "  LD    $@";) $(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) $(call libs_of,$(wildcard $*/*.c))
$(BUILD)/sbin/%: $$(call objects,$$(wildcard cmd/$$*.c cmd/$$*/*.c)) $(LIB)
	@mkdir -p $(@D)
	$(if $(V),,@echo "  LD    $@";) $(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
# What runs for each message starts in two thirds of the time without the dynamic loader. The linker warns of what needs
# one all the same, such as getaddrinfo: these two call none of it. Where there is no static C library they do with the loader.
SUBMITTERS := $(BUILD)/sbin/sendmail $(BUILD)/sbin/postdrop
STATIC_PIE  = $(if $(SANITIZE),,$(shell t=$$(mktemp) && echo 'int main(void) { return 0; }' | \
	$(CC) -static-pie -Wl,-w -x c - -o $$t 2>/dev/null && echo -static-pie -Wl,-w; rm -f $$t))
$(SUBMITTERS): PIE = $(or $(STATIC_PIE),-pie)
$(SUBMITTERS): LDLIBS := -lpthread -lm
$(BUILD)/libexec/tassis/plugins/%.so: plugins/%.c $$(wildcard plugins/$$*_*.c plugins/*.h) lib/table/plugin.h
	@mkdir -p $(@D)
	$(if $(V),,@echo "  SO    $<";) $(CC) $(filter-out -include base/poison.h,$(CPPFLAGS)) $$(pkg-config --cflags $(call needs,$<) | sed "s/-I/-isystem /g") $(filter-out -fPIE,$(ALL_CFLAGS)) -fPIC \
		-shared -fvisibility=hidden $(filter-out -pie,$(LDFLAGS)) -o $@ $(filter %.c,$^) $$(pkg-config --libs $(call needs,$<))
# A program's test links the other files of its folder, without the one that holds main.
siblings = $(if $(filter lib/%,$(1)),,$(call program,$(dir $(1))))
$(TESTS): $(BUILD)/%: $(BUILD)/%.o $$(call siblings,$$*) $(LIB)
	$(if $(V),,@echo "  LD    $@";) $(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcmocka
# A harness says what it links besides the libraries: files, or "smtp/" for all of a program but main.
program = $(filter-out $(BUILD)/$(1)$(notdir $(1:/=)).o,$(call objects,$(wildcard $(1)*.c)))
linked = $(foreach word,$(shell sed -n 's/^.. links: //p' $(1)),$(if $(filter %/,$(word)),$(call program,$(word)),$(BUILD)/$(word).o))
$(FUZZERS): $(BUILD)/%: $(BUILD)/%.o $$(call linked,$$*.c) $(LIB)
	$(if $(V),,@echo "  LD    $@";) $(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LDLIBS)
$(LIB): $(LIB_OBJ)
	@rm -f $@
	@$(AR) rcs $@ $^
$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC    $<";) $(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/%.o: %.S
	@mkdir -p $(@D)
	$(if $(V),,@echo "  AS    $<";) $(CC) -fcf-protection=branch -g -c -o $@ $<
-include $(shell test -d $(BUILD) && find $(BUILD) -type f -name '*.d')

run: all ## start a private instance in ./run on 127.0.0.1 port 2525, in the foreground
	@tests/run-instance $(BUILD)
stage: all
	@$(MAKE) -s install DESTDIR=$(abspath $(BUILD)/stage) PREFIX=/usr
test: stage $(TESTS) ## all tests: unit, system, a short fuzz run
	+@tests/run $(BUILD) $(MAKE)
unit: $(TESTS) ## unit tests alone
	@tests/run --unit $(BUILD) $(MAKE)
sanitize: ## the tests again, built with AddressSanitizer and UBSan
	+$(MAKE) BUILD=$(BUILD)/sanitize SANITIZE=1 stage tests-built
	+tests/run --sanitize $(BUILD)/sanitize $(MAKE)
tests-built: $(TESTS)
fuzzers: $(FUZZERS)
fuzz: ## each fuzz harness for FUZZ_SECONDS (60)
	+$(MAKE) BUILD=$(BUILD)/fuzz CC='$(if $(findstring ccache,$(CC)),ccache )clang' SANITIZE=1 CHECK='-fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all' fuzzers
	@tests/fuzz/run $(BUILD)/fuzz $${FUZZ_SECONDS:-60}
format: ## clang-format on every source
	clang-format -i $$(git ls-files '*.c' '*.h')
lint: ## clang-format check, clang-tidy, cppcheck, manual pages (FILES= for some alone)
	@tests/lint $(FILES)
bench: stage ## measure against Postfix if it is installed; writes bench/RESULTS.md (ARGS=--quick: a short look)
	@$(RUN_BENCH)
docs: $(BUILD)/man/postconf.5 ## postconf(5) from params.def
$(BUILD)/man/postconf.5: $(BUILD)/sbin/postconf
	@mkdir -p $(@D)
	@$< --manual > $@.new && mv $@.new $@

install: all docs ## install below DESTDIR and PREFIX; as root without DESTDIR also user and groups
	@conf/install $(BUILD) "$(DESTDIR)" $(PREFIX) $(CONFDIR)
clean: ## remove what was built
	rm -rf build run
endif

deps: ## install the Debian packages that building and testing need
	@echo "Installing with apt-get: $(DEBS) $(TEST_DEBS)"
	@sudo=$$(test $$(id -u) = 0 || echo sudo); $$sudo apt-get update -q && \
	$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $(DEBS) $(TEST_DEBS)
deps-peers: ## install the servers that the system tests talk to; starts none
	@echo "Installing with apt-get: $(PEER_DEBS)"
	@sudo=$$(test $$(id -u) = 0 || echo sudo); $$sudo tests/system/install-peers $(PEER_DEBS) && \
	$$sudo tests/system/fetch-peers /var/cache/tassis-peers $(UNPACKED_DEBS)

.PHONY: help all deps deps-peers run stage test unit sanitize tests-built fuzzers fuzz format lint bench docs install clean
.SECONDARY:
.DEFAULT_GOAL := all
