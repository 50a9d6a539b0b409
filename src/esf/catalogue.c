/*
 * catalogue.c
 *		Codes, sources and titles of the ESF+ 2021-2027 and ESF 2014-2020 common
 *		indicators, in the order of their bits.
 */
#include "esf/indicator.h"

#include <string.h>

#define LENGTH(array) ((int) (sizeof(array) / sizeof((array)[0])))

#define PLUS(code, point, data, title)                                                \
	{                                                                                 \
		code, ESF_PLUS, ESF_DATA_##data, "Reg. (EU) 2021/1057, Annex I", point, title \
	}
#define ESF(code, point, data, title)                                                    \
	{                                                                                    \
		code, ESF_2014, ESF_DATA_##data, "Reg. (EU) No 1304/2013, Annex I", point, title \
	}
/* In the annex as adopted in 2013, no longer in the amended one. */
#define OLD(code, point, data, title)                                                         \
	{                                                                                         \
		code, ESF_2014, ESF_DATA_##data, "Reg. (EU) No 1304/2013, Annex I as adopted", point, \
			title                                                                             \
	}
#define YEI(code, title)                                                                 \
	{                                                                                    \
		code, ESF_2014, ESF_DATA_PERSONAL, "Reg. (EU) No 1304/2013, Annex II", "", title \
	}

/* Titles in the words of the English text of the annexes. */
static const EsfIndicator plus_catalogue[] = {
	PLUS("EECO01", "1.1", TOTAL, "Total number of participants"),
	PLUS("EECO02", "1.1", PERSONAL, "Unemployed, including long-term unemployed"),
	PLUS("EECO03", "1.1", PERSONAL, "Long-term unemployed"),
	PLUS("EECO04", "1.1", PERSONAL, "Inactive"),
	PLUS("EECO05", "1.1", PERSONAL, "Employed, including self-employed"),
	PLUS("EECO06", "1.1", PERSONAL, "Children below 18 years of age"),
	PLUS("EECO07", "1.1", PERSONAL, "Young people between 18 and 29 years of age"),
	PLUS("EECO08", "1.1", PERSONAL, "Participants of 55 years of age and above"),
	PLUS("EECO09", "1.1", PERSONAL, "With lower secondary education or less (ISCED 0-2)"),
	PLUS("EECO10", "1.1", PERSONAL,
		 "With upper secondary (ISCED 3) or post-secondary education (ISCED 4)"),
	PLUS("EECO11", "1.1", PERSONAL, "With tertiary education (ISCED 5 to 8)"),
	PLUS("EECO12", "1.2", SENSITIVE, "Participants with disabilities"),
	PLUS("EECO13", "1.2", PERSONAL, "Third-country nationals"),
	PLUS("EECO14", "1.2", PERSONAL, "Participants with a foreign background"),
	PLUS("EECO15", "1.2", SENSITIVE,
		 "Minorities (including marginalised communities, such as Roma people)"),
	PLUS("EECO16", "1.2", PERSONAL, "Homeless or affected by housing exclusion"),
	PLUS("EECO17", "1.2", PERSONAL, "Participants from rural areas"),
	PLUS(
		"EECO18", "2", ENTITY,
		"Supported public administrations or public services at national, regional or local level"),
	PLUS("EECO19", "2", ENTITY,
		 "Supported micro, small and medium-sized enterprises (including cooperative enterprises "
		 "and social enterprises)"),
	PLUS("EECR01", "3", PERSONAL, "Participants engaged in job searching upon leaving"),
	PLUS("EECR02", "3", PERSONAL, "Participants in education or training upon leaving"),
	PLUS("EECR03", "3", PERSONAL, "Participants gaining a qualification upon leaving"),
	PLUS("EECR04", "3", PERSONAL,
		 "Participants in employment, including self-employment, upon leaving"),
	PLUS("EECR05", "4", PERSONAL,
		 "Participants in employment, including self-employment, six months after leaving"),
	PLUS("EECR06", "4", PERSONAL,
		 "Participants with an improved labour market situation six months after leaving"),
};

static const EsfIndicator esf_2014_catalogue[] = {
	YEI("CI01", "Unemployed participants who complete the YEI supported intervention"),
	YEI("CI02", "Unemployed participants who receive an offer of employment, continued education, "
				"apprenticeship or traineeship upon leaving"),
	YEI("CI03", "Unemployed participants who are in education/training, gain a qualification, or "
				"are in employment, including self-employment, upon leaving"),
	YEI("CI04", "Long-term unemployed participants who complete the YEI supported intervention"),
	YEI("CI05", "Long-term unemployed participants who receive an offer of employment, continued "
				"education, apprenticeship or traineeship upon leaving"),
	YEI("CI06", "Long-term unemployed participants who are in education/training, gain a "
				"qualification, or are in employment, including self-employment, upon leaving"),
	YEI("CI07", "Inactive participants not in education or training who complete the YEI supported "
				"intervention"),
	YEI("CI08", "Inactive participants not in education or training who receive an offer of "
				"employment, continued education, apprenticeship or traineeship upon leaving"),
	YEI("CI09", "Inactive participants not in education or training who are in education/training, "
				"gain a qualification, or are in employment, including self-employment, upon "
				"leaving"),
	YEI("CI10", "Participants in continued education, training programmes leading to a "
				"qualification, an apprenticeship or a traineeship six months after leaving"),
	YEI("CI11", "Participants in employment six months after leaving"),
	YEI("CI12", "Participants in self-employment six months after leaving"),
	ESF("CO01", "(1)", PERSONAL, "Unemployed, including long-term unemployed"),
	ESF("CO02", "(1)", PERSONAL, "Long-term unemployed"),
	ESF("CO03", "(1)", PERSONAL, "Inactive"),
	ESF("CO04", "(1)", PERSONAL, "Inactive, not in education or training"),
	ESF("CO05", "(1)", PERSONAL, "Employed, including self-employed"),
	ESF("CO06", "(1)", PERSONAL, "Below 25 years of age"),
	ESF("CO07", "(1)", PERSONAL, "Above 54 years of age"),
	ESF("CO08", "(1)", PERSONAL,
		"Above 54 years of age who are unemployed, including long-term unemployed, or inactive not "
		"in education or training"),
	ESF("CO09", "(1)", PERSONAL, "With primary (ISCED 1) or lower secondary education (ISCED 2)"),
	ESF("CO10", "(1)", PERSONAL,
		"With upper secondary (ISCED 3) or post-secondary education (ISCED 4)"),
	ESF("CO11", "(1)", PERSONAL, "With tertiary education (ISCED 5 to 8)"),
	OLD("CO12", "(1)", PERSONAL, "Participants who live in jobless households"),
	OLD("CO13", "(1)", PERSONAL,
		"Participants who live in jobless households with dependent children"),
	OLD("CO14", "(1)", PERSONAL,
		"Participants who live in a single adult household with dependent children"),
	ESF("CO15", "(1)", SENSITIVE,
		"Migrants, participants with a foreign background, minorities (including marginalised "
		"communities such as the Roma)"),
	ESF("CO16", "(1)", SENSITIVE, "Participants with disabilities"),
	ESF("CO17", "(1)", SENSITIVE, "Other disadvantaged"),
	ESF("CO18", "(1)", PERSONAL, "Homeless or affected by housing exclusion"),
	ESF("CO19", "(1)", PERSONAL, "From rural areas"),
	ESF("CO20", "(2)", ENTITY,
		"Projects fully or partially implemented by social partners or non-governmental "
		"organisations"),
	ESF("CO21", "(2)", ENTITY,
		"Projects dedicated at sustainable participation and progress of women in employment"),
	ESF("CO22", "(2)", ENTITY,
		"Projects targeting public administrations or public services at national, regional or "
		"local level"),
	ESF("CO23", "(2)", ENTITY,
		"Supported micro, small and medium-sized enterprises (including cooperative enterprises, "
		"enterprises of the social economy)"),
	ESF("CR01", "(3)", PERSONAL, "Inactive participants engaged in job searching upon leaving"),
	ESF("CR02", "(3)", PERSONAL, "Participants in education/training upon leaving"),
	ESF("CR03", "(3)", PERSONAL, "Participants gaining a qualification upon leaving"),
	ESF("CR04", "(3)", PERSONAL,
		"Participants in employment, including self-employment, upon leaving"),
	ESF("CR05", "(3)", SENSITIVE,
		"Disadvantaged participants engaged in job searching, education/training, gaining a "
		"qualification, in employment, including self-employment, upon leaving"),
	ESF("CR06", "(4)", PERSONAL,
		"Participants in employment, including self-employment, six months after leaving"),
	ESF("CR07", "(4)", PERSONAL,
		"Participants with an improved labour market situation six months after leaving"),
	ESF("CR08", "(4)", PERSONAL,
		"Participants above 54 years of age in employment, including self-employment, six months "
		"after leaving"),
	ESF("CR09", "(4)", SENSITIVE,
		"Disadvantaged participants in employment, including self-employment, six months after "
		"leaving"),
};

_Static_assert(LENGTH(plus_catalogue) == ESF_PLUS_COUNT, "one entry per ESF+ bit");
_Static_assert(LENGTH(esf_2014_catalogue) == ESF_2014_COUNT, "one entry per ESF bit");
_Static_assert(ESF_2014_COUNT <= ESF_LEAVER, "a set of indicators is one uint64_t");

const EsfIndicator *
esf_catalogue(EsfFramework framework, int *count)
{
	*count = framework == ESF_PLUS ? ESF_PLUS_COUNT : ESF_2014_COUNT;
	return framework == ESF_PLUS ? plus_catalogue : esf_2014_catalogue;
}

int
esf_code_bit(EsfFramework framework, const char *code, size_t len)
{
	int count;
	const EsfIndicator *catalogue = esf_catalogue(framework, &count);

	for (int i = 0; i < count; i++)
	{
		if (strlen(catalogue[i].code) == len && memcmp(catalogue[i].code, code, len) == 0)
			return i;
	}
	return -1;
}
