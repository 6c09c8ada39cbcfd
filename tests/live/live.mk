# Targets that need root, btrfs-progs and a kernel that mounts btrfs. Not part of `make check`.
LIVE_SCRIPTS ?= 20
LIVE_SEED ?= 1
.PHONY: live
live: $(PROG) ## compare the btrfs model with a real btrfs on random scripts (root)
	EXTENTSIM=$(CURDIR)/$(PROG) sh tests/live/diff.sh $(LIVE_SCRIPTS) $(LIVE_SEED)
	EXTENTSIM=$(CURDIR)/$(PROG) sh tests/live/image.sh
