# Targets that need root, btrfs-progs, e2fsprogs and a kernel that mounts btrfs. Not part of `make check`.
LIVE_SCRIPTS ?= 72
LIVE_SEED ?= 1
.PHONY: live live-table
live: $(PROG) ## hold the models against this machine's btrfs and fscrypt (root)
	$(PROG) validate --live --scripts $(LIVE_SCRIPTS) --seed $(LIVE_SEED) --keep build/live
	EXTENTSIM=$(CURDIR)/$(PROG) sh tests/live/image.sh
live-table: $(PROG) ## write the live table of docs/validation.md anew (root)
	sh validate/table.sh $(PROG) docs/validation.md live --live
