# Tassis: make help lists the targets. A program is a folder NAME/*.c (or cmd/NAME.c, cmd/NAME/*.c);
# the libraries are lib/*/*.c; tests are *_test.c beside what they test. Adding a file edits nothing here.

PREFIX  ?= /usr/local
BUILD   ?= build
CC      ?= gcc
VERSION := 0.1.0

DAEMONS  := $(patsubst %/,%,$(filter-out lib/ cmd/ man/ docs/ tests/ conf/ bench/ build/ run/ tools/,$(wildcard */)))
COMMANDS := $(sort $(patsubst cmd/%.c,%,$(filter-out %_test.c,$(wildcard cmd/*.c))) $(patsubst cmd/%/,%,$(wildcard cmd/*/)))

PKGS := openssl lmdb libcares libpcre2-8 libseccomp icu-uc
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
	-Wformat=2 -Wundef -Wvla -Walloca -Wcast-qual -Wcast-align -Wpointer-arith -Wwrite-strings \
	-Wswitch-enum -Wconversion -Wno-sign-conversion -Wimplicit-fallthrough -Wnull-dereference \
	-Wframe-larger-than=8192 -Werror=implicit-function-declaration -Werror=int-conversion \
	-Werror=incompatible-pointer-types -Werror=return-type -Werror=unused-result
HARD := -fstack-protector-strong -fstack-clash-protection -fcf-protection=branch -fPIE \
	-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
GCC_ONLY := -Wlogical-op -Wduplicated-cond -Wduplicated-branches -Wformat-signedness \
	-Wstack-usage=8192 -ftrivial-auto-var-init=zero
IS_GCC := $(shell $(CC) --version 2>/dev/null | grep -qi 'gcc' && echo yes)

ifdef SANITIZE
CHECK := -fsanitize=address,undefined -fno-sanitize-recover=all
HARD  := $(filter-out -D_FORTIFY_SOURCE=3,$(HARD))
WARN  := $(filter-out -Wframe-larger-than=8192 -Wnull-dereference,$(WARN))
GCC_ONLY := $(filter-out -Wstack-usage=8192,$(GCC_ONLY))
endif
ifdef WERROR
WARN += -Werror
endif

CFLAGS   ?= -O2 -g
CPPFLAGS += -D_GNU_SOURCE -Ilib -I$(BUILD)/lib -include base/poison.h -DTASSIS_VERSION='"$(VERSION)"' $(PKG_CFLAGS)
ALL_CFLAGS := -std=gnu17 $(CFLAGS) -fno-omit-frame-pointer -fno-strict-aliasing $(WARN) $(HARD) \
	$(if $(IS_GCC),$(GCC_ONLY)) $(CHECK)
LDFLAGS  += -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code,--as-needed $(CHECK)
LDLIBS   += $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lpthread

LIB_SRC  := $(filter-out %_test.c,$(wildcard lib/*/*.c)) $(wildcard lib/co/*.S)
LIB_OBJ  := $(patsubst %,$(BUILD)/%.o,$(basename $(LIB_SRC)))
LIB      := $(BUILD)/libtassis.a
TEST_SRC := $(wildcard lib/*/*_test.c */*_test.c cmd/*/*_test.c)
TESTS    := $(patsubst %.c,$(BUILD)/%,$(TEST_SRC))
PROGRAMS := $(DAEMONS:%=$(BUILD)/libexec/%) $(COMMANDS:%=$(BUILD)/sbin/%)

all: $(PROGRAMS)

.SECONDEXPANSION:
objects = $(patsubst %.c,$(BUILD)/%.o,$(filter-out %_test.c,$(1)))

$(BUILD)/libexec/%: $$(call objects,$$(wildcard $$*/*.c)) $(LIB)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/sbin/%: $$(call objects,$$(wildcard cmd/$$*.c cmd/$$*/*.c)) $(LIB)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# A program's unit test links the other files of its folder, without the one that holds main.
$(BUILD)/%_test: $(BUILD)/%_test.o $$(if $$(filter lib/%,$$*),,$$(filter-out $$(BUILD)/$$(*D)/$$(notdir $$(*D)).o,$$(call objects,$$(wildcard $$(*D)/*.c)))) $(LIB)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcmocka

$(LIB): $(LIB_OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/%.o: %.S
	@mkdir -p $(@D)
	$(CC) -fcf-protection=branch -g -c -o $@ $<

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

unit: $(TESTS)
	@tests/run-unit $(TESTS)

clean:
	rm -rf build run

format:
	clang-format -i $(shell git ls-files '*.c' '*.h')

.PHONY: all unit clean format
.SECONDARY:
