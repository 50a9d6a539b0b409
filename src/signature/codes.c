/*
 * codes.c
 *		The table of machine codes; see codes.h, which holds the rows.
 */
#include "signature/codes.h"

#define SIGNATURE_CODE_ROW(name, severity, message) \
	[name] = {#name, message, SIGNATURE_SEVERITY_##severity},

static const SignatureCodeInfo signature_codes[SIGNATURE_CODE_COUNT] = {
	[SIGNATURE_OK] = {"OK", "the check found nothing to say", SIGNATURE_SEVERITY_NONE},
	SIGNATURE_REASONS(SIGNATURE_CODE_ROW) SIGNATURE_ERRORS(SIGNATURE_CODE_ROW)};

const SignatureCodeInfo *
signature_code_info(SignatureCode code)
{
	unsigned index = (unsigned) code;

	return &signature_codes[index < SIGNATURE_CODE_COUNT ? index : SIGNATURE_OK];
}

const char *
signature_severity_name(SignatureSeverity severity)
{
	switch (severity)
	{
		case SIGNATURE_SEVERITY_WARNING:
			return "warning";
		case SIGNATURE_SEVERITY_REASON:
			return "reason";
		case SIGNATURE_SEVERITY_ERROR:
			return "error";
		case SIGNATURE_SEVERITY_NONE:
			break;
	}
	return "none";
}
