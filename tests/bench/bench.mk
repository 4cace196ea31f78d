# The programs that measure: make -f tests/bench/bench.mk BUILD=…, from the top of the tree, builds
# them into $(BUILD)/bench/.

BUILD ?= build
CFLAGS ?= -O2 -g
BENCH_CFLAGS := -std=gnu11 -D_GNU_SOURCE -I. -Icommon -pthread \
	-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Werror
SOURCES := tests/bench
PROGRAMS := login-once login-pairs sudo-pairs throughput local-user sink look-ups trivial-provider

.PHONY: bench
bench: $(PROGRAMS:%=$(BUILD)/bench/%)

# As a login program: libpam, and nothing else that would be loaded already when the module comes.
$(BUILD)/bench/login-once: $(SOURCES)/person.c
$(BUILD)/bench/login-once: LIBS := -lpam
$(BUILD)/bench/login-pairs: $(SOURCES)/once.c $(SOURCES)/raw.c
$(BUILD)/bench/login-pairs: LIBS := -lcurl
$(BUILD)/bench/sudo-pairs: $(SOURCES)/once.c $(SOURCES)/person.c $(SOURCES)/raw.c
$(BUILD)/bench/sudo-pairs: LIBS := -lpam -lcurl
$(BUILD)/bench/throughput: $(SOURCES)/person.c $(SOURCES)/raw.c
$(BUILD)/bench/throughput: LIBS := -lpam -lcurl
$(BUILD)/bench/local-user: $(SOURCES)/person.c
$(BUILD)/bench/local-user: LIBS := -lpam

$(BUILD)/bench/%: $(SOURCES)/%.c $(wildcard $(SOURCES)/*.h)
	@mkdir -p $(@D)
	$(CC) $(BENCH_CFLAGS) $(CFLAGS) -o $@ $(filter %.c,$^) $(LIBS)
