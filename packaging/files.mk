# make install (DESTDIR=, PREFIX=, SYSCONFDIR=, UNITDIR=), in two halves: the
# CA's host and a node. make deb, make deb-check.
DESTDIR    ?=
PREFIX     ?= /usr/local
SYSCONFDIR ?= /etc
UNITDIR    ?= $(PREFIX)/lib/systemd/system
MANDIR     ?= $(PREFIX)/share/man
INSTALL    ?= install

# $(1) names, $(2) folder in etc/, $(3) destination
install_etc = $(INSTALL) -d $(DESTDIR)$(3) && $(INSTALL) -m 644 \
    $(1:%=etc/$(2)%) $(DESTDIR)$(3)
# units name /usr/bin; $(1) names
install_unit = $(INSTALL) -d $(DESTDIR)$(UNITDIR) && for u in $(1); do \
    sed 's|/usr/bin/|$(PREFIX)/bin/|' etc/systemd/$$u.service \
    >$(DESTDIR)$(UNITDIR)/$$u.service || exit 1; done
# $(1) programs
install_bin = $(INSTALL) -d $(DESTDIR)$(PREFIX)/bin && $(INSTALL) -m 755 \
    $(1:%=$(B)/bin/%) $(DESTDIR)$(PREFIX)/bin
# $(1) section, $(2) pages
install_man = $(INSTALL) -d $(DESTDIR)$(MANDIR)/man$(1) && $(INSTALL) -m 644 \
    $(2:%=docs/man/%) $(DESTDIR)$(MANDIR)/man$(1)

install: install-ca install-agent

install-ca: all
	$(call install_bin,kedge kedged kedge-hsmd)
	$(call install_unit,kedged kedge-hsmd)
	$(call install_etc,kedge-ca.conf,sysusers.d/,$(PREFIX)/lib/sysusers.d)
	$(call install_etc,kedge-ca.conf,tmpfiles.d/,$(PREFIX)/lib/tmpfiles.d)
	$(call install_etc,kedged.conf hsmd.conf softhsm2.conf,,$(SYSCONFDIR)/kedge)
	$(call install_man,1,kedge.1)
	$(call install_man,8,kedged.8 kedge-hsmd.8)

install-agent: all
	$(call install_bin,kedge-agentd)
	$(call install_unit,kedge-agentd)
	$(call install_etc,kedge-agent.conf,sysusers.d/,$(PREFIX)/lib/sysusers.d)
	$(call install_etc,kedge-agent.conf,tmpfiles.d/,$(PREFIX)/lib/tmpfiles.d)
	$(call install_etc,agent.conf,,$(SYSCONFDIR)/kedge)
	$(call install_man,8,kedge-agentd.8)

deb:
	packaging/build-deb $(B)/deb $(VERSION)

deb-check: deb
	packaging/check-deb $(B)/deb

# the packaged services, booted: needs systemd-nspawn
boot-check: deb-check
	packaging/check-boot $(B)/deb

.PHONY: install install-ca install-agent deb deb-check boot-check
