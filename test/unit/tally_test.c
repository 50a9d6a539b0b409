/*
 * tally_test.c
 *		Totals of attendance (src/attendance/tally.c), without a server: prints TAP.
 */
#include "attendance/tally.h"
#include "tap.h"

static const char *
parse(const char *text, Tally *tally)
{
	return tally_parse(text, strlen(text), tally);
}

static bool
prints(const Tally *tally, const char *expected)
{
	char text[TALLY_TEXT_MAX];

	tally_print(tally, text);
	return strcmp(text, expected) == 0;
}

static TallySlot
some_slot(void)
{
	return (TallySlot){.status = (PresenceStatus) (next_random() % STATUS_COUNT),
					   .planned = (int32_t) (next_random() % 500),
					   .attended = (int32_t) (next_random() % 500),
					   .counted = (int32_t) (next_random() % 500),
					   .late = (int32_t) (next_random() % 60),
					   .is_signed = next_random() % 2 == 0,
					   .is_countersigned = next_random() % 2 == 0};
}

static void
test_slots(void)
{
	TallySlot late = {STATUS_late, 210, 198, 195, 12, true, false};
	TallySlot absent = {.status = STATUS_absent, .planned = 180};
	TallySlot exempted = {.status = STATUS_exempted, .planned = 60, .counted = 60};
	TallySlot expected = {.status = STATUS_expected, .planned = 30};
	TallySlot cancelled = {.status = STATUS_cancelled};
	Tally tally = {0};

	ok(prints(&tally, "slots=0"), "nothing yet");
	ok(tally_add_slot(&tally, &late) && tally_add_slot(&tally, &absent) &&
		   prints(&tally, "slots=2 planned=390 due=390 attended=198 counted=195 late_minutes=12 "
						  "signatures=1 late=1 absent=1"),
	   "two slots");
	ok(tally_add_slot(&tally, &exempted) && tally_add_slot(&tally, &expected) &&
		   tally_add_slot(&tally, &cancelled) &&
		   prints(&tally, "slots=5 planned=480 due=390 ahead=30 attended=198 counted=255 "
						  "late_minutes=12 signatures=1 expected=1 late=1 absent=1 exempted=1 "
						  "cancelled=1"),
	   "an exempted slot is not due, an expected one ahead");
	ok(tally_is_consistent(&tally), "the slots are the sum of the statuses");
}

/* However a sum is cut into parts, and a part taken away again, it is the same. */
static void
test_sums(void)
{
	bool right = true;

	for (int round = 0; round < 200; round++)
	{
		Tally whole = {0}, parts[3] = {{{0}}}, sum = {0};

		for (int i = 0; i < 50; i++)
		{
			TallySlot slot = some_slot();

			right = right && tally_add_slot(&whole, &slot) &&
					tally_add_slot(&parts[next_random() % 3], &slot);
		}
		for (int i = 0; i < 3; i++)
			right = right && tally_add(&sum, &parts[i]);
		right = right && tally_equal(&sum, &whole) && tally_is_consistent(&sum);
		right = right && tally_subtract(&sum, &parts[1]) && tally_add(&sum, &parts[1]) &&
				tally_equal(&sum, &whole);
	}
	ok(right, "sums of parts, and parts taken away");
}

static void
test_overflow(void)
{
	Tally full, one;
	TallySlot slot = {.status = STATUS_late, .late = 1};

	ok(parse("slots=9223372036854775807 late=9223372036854775807", &full) == NULL, "the largest");
	one = full;
	ok(!tally_add_slot(&one, &slot), "one slot more: refused");
	ok(parse("slots=1 late=1", &one) == NULL && !tally_add(&full, &one), "one tally more: refused");
	ok(parse("slots=-9223372036854775808 late=-9223372036854775808", &full) == NULL &&
		   !tally_subtract(&full, &one),
	   "one less than the smallest: refused");
	ok(parse("slots=9223372036854775807 late=9223372036854775807 absent=1", &full) != NULL,
	   "statuses whose sum overflows: refused");
}

static void
test_text(void)
{
	static const char *const bad[] = {"slots",
									  "slots=",
									  "slots=x",
									  "slots=1",
									  "slots=1 absent=2",
									  "slots=0 slots=0",
									  "absent",
									  "=1",
									  "slots=+1",
									  "slots=--1",
									  "slots=0,late=0",
									  "x=0",
									  "slots=-",
									  "slots =0",
									  "SLOTS=0",
									  "slots=0x0",
									  "late=9223372036854775808"};
	bool right = true;
	Tally tally, again;
	char text[TALLY_TEXT_MAX];

	for (size_t i = 0; i < LENGTH(bad); i++)
	{
		bool refused = parse(bad[i], &tally) != NULL;

		right = right && refused;
		if (!refused)
			printf("# accepted: %s\n", bad[i]);
	}
	ok(right, "%zu texts that are none", LENGTH(bad));
	ok(parse("", &tally) == NULL && prints(&tally, "slots=0"), "an empty text is nothing");
	ok(parse("  absent=1   slots=1 ", &tally) == NULL && prints(&tally, "slots=1 absent=1"),
	   "any order, more blanks");
	right = true;
	for (int i = 0; i < TALLY_FIELDS; i++)
		tally.value[i] = INT64_MIN;
	tally_print(&tally, text);
	right = strlen(text) + 1 <= TALLY_TEXT_MAX;
	for (int round = 0; round < 500; round++)
	{
		memset(&tally, 0, sizeof(tally));
		for (int i = 0; i < 5; i++)
		{
			TallySlot slot = some_slot();

			tally_add_slot(&tally, &slot);
		}
		tally_print(&tally, text);
		right = right && parse(text, &again) == NULL && tally_equal(&tally, &again);
	}
	ok(right, "what is printed is read back");
}

int
main(void)
{
	test_slots();
	test_sums();
	test_overflow();
	test_text();
	return tests_done();
}
