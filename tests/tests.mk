# The parts of the build that only tests need. Included by the Makefile.
#
# make unit       the cmocka programs tests/unit/test-*.c, into $(BUILD)/unit/
# make fuzzers    the fuzzers tests/fuzz/fuzz-*.c, by clang, into $(BUILD)/fuzz/
# make fuzz       runs each fuzzer for SECONDS= (60): starts from tests/fuzz/corpus/NAME, and keeps
#                 what it finds in $(BUILD)/fuzz/corpus/NAME
# make tidy       clang-tidy on each file that has changed since it last passed

# Every object but main, in an archive: a test program takes what it calls, and may replace a part by
# a function of its own of the same name.
PARTS := $(DAEMON_PARTS) $(COMMON) $(MODULE) pam_kratos/client.c pam_kratos/hand-over.c
PARTS_ARCHIVE := $(BUILD)/libparts.a
TEST_LIBS := $(DAEMON_LIBS) -lpam -ldl -lm

$(PARTS_ARCHIVE): $(call object,$(PARTS))
	rm -f $@
	$(AR) rcs $@ $^

UNIT_SOURCES := $(wildcard tests/unit/test-*.c)
UNIT_HELPERS := $(filter-out $(UNIT_SOURCES),$(wildcard tests/unit/*.c))
UNIT := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(UNIT_SOURCES))

# Further flags for one program: its functions that the linker replaces, for instance.
# $(BUILD)/unit/test-NAME: UNIT_LDFLAGS := -Wl,--wrap=FUNCTION
$(BUILD)/unit/test-throttle $(BUILD)/unit/test-throttle-hourly \
$(BUILD)/unit/test-throttle-faults: UNIT_LDFLAGS := -Wl,--wrap=clock_gettime

# These replace a function of a part whose others they need: theirs comes first.
$(BUILD)/unit/test-account $(BUILD)/unit/test-account-check $(BUILD)/unit/test-command \
$(BUILD)/unit/test-lookup $(BUILD)/unit/test-lookup-limits $(BUILD)/unit/test-refresh: \
	UNIT_LDFLAGS := -Wl,--allow-multiple-definition

.PHONY: unit fuzzers fuzz-programs tidy
.PRECIOUS: $(BUILD)/obj/%.o
unit: $(UNIT) $(BUILD)/unit/parse-document $(BUILD)/unit/config-keys

$(BUILD)/unit/%: $(BUILD)/obj/tests/unit/%.o $(call object,$(UNIT_HELPERS)) $(PARTS_ARCHIVE)
	@mkdir -p $(@D)
	$(CC) $(BASE_LDFLAGS) -pie $(LDFLAGS) $(UNIT_LDFLAGS) -o $@ $(filter %.o,$^) \
		$(filter %.a,$^) -lcmocka $(TEST_LIBS)

BUS_STAND_INS := $(wildcard tests/fuzz/bus-*.c)

$(BUILD)/unit/test-conversations: $(call object,$(BUS_STAND_INS))

# What tests of the account document ask: is this one?
$(BUILD)/unit/parse-document: $(BUILD)/obj/tests/interface/parse-document.o $(PARTS_ARCHIVE)
	@mkdir -p $(@D)
	$(CC) $(BASE_LDFLAGS) -pie $(LDFLAGS) -o $@ $^ $(TEST_LIBS)

# What tests of the manual pages ask: which keys are there, and what are they without a word?
$(BUILD)/unit/config-keys: $(BUILD)/obj/tests/static/config-keys.o $(PARTS_ARCHIVE)
	@mkdir -p $(@D)
	$(CC) $(BASE_LDFLAGS) -pie $(LDFLAGS) -o $@ $^ $(TEST_LIBS)

# Fuzzers need every object built for coverage, hence a build folder of their own.
FUZZ_SOURCES := $(wildcard tests/fuzz/fuzz-*.c)
FUZZ_HELPERS := $(filter-out $(FUZZ_SOURCES) tests/fuzz/bus-%,$(wildcard tests/fuzz/*.c))
FUZZ_NAMES := $(patsubst tests/fuzz/fuzz-%.c,%,$(FUZZ_SOURCES))

fuzzers:
	+$(MAKE) BUILD=$(BUILD)/fuzz CC=clang SANITIZE=fuzzer-no-link,address,undefined fuzz-programs

fuzz-programs: $(patsubst %,$(BUILD)/fuzz-%,$(FUZZ_NAMES))

$(BUILD)/fuzz-bus $(BUILD)/fuzz-conversation: $(call object,$(BUS_STAND_INS))

$(BUILD)/fuzz-%: $(BUILD)/obj/tests/fuzz/fuzz-%.o $(call object,$(FUZZ_HELPERS)) $(PARTS_ARCHIVE)
	$(CC) $(BASE_LDFLAGS) -fsanitize=fuzzer -pie $(LDFLAGS) $(FUZZ_LDFLAGS) -o $@ \
		$(filter %.o,$^) $(filter %.a,$^) $(TEST_LIBS)

fuzz: $(patsubst %,fuzz-run-%,$(FUZZ_NAMES))

fuzz-run-%: fuzzers
	@mkdir -p $(BUILD)/fuzz/corpus/$* tests/fuzz/corpus/$*
	$(BUILD)/fuzz/fuzz-$* -max_total_time=$(SECONDS) -timeout=10 -print_final_stats=1 \
		-artifact_prefix=$(BUILD)/fuzz/$*- $(BUILD)/fuzz/corpus/$* tests/fuzz/corpus/$*

TIDY := $(patsubst %.c,$(BUILD)/tidy/%.passed,$(COMMON) $(DAEMON) $(wildcard pam_kratos/*.c))
tidy: $(TIDY)

# The object stands for the headers on which the file depends.
$(BUILD)/tidy/%.passed: %.c $(BUILD)/obj/%.o .clang-tidy
	@mkdir -p $(@D)
	clang-tidy --quiet $< -- $(BASE_CFLAGS) $(DAEMON_CFLAGS)
	@touch $@
