# attest: PostgreSQL extension. `make help` shows what there is to do.

EXTENSION = attest
EXTVERSION = $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" attest.control)
MODULE_big = attest

ROOMS = $(shell sed -n 's/^\([a-z]*\):.*/\1/p' src/LAYERS)
OBJS = src/attest.o $(patsubst %.c,%.o,$(foreach room,$(ROOMS),$(sort $(wildcard src/$(room)/*.c))))
ROOM_HEADERS = $(wildcard src/*/*.h)
SQL_PARTS = src/LAYERS src/begin.sql src/setup.sql src/end.sql $(foreach room,$(ROOMS),$(wildcard src/$(room)/*.sql))

ASSEMBLED = attest--$(EXTVERSION).sql
DATA = $(ASSEMBLED)
PG_CPPFLAGS = -Isrc -DATTEST_VERSION='"$(EXTVERSION)"' -DPGDLLEXPORT='__attribute__((visibility("default")))'
PG_CFLAGS = -fvisibility=hidden -Wall -Wextra -Werror -Wno-unused-parameter -Wno-declaration-after-statement
SHLIB_LINK = -lcrypto -lz -lm -Wl,-z,now
EXTRA_CLEAN = build

# The server to build for: PG_CONFIG=... on the command line, else Debian's 15, else the one on the path.
PG_CONFIG = $(firstword $(wildcard /usr/lib/postgresql/15/bin/pg_config) $(shell command -v pg_config 2>/dev/null))
PGXS = $(if $(PG_CONFIG),$(wildcard $(shell $(PG_CONFIG) --pgxs 2>/dev/null)))

# No bitcode: queries of attest spend their time in the library, not in inlined functions.
override with_llvm = no

.DEFAULT_GOAL = all

ifneq ($(PGXS),)
include $(PGXS)
$(OBJS): $(ROOM_HEADERS) attest.control
all install: $(ASSEMBLED)
else
all install clean:
	@echo "The headers of the PostgreSQL server are missing. Install them with: make packages" >&2; exit 1
endif

$(ASSEMBLED): $(SQL_PARTS) tools/assemble.pl
	perl tools/assemble.pl > $@.new && mv $@.new $@

# --- for people ---

.PHONY: help packages demo demo-stop test bench fuzz lint soak

help:
	@echo "make            build the library and the install script"
	@echo "make install    build and install them (as root, or through sudo)"
	@echo "make demo       install what is needed, build, and run the whole job on a private cluster"
	@echo "make demo-stop  stop and remove the cluster that make demo left running"
	@echo "make test       install what is needed, build, and run every test"
	@echo "make soak       compare what tenants see over 20,000 random statements, and the totals of a year"
	@echo "make lint       check the rules of the house"
	@echo "make bench      measure, as ratios from one run, up to ten million presences: most of an hour"
	@echo "make fuzz       fuzz the parsers, FUZZ_SECONDS each (default 60)"
	@echo "make packages   install the Debian packages that the above need"
	@echo "make clean      remove what was built"

packages:
	@tools/packages

demo:
	@tools/packages
	@tools/stage demo/run

demo-stop:
	@demo/stop

test:
	@tools/packages
	@tools/stage test/run

bench:
	@tools/packages
	@tools/stage bench/run

fuzz:
	@tools/packages
	@tools/stage test/fuzz/run

soak:
	@tools/packages
	@NONINTERFERENCE_QUERIES=20000 tools/stage test/noninterference/run
	@TOTALS_LEARNERS=2000 tools/stage test/soak

lint:
	@test/lint
