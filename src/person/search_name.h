/*
 * search_name.h
 *		Names as a search compares them.  Pure: no server.
 *
 * Latin letters lose their accents and their case (œ is oe, ß is ss, ł is l),
 * Greek and Cyrillic ones their case; other letters stay as they are.  Blanks,
 * hyphens, apostrophes and every other sign of ASCII part two words; one blank
 * stands between words and none around them.
 */
#ifndef ATTEST_PERSON_SEARCH_NAME_H
#define ATTEST_PERSON_SEARCH_NAME_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Writes the folded form of a UTF-8 text to out, which takes `length` bytes (it
 * never grows), and returns its length.  A byte that is no UTF-8 parts words.
 */
extern size_t search_name_fold(const char *text, size_t length, char *out);

/*
 * Both folded.  -1 unless each word of the query begins a word of the name; else
 * how many words of the query are not a whole word of the name.
 */
extern int search_name_match(const char *name, size_t name_length, const char *query,
							 size_t query_length);

#endif /* ATTEST_PERSON_SEARCH_NAME_H */
