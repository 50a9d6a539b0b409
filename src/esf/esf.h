/*
 * esf.h
 *		SQL face of the ESF+ and ESF common indicators.
 *
 * attest.esf_indicators(framework text, participation jsonb [, parameters jsonb]) → text[]
 *		Codes the participation counts for, sorted; empty when incomplete.
 * attest.esf_parameters(framework text, parameters jsonb) → jsonb
 *		All parameters: those given, and the defaults of the framework.
 * attest.esf_missing(framework text, participation jsonb) → text[]
 *		Keys whose value keeps the record out of every indicator.
 * attest.esf_catalogue() → (framework, code, title)
 *		All indicators of both frameworks, also those not of persons.
 * attest.esf_indicator_set(framework text, participation jsonb [, parameters jsonb]) → bigint
 *		The same as esf_indicators() as bits (indicator.h); 0 when incomplete.
 * attest.esf_codes(framework text, indicators bigint) → text[]
 *		The codes of such a set.
 *
 * The type attest.esf_tally and its aggregates are in esf_tally.c.
 *
 * Keys, units and accepted values of a participation stand in the COMMENT of
 * esf_indicators (esf.sql).  Any other input is 22023 invalid_parameter_value;
 * messages name keys, never values.  No SPI: these functions only compute.
 */
#ifndef ATTEST_ESF_ESF_H
#define ATTEST_ESF_ESF_H

#include "core/compat.h"

#include "utils/jsonb.h"

#include "esf/indicator.h"

/* "esf+" or "esf"; 22023 otherwise. */
extern EsfFramework esf_framework_from_text(const text *name);

/* The set itself; 22023 when it has bits that sets of the framework never have. */
extern uint64_t esf_checked_set(EsfFramework framework, int64 set);

/*
 * Reads a participation without contradictions; 22023 otherwise.  The changes
 * are allocated in the current memory context.
 */
extern void esf_participation_from_jsonb(Jsonb *json, EsfParticipation *participation);

/* The defaults of the framework with what the object sets instead; 22023 for anything else. */
extern EsfParams esf_params_from_jsonb(EsfFramework framework, Jsonb *json);

/* All parameters as the text of such an object. */
extern char *esf_params_to_json(const EsfParams *params);

#endif /* ATTEST_ESF_ESF_H */
