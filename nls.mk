# Messages in other languages, by the rules of PostgreSQL (src/nls-global.mk of PGXS):
# `make` compiles po/*.po, `make install` installs them, `make update-po` merges new
# messages into po/*.po.new.

CATALOG_NAME = attest
AVAIL_LANGUAGES = fr
GETTEXT_FILES = $(sort $(wildcard src/*.c src/*/*.[ch]))
# gettext_noop marks most messages. The rest are facts that details quote: the third
# column of the tables of codes (X), and what readers of files say is wrong.
GETTEXT_TRIGGERS = $(BACKEND_COMMON_GETTEXT_TRIGGERS) gettext_noop X:3 fail_with:2 refuse:3
GETTEXT_FLAGS = $(BACKEND_COMMON_GETTEXT_FLAGS)
