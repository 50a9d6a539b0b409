/*
 * cppcheck.h
 *		What cppcheck must know of the server's headers to read the library without them.
 */
#define foreach(cell, list) for (cell = list_head(list); cell != NULL; cell = lnext(list, cell))
#define PG_TRY()            if (true)
#define PG_CATCH()          else
#define PG_FINALLY()
#define PG_END_TRY()
typedef struct pg_uuid_t
{
	unsigned char data[16];
} pg_uuid_t;
