# make            builds everything into build/
# make install    DESTDIR= and the directories below, as a packager expects
# make uninstall  removes what that installed, but for the configuration
# make test       tests/check, which also installs what it lacks
# make fuzz       every fuzzer for SECONDS= (60) each
# make po         brings the catalogues in po/ up to date with the source
#
# CC, CFLAGS and LDFLAGS are the caller's. SANITIZE=address,undefined builds with sanitizers.

VERSION := 0.1.0

prefix ?= /usr
libdir ?= $(prefix)/lib
sbindir ?= $(prefix)/sbin
sysconfdir ?= /etc
unitdir ?= /lib/systemd/system
pamdir ?= /lib/$(shell $(CC) -print-multiarch)/security
privlibdir ?= $(libdir)/kratosd
localedir ?= $(prefix)/share/locale
mandir ?= $(prefix)/share/man
completiondir ?= $(prefix)/share/bash-completion/completions

BUILD ?= build
CFLAGS ?= -O2 -g
SECONDS ?= 60
PKG_CONFIG ?= pkg-config

# What a person sees, as gettext has it.
TEXT_DOMAIN := pam_kratos
LANGUAGES := $(patsubst po/%.po,%,$(wildcard po/*.po))
CATALOGUES := $(patsubst %,$(BUILD)/po/%.mo,$(LANGUAGES))

# Manual pages, each into the folder of its section.
PAGES := $(notdir $(wildcard doc/*.[58]))
page_dir = $(mandir)/man$(subst .,,$(suffix $(1)))

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Werror
HARDENING := -fstack-protector-strong -fvisibility=hidden -D_FORTIFY_SOURCE=2
BASE_CFLAGS := -std=gnu11 -D_GNU_SOURCE -I. -Icommon $(WARNINGS) -fPIC -pthread \
	-DVERSION='"$(VERSION)"' -DCLIENT_LIBRARY='"$(privlibdir)/client.so"' \
	-DTEXT_DOMAIN='"$(TEXT_DOMAIN)"' -DLOCALEDIR='"$(localedir)"'
BASE_LDFLAGS := -Wl,-z,relro,-z,now,-z,defs
ifdef SANITIZE
BASE_CFLAGS += -fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=undefined
BASE_LDFLAGS := -Wl,-z,relro,-z,now -fsanitize=$(SANITIZE)
else
BASE_CFLAGS += $(HARDENING)
endif

DAEMON_PACKAGES := libsystemd libcurl json-c sqlite3 libsodium inih
DAEMON_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(DAEMON_PACKAGES))
DAEMON_LIBS := $(shell $(PKG_CONFIG) --libs $(DAEMON_PACKAGES))

object = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
COMMON := $(wildcard common/*.c)
DAEMON := $(filter-out $(if $(SANITIZE),kratosd/erase.c),$(wildcard kratosd/*.c))
DAEMON_PARTS := $(filter-out kratosd/main.c kratosd/erase.c,$(DAEMON))
CLIENT := pam_kratos/client.c pam_kratos/connection.c pam_kratos/hand-over.c
MODULE := $(filter-out $(CLIENT),$(wildcard pam_kratos/*.c))
CLIENT += pam_kratos/dial.c pam_kratos/patience.c # which both need

.PHONY: all install uninstall test fuzz clean po
all: $(BUILD)/kratosd $(BUILD)/pam_kratos.so $(BUILD)/client.so $(CATALOGUES)

$(BUILD)/kratosd: $(call object,$(DAEMON) $(COMMON))
	$(CC) $(BASE_LDFLAGS) -pie $(LDFLAGS) -o $@ $^ $(DAEMON_LIBS)

# libpam maps the module anew for each transaction, also of people who are not ours: two segments
# fewer save some 20 of the 115 microseconds that it costs them.
MODULE_LDFLAGS := -Wl,-z,noseparate-code

$(BUILD)/pam_kratos.so: $(call object,$(MODULE) common/local-users.c common/names.c common/secret.c common/words.c) pam_kratos/pam_kratos.map
	$(CC) $(BASE_LDFLAGS) $(MODULE_LDFLAGS) -shared \
		-Wl,--version-script=pam_kratos/pam_kratos.map $(LDFLAGS) \
		-o $@ $(filter %.o,$^) -lpam

$(BUILD)/client.so: $(call object,$(CLIENT) common/names.c common/local-users.c common/secret.c) pam_kratos/client.map
	$(CC) $(BASE_LDFLAGS) -shared -Wl,--version-script=pam_kratos/client.map $(LDFLAGS) \
		-o $@ $(filter %.o,$^) $(shell $(PKG_CONFIG) --libs libsystemd)

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(BASE_CFLAGS) $(DAEMON_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/po/%.mo: po/%.po
	@mkdir -p $(@D)
	msgfmt --check -o $@ $<

# Places in messages, %1 and so on, are Qt's, so that msgfmt sees to it that none is lost.
po:
	po/extract >po/kratosd.pot
	for language in $(LANGUAGES); do \
		msgmerge --quiet --no-fuzzy-matching --update --backup=none po/$$language.po \
			po/kratosd.pot || exit 1; \
	done

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
-include tests/tests.mk

install: all
	install -D -m 0755 $(BUILD)/kratosd $(DESTDIR)$(sbindir)/kratosd
	install -D -m 0644 $(BUILD)/pam_kratos.so $(DESTDIR)$(pamdir)/pam_kratos.so
	install -D -m 0644 $(BUILD)/client.so $(DESTDIR)$(privlibdir)/client.so
	install -D -m 0644 systemd/kratosd.service $(DESTDIR)$(unitdir)/kratosd.service
	install -D -m 0644 systemd/kratosd.sysusers $(DESTDIR)$(libdir)/sysusers.d/kratosd.conf
	install -D -m 0644 systemd/org.kratosd1.conf $(DESTDIR)$(prefix)/share/dbus-1/system.d/org.kratosd1.conf
	for language in $(LANGUAGES); do \
		install -D -m 0644 $(BUILD)/po/$$language.mo \
			$(DESTDIR)$(localedir)/$$language/LC_MESSAGES/$(TEXT_DOMAIN).mo || exit 1; \
	done
	$(foreach p,$(PAGES),install -D -m 0644 doc/$(p) $(DESTDIR)$(call page_dir,$(p))/$(p) &&) true
	install -D -m 0644 etc/bash-completion/kratosd $(DESTDIR)$(completiondir)/kratosd
	install -d -m 0755 $(DESTDIR)$(sysconfdir)/kratosd/kratosd.conf.d
	@# What the administrator wrote stays.
	for file in kratosd.conf local-users; do \
		[ -e $(DESTDIR)$(sysconfdir)/kratosd/$$file ] || \
			install -m 0644 etc/$$file $(DESTDIR)$(sysconfdir)/kratosd/$$file || exit 1; \
	done

# What was configured and what is remembered stays.
uninstall:
	rm -f $(DESTDIR)$(sbindir)/kratosd $(DESTDIR)$(pamdir)/pam_kratos.so \
		$(DESTDIR)$(privlibdir)/client.so $(DESTDIR)$(unitdir)/kratosd.service \
		$(DESTDIR)$(libdir)/sysusers.d/kratosd.conf \
		$(DESTDIR)$(prefix)/share/dbus-1/system.d/org.kratosd1.conf \
		$(DESTDIR)$(completiondir)/kratosd \
		$(foreach p,$(PAGES),$(DESTDIR)$(call page_dir,$(p))/$(p)) \
		$(foreach l,$(LANGUAGES),$(DESTDIR)$(localedir)/$(l)/LC_MESSAGES/$(TEXT_DOMAIN).mo)

test:
	tests/check

clean:
	rm -rf $(BUILD)
