/*
 * errors.h
 *		Every error that attest raises, once.
 *
 * SQLSTATE class TA: its first letter lies outside 0-4 and A-H, which the SQL
 * standard keeps for itself (PostgreSQL errcodes.txt).
 *		TA0xx context and tickets		TA1xx attendance
 *		TA2xx signatures				TA3xx vault, people and identifiers
 *		TA4xx follow-up and ESF			TA5xx archive and evidence
 *		TA6xx rights and retention		TA7xx guidance and certification
 *		TA9xx journal and workers
 *
 * A row is: name, SQLSTATE, primary message, detail, hint.  In a detail, %1 to
 * %3 stand for the facts of the case.  A row that leaves the detail out has
 * nothing harmless to say.  Facts are codes, dates, counts and positions: never
 * a name, a NIR, a key or a sealed value.  Messages are translated in po/.
 */
#ifndef ATTEST_CORE_ERRORS_H
#define ATTEST_CORE_ERRORS_H

#define ATTEST_ERRORS(X)                                                                           \
	X(no_context, "TA001", gettext_noop("no tenant has been entered in this transaction"), NULL,   \
	  gettext_noop("Call attest.enter(ticket) first, in the same transaction as the work."))       \
	X(ticket_invalid, "TA002", gettext_noop("the ticket is not valid"), NULL,                      \
	  gettext_noop("Ask for a new ticket; it must come from this installation, unchanged."))       \
	X(ticket_expired, "TA003", gettext_noop("the ticket has expired"),                             \
	  gettext_noop("It was valid until %1."),                                                      \
	  gettext_noop("Ask for a new ticket with attest.issue_ticket()."))                            \
	X(second_tenant, "TA004",                                                                      \
	  gettext_noop("a second tenant cannot be entered in the same transaction"), NULL,             \
	  gettext_noop("Commit or roll back, then enter the other tenant in a new transaction."))      \
	X(profile_refused, "TA005", gettext_noop("this profile may not do this"),                      \
	  gettext_noop("The ticket's profile is %1; the call is open to: %2."),                        \
	  gettext_noop("Enter with the ticket of an account that has one of these profiles."))         \
	X(unknown_tenant, "TA006", gettext_noop("there is no tenant with this code"),                  \
	  gettext_noop("Code: %1."), gettext_noop("attest.tenants lists the codes to an operator."))   \
	X(unknown_account, "TA007", gettext_noop("there is no active account with this identifier"),   \
	  NULL, gettext_noop("Create the account with attest.create_account(), or check its dates."))  \
	X(setup_needed, "TA008", gettext_noop("the tables of attest are not set up in this database"), \
	  NULL, gettext_noop("Run SELECT attest.setup(); as a superuser."))                            \
	X(not_preloaded, "TA009", gettext_noop("the attest library is not preloaded"), NULL,           \
	  gettext_noop("Add attest to shared_preload_libraries and restart the server."))              \
	X(append_only, "TA010", gettext_noop("this table only grows: its rows are never changed"),     \
	  gettext_noop("Table: %1; operation: %2."),                                                   \
	  gettext_noop("Record a correction as a new event, with its reason."))                        \
	X(code_taken, "TA011", gettext_noop("this code is already taken"), gettext_noop("Code: %1."),  \
	  gettext_noop("Choose another code."))                                                        \
	X(bad_value, "TA012", gettext_noop("a value is not acceptable"),                               \
	  gettext_noop("%1 must be %2."), gettext_noop("Correct the value and call again."))           \
	X(account_refused, "TA013", gettext_noop("the account of this ticket may not act any more"),   \
	  NULL, gettext_noop("It was revoked, or is out of its dates: ask the operator."))             \
	X(outlives_transaction, "TA014",                                                               \
	  gettext_noop("this is refused while a ticket is bound to the transaction"),                  \
	  gettext_noop("%1 would reach beyond the transaction or the tenant."),                        \
	  gettext_noop("Do it in a transaction without a ticket, or for the transaction only."))       \
	X(protected_object, "TA015", gettext_noop("this is refused on a protected table"),             \
	  gettext_noop("%1 would go around the protection."),                                          \
	  gettext_noop("Only attest.setup() changes policies, triggers and row level security."))      \
	X(weak_secret, "TA016", gettext_noop("the secret is too weak"),                                \
	  gettext_noop("It must have %1."), gettext_noop("Choose a longer one, of several words."))    \
	X(token_invalid, "TA017", gettext_noop("the token is not valid"), NULL,                        \
	  gettext_noop("Sign on again; an operator sees issuers and keys in "                          \
				   "attest.identity_providers."))                                                  \
	X(bad_key, "TA018", gettext_noop("this key cannot be used"), gettext_noop("%1."),              \
	  gettext_noop("Import an RSA key of 2048 bits or more, a P-256, Ed25519 or 256-bit "          \
				   "symmetric key, as a JWK with kid and alg."))                                   \
	X(not_protectable, "TA019", gettext_noop("this table cannot be protected as it is"),           \
	  gettext_noop("%1."),                                                                         \
	  gettext_noop("Put tenant_id int NOT NULL first in every key, unique constraint and foreign " \
				   "key."))                                                                        \
	X(slot_bounds, "TA101", gettext_noop("a slot must end after it starts"),                       \
	  gettext_noop("Start: %1; end: %2."), gettext_noop("Give an end later than the start."))      \
	X(slot_too_long, "TA102", gettext_noop("a slot cannot be longer than twelve hours"),           \
	  gettext_noop("Start: %1; end: %2."), gettext_noop("Cut the period into half-days."))         \
	X(not_enrolled, "TA103", gettext_noop("this person is not enrolled in the slot's session"),    \
	  gettext_noop("Slot: %1."),                                                                   \
	  gettext_noop("Enrol the person with attest.enrol() for a period that holds the slot."))      \
	X(already_signed, "TA104", gettext_noop("this person has already signed this slot"),           \
	  gettext_noop("Slot: %1; signed at %2."),                                                     \
	  gettext_noop("Nothing to do: one signature a slot is enough."))                              \
	X(unknown_object, "TA105", gettext_noop("there is no such object"),                            \
	  gettext_noop("Kind: %1; id: %2."),                                                           \
	  gettext_noop("Check the id, and that the right tenant has been entered."))                   \
	X(trainer_only, "TA106", gettext_noop("only a trainer of the slot can countersign it"),        \
	  gettext_noop("Slot: %1."), gettext_noop("Assign the trainer with attest.assign_trainer().")) \
	X(already_countersigned, "TA107", gettext_noop("this slot is already countersigned"),          \
	  gettext_noop("Slot: %1; countersigned at %2."),                                              \
	  gettext_noop("A correction is a new event: use attest.record_presence() with a reason."))    \
	X(nothing_to_countersign, "TA108", gettext_noop("nobody is recorded on this slot yet"),        \
	  gettext_noop("Slot: %1."), gettext_noop("Countersign once the presences are recorded."))     \
	X(signed_in_future, "TA109", gettext_noop("the time of the signature lies in the future"),     \
	  gettext_noop("Claimed: %1; server: %2."),                                                    \
	  gettext_noop("Set the clock of the device, or leave the claimed time out."))                 \
	X(outside_session, "TA110", gettext_noop("the slot lies outside the dates of its session"),    \
	  gettext_noop("Session: %1 to %2; slot on %3."),                                              \
	  gettext_noop("Give a slot within the session, or plan another session."))                    \
	X(already_enrolled, "TA111", gettext_noop("this person is already enrolled in this period"),   \
	  gettext_noop("From %1 to %2."), gettext_noop("Give a period that does not overlap."))        \
	X(client_id_reused, "TA112", gettext_noop("this client id stands for another signature"),      \
	  gettext_noop("Client id: %1."),                                                              \
	  gettext_noop("A tablet makes a new uuid for each signature, and repeats it only to repeat "  \
				   "the same call."))                                                              \
	X(signing_closed, "TA113", gettext_noop("signing is not open for this slot"),                  \
	  gettext_noop("Open from %1 to %2; signed at %3."),                                           \
	  gettext_noop("A manager sets the window with attest.set_signing(), or records the "          \
				   "presence with its reason."))                                                   \
	X(slot_locked, "TA114", gettext_noop("this slot is locked"), gettext_noop("Since %1."),        \
	  gettext_noop("A manager can still record a correction, with its reason."))                   \
	X(challenge_invalid, "TA115", gettext_noop("this challenge cannot be answered"),               \
	  gettext_noop("Slot: %1."),                                                                   \
	  gettext_noop("It was used, has expired, or was given for another person, slot or device: "   \
				   "ask for a new one with attest.challenge()."))                                  \
	X(code_invalid, "TA116", gettext_noop("the code of the slot is not valid"),                    \
	  gettext_noop("Slot: %1."),                                                                   \
	  gettext_noop("Codes last a minute: read the one that is shown now, and wait after several "  \
				   "wrong ones."))                                                                 \
	X(list_changed, "TA117", gettext_noop("the list is no longer the one that was shown"),         \
	  gettext_noop("Slot: %1; shown: %2; now: %3."),                                               \
	  gettext_noop("Show the list again, and countersign what it says then."))                     \
	X(slot_cancelled, "TA118", gettext_noop("this slot is cancelled"),                             \
	  gettext_noop("Slot: %1; since %2."), gettext_noop("Plan another slot."))                     \
	X(excused_late, "TA119", gettext_noop("an excuse must come before the slot"),                  \
	  gettext_noop("Slot from %1; excuse of %2."),                                                 \
	  gettext_noop("Give the time when the excuse came, or hand the document in with "             \
				   "attest.submit_justification()."))                                              \
	X(document_needed, "TA120", gettext_noop("an absence is justified by a document"), NULL,       \
	  gettext_noop("Hand it in with attest.submit_justification(), then decide with "              \
				   "attest.decide_justification()."))                                              \
	X(already_decided, "TA121", gettext_noop("this justification is already decided"),             \
	  gettext_noop("On %1."),                                                                      \
	  gettext_noop("Hand in another document, or correct with attest.record_presence()."))         \
	X(position_unknown, "TA122", gettext_noop("what followed this position is not known here"),    \
	  gettext_noop("It is of another server, or older than the events that are kept."),            \
	  gettext_noop("Read everything again, such as attest.live_board(), and start anew without a " \
				   "position."))                                                                   \
	X(proof_too_weak, "TA123", gettext_noop("this session asks for more than a signature"),        \
	  gettext_noop("Evidence level %1; asked for: %2."),                                           \
	  gettext_noop("Ask for a challenge with attest.challenge() and, for level 4, give the code "  \
				   "shown in the room."))                                                          \
	X(signature_malformed, "TA201", gettext_noop("the signature cannot be read"),                  \
	  gettext_noop("%1, at byte %2: %3"),                                                          \
	  gettext_noop("Send what the pad gave, whole: a PNG data URL or the stroke JSON."))           \
	X(signature_without_ink, "TA202", gettext_noop("the signature shows no usable ink"),           \
	  gettext_noop("%1: %2"), gettext_noop("Ask the person to sign again."))                       \
	X(signature_empty, "TA203", gettext_noop("the signature is empty"), gettext_noop("%1: %2"),    \
	  gettext_noop("The pad was not touched: ask the person to sign."))                            \
	X(keyring_missing, "TA301", gettext_noop("the keyring is not available"),                      \
	  gettext_noop("attest.keyring_file is \"%1\": %2."),                                          \
	  gettext_noop("Set attest.keyring_file to a file outside the data directory, then create it " \
				   "with attest.create_keyring(), or bring the file back from its own backup."))   \
	X(keyring_unsafe, "TA302", gettext_noop("the keyring file is not safe to use"),                \
	  gettext_noop("%1."),                                                                         \
	  gettext_noop("It must be a plain file of the server's user, mode 0600, outside the data "    \
				   "directory."))                                                                  \
	X(keyring_malformed, "TA303", gettext_noop("the keyring file cannot be read"),                 \
	  gettext_noop("Line %1: %2."), gettext_noop("Bring the file back from its own backup."))      \
	X(key_missing, "TA304", gettext_noop("a key that this value needs is not there"),              \
	  gettext_noop("%1 is not in the keyring."),                                                   \
	  gettext_noop("Bring back the keyring that holds it, or import the exported keys."))          \
	X(seal_broken, "TA305", gettext_noop("the sealed value cannot be opened"), NULL,               \
	  gettext_noop("It is damaged, or does not belong to this tenant, person or purpose."))        \
	X(not_sealed, "TA306", gettext_noop("this is not a sealed value"), NULL,                       \
	  gettext_noop("A sealed column takes ciphertext only: use attest.seal() on the plain text.")) \
	X(person_erased, "TA307", gettext_noop("this person has been erased"),                         \
	  gettext_noop("Erased on %1."),                                                               \
	  gettext_noop("Their key is destroyed for good: nothing can be sealed or opened for them."))  \
	X(keyring_exists, "TA308", gettext_noop("a keyring file is already there"),                    \
	  gettext_noop("File: \"%1\"."),                                                               \
	  gettext_noop("Overwriting it would make every sealed value unreadable: keep it."))           \
	X(keyring_command, "TA309", gettext_noop("the command that prints the keyring failed"),        \
	  gettext_noop("attest.keyring_command: %1."),                                                 \
	  gettext_noop("Mend the command, then reload the configuration; the server log says more."))  \
	X(keyring_read_only, "TA310", gettext_noop("this keyring is kept outside attest"), NULL,       \
	  gettext_noop("attest.keyring_command is set: change the keys in your key store, then "       \
				   "reload the configuration."))                                                   \
	X(kek_refused, "TA311", gettext_noop("this epoch of the keyring cannot be changed so"),        \
	  gettext_noop("%1: %2."),                                                                     \
	  gettext_noop("attest.kek_epochs() shows the epochs and their use."))                         \
	X(kek_in_use, "TA312", gettext_noop("this epoch of the keyring is still needed"),              \
	  gettext_noop("KEK epoch %1: %2."),                                                           \
	  gettext_noop("Call attest.rotate_keys() in every database of the server, confirm a backup "  \
				   "made since, then call again."))                                                \
	X(export_malformed, "TA313", gettext_noop("this is not an export of keys"),                    \
	  gettext_noop("%1."),                                                                         \
	  gettext_noop("Give the whole text of attest.export_keys(), and use "                         \
				   "the keyring of the server that made it."))                                     \
	X(export_refused, "TA314", gettext_noop("this export of keys does not fit this database"),     \
	  gettext_noop("%1."),                                                                         \
	  gettext_noop("Import a newer export than the database, from the same installation."))        \
	X(rotation_running, "TA315", gettext_noop("a rotation of keys is running already"), NULL,      \
	  gettext_noop("Follow it in attest.key_rotations; one at a time works in a database."))       \
	X(not_in_transaction, "TA316", gettext_noop("this call commits as it goes"), NULL,             \
	  gettext_noop("CALL it outside a transaction block, and not from a function."))               \
	X(opened_too_much, "TA317", gettext_noop("the opened values do not fit into memory"),          \
	  gettext_noop("A sort or hash needs more than attest.opened_memory, %1 kB."),                 \
	  gettext_noop("Opened values are never written to disk: open fewer rows, or SET LOCAL "       \
				   "attest.opened_memory or work_mem to more."))                                   \
	X(keys_in_use, "TA318", gettext_noop("these keys of people are still needed"),                 \
	  gettext_noop("Values in %1 are sealed under them."),                                         \
	  gettext_noop("Put its columns under attest.protect_columns() and call "                      \
				   "attest.reseal_people(), or seal the values anew; then call again."))           \
	X(snapshot_too_old, "TA319", gettext_noop("this transaction may not see the latest records"),  \
	  gettext_noop("What others have committed since it began would be passed over."),             \
	  gettext_noop("Call it in a transaction of READ COMMITTED."))                                 \
	X(nir_malformed, "TA321", gettext_noop("this is not a social security number (NIR)"),          \
	  gettext_noop("%1."), gettext_noop("Give 13 characters and the key of 2 digits."))            \
	X(nir_wrong_key, "TA322", gettext_noop("the key of the social security number is wrong"),      \
	  NULL, gettext_noop("Check the number on the person's card: one character was mistyped."))    \
	X(siret_malformed, "TA323", gettext_noop("this is not a SIRET number"), gettext_noop("%1."),   \
	  gettext_noop("Give the 14 digits of the establishment."))                                    \
	X(siret_wrong_key, "TA324", gettext_noop("the check digit of the SIRET is wrong"), NULL,       \
	  gettext_noop("Check the number: one digit was mistyped."))                                   \
	X(siren_malformed, "TA325", gettext_noop("this is not a SIREN number"), gettext_noop("%1."),   \
	  gettext_noop("Give the 9 digits of the company."))                                           \
	X(siren_wrong_key, "TA326", gettext_noop("the check digit of the SIREN is wrong"), NULL,       \
	  gettext_noop("Check the number: one digit was mistyped."))                                   \
	X(csv_columns, "TA331", gettext_noop("the columns of the file are not those expected"),        \
	  gettext_noop("Missing: %1. Unknown: %2."),                                                   \
	  gettext_noop("The first line must name the columns; attest.import_columns() lists them."))   \
	X(csv_malformed, "TA332", gettext_noop("the file is not well-formed CSV"),                     \
	  gettext_noop("Line %1: %2."),                                                                \
	  gettext_noop("Save the file as comma-separated UTF-8 text with quotes doubled."))            \
	X(not_utf8, "TA335", gettext_noop("the file is not UTF-8 text"), gettext_noop("Line %1: %2."), \
	  gettext_noop("It may be Windows-1252: save it as \"CSV UTF-8\" in the spreadsheet, or "      \
				   "convert it."))                                                                 \
	X(json_malformed, "TA336", gettext_noop("the file is not well-formed JSON"),                   \
	  gettext_noop("Object %1: %2."),                                                              \
	  gettext_noop("Send an array of objects, or one object a line, as UTF-8 text."))              \
	X(import_closed, "TA337", gettext_noop("this import is closed"), gettext_noop("State: %1."),   \
	  gettext_noop("Open another one with attest.open_import()."))                                 \
	X(field_required, "TA333", gettext_noop("a required field is empty"),                          \
	  gettext_noop("Field: %1."), gettext_noop("Fill the field in."))                              \
	X(field_unknown_value, "TA334", gettext_noop("a field holds a value that is not accepted"),    \
	  gettext_noop("Field: %1; accepted: %2."), gettext_noop("Use one of the accepted values."))   \
	X(blind_refused, "TA341", gettext_noop("this cannot have a blind value"), gettext_noop("%1."), \
	  gettext_noop("Where few values are possible, equal ones give them away: open the sealed "    \
				   "values instead."))                                                             \
	X(carrier_unsealed, "TA342", gettext_noop("this value is not sealed yet"), NULL,               \
	  gettext_noop("Store it in a column under attest.protect_columns(), or use attest.seal()."))  \
	X(sealed_elsewhere, "TA343", gettext_noop("the value was sealed for another row"),             \
	  gettext_noop("Column: %1."),                                                                 \
	  gettext_noop("A value is sealed for one person and one purpose: give attest.plain(text)."))  \
	X(columns_refused, "TA344", gettext_noop("these columns cannot be protected as they are"),     \
	  gettext_noop("%1."),                                                                         \
	  gettext_noop("Mend the table, then call attest.protect_columns() again."))                   \
	X(secret_unusable, "TA345", gettext_noop("the passphrase or key cannot be had"),               \
	  gettext_noop("%1: %2."),                                                                     \
	  gettext_noop("Put it into a plain file of the server's user, mode 0600, outside the data "   \
				   "directory."))                                                                  \
	X(adoption_failed, "TA346", gettext_noop("the column cannot be adopted yet"),                  \
	  gettext_noop("%1."),                                                                         \
	  gettext_noop("Mend what is wrong, then call attest.adopt() again: it goes on from where "    \
				   "it was."))                                                                     \
	X(field_forbidden, "TA351", gettext_noop("a field is forbidden for this profile"),             \
	  gettext_noop("Field: %1; profile: %2."),                                                     \
	  gettext_noop("Leave the field out, or allow it with attest.set_field_policy()."))            \
	X(nir_not_authorised, "TA352",                                                                 \
	  gettext_noop("this tenant may not hold social security numbers"), NULL,                      \
	  gettext_noop("An operator records the authorisation with attest.authorise_nir()."))          \
	X(minor_not_authorised, "TA353",                                                               \
	  gettext_noop("a person under 18 needs an authorisation of a holder of parental authority"),  \
	  NULL,                                                                                        \
	  gettext_noop("Give parental_date and parental_reference, or record it with "                 \
				   "attest.authorise_minor()."))                                                   \
	X(person_known, "TA354", gettext_noop("this person seems to be in the register already"),      \
	  gettext_noop("The same %1 as the person with reference %2."),                                \
	  gettext_noop("Use that person, or say allow_duplicate when it is somebody else."))           \
	X(person_merged, "TA355", gettext_noop("this person has been merged into another"),            \
	  gettext_noop("Since %1; the id is now %2."), gettext_noop("Use that id."))                   \
	X(merge_refused, "TA356", gettext_noop("these two people cannot be merged"),                   \
	  gettext_noop("Slots on which both have signed: %1."),                                        \
	  gettext_noop("Who signed twice for one slot is not one person: find out who signed."))       \
	X(field_closed, "TA357", gettext_noop("this profile may not open this field"),                 \
	  gettext_noop("The ticket's profile is %1."),                                                 \
	  gettext_noop("Enter with the ticket of an account that needs the field for its work."))      \
	X(already_participates, "TA401",                                                               \
	  gettext_noop("this person already has a participation in this operation"),                   \
	  gettext_noop("Operation: %1; entered on %2."),                                               \
	  gettext_noop("One participation a person and operation: the first entry stands."))           \
	X(already_left, "TA451", gettext_noop("the exit of this participation is recorded already"),   \
	  gettext_noop("Exit: %1."),                                                                   \
	  gettext_noop("Correct it with attest.correct_participation(), or record another entry with " \
				   "attest.record_participation()."))                                              \
	X(not_left, "TA452", gettext_noop("this participation has no exit yet"), NULL,                 \
	  gettext_noop("Record the exit first, with attest.record_exit()."))                           \
	X(nothing_to_export, "TA453", gettext_noop("there is no participation to export"),             \
	  gettext_noop("Operation: %1."),                                                              \
	  gettext_noop("Record participations first: a file without lines would look complete."))      \
	X(weekly_hours, "TA411", gettext_noop("the weekly duration of the contract is out of bounds"), \
	  gettext_noop("Minutes: %1; accepted: %2 to %3."),                                            \
	  gettext_noop("Fewer need a ground, or are an exemption: see attest.commitment_grounds()."))  \
	X(ground_required, "TA412", gettext_noop("the ground is not in the closed list"),              \
	  gettext_noop("Accepted: %1."),                                                               \
	  gettext_noop("Use a ground of attest.commitment_grounds() for this kind."))                  \
	X(period_overlaps, "TA413", gettext_noop("this period overlaps another one"),                  \
	  gettext_noop("The other: %1 to %2."),                                                        \
	  gettext_noop("Correct or cancel the other record, or give another period."))                 \
	X(already_replaced, "TA414",                                                                   \
	  gettext_noop("this record has been corrected or cancelled already"),                         \
	  gettext_noop("Kind: %1; id: %2."),                                                           \
	  gettext_noop("Correct the last record of the series; attest.followup_file() shows it."))     \
	X(convocation_uninvited, "TA415", gettext_noop("nobody is summoned who was not invited"),      \
	  NULL, gettext_noop("Record the invitation first, with the time at which it was sent."))      \
	X(organisation_closed, "TA417",                                                                \
	  gettext_noop("this organisation does not follow anybody on that day"),                       \
	  gettext_noop("Organisation: %1; it does from %2 to %3."),                                    \
	  gettext_noop("Choose another organisation, or correct the day."))                            \
	X(client_id_taken, "TA418", gettext_noop("this client id stands for another activity"),        \
	  gettext_noop("Client id: %1."),                                                              \
	  gettext_noop("A client makes a new uuid for each activity, and repeats it only to repeat "   \
				   "the same call."))                                                              \
	X(already_erased, "TA601", gettext_noop("this person is already anonymised"),                  \
	  gettext_noop("Since %1."), gettext_noop("Nothing is left to do."))                           \
	X(person_on_hold, "TA602", gettext_noop("a hold forbids erasing this person"),                 \
	  gettext_noop("Hold placed on %1."),                                                          \
	  gettext_noop("Lift the hold with attest.lift_hold() when its reason has ended."))            \
	X(unknown_job, "TA902", gettext_noop("there is no job with this name"),                        \
	  gettext_noop("Name: %1."), gettext_noop("attest.jobs lists the jobs."))

typedef enum AttestError
{
#define X(name, sqlstate, message, detail, hint) ERR_##name,
	ATTEST_ERRORS(X)
#undef X
		ATTEST_ERROR_COUNT
} AttestError;

typedef struct ErrorEntry
{
	const char *name;
	const char *sqlstate;
	const char *message;
	const char *detail; /* NULL: none */
	const char *hint;
} ErrorEntry;

extern const ErrorEntry attest_errors[ATTEST_ERROR_COUNT];

/*
 * Raises the error; the facts are C strings, ended by NULL, three at most.
 * Use the macro fail(): it adds the NULL.
 */
extern void error_raise(AttestError code, ...) __attribute__((noreturn, sentinel));

#define fail(...) error_raise(__VA_ARGS__, NULL)

/*
 * The same without any context.  For the input of what must never be repeated: COPY and
 * the bind parameters of a portal quote there what was typed.
 */
#define fail_without_context(...)       \
	do                                  \
	{                                   \
		error_context_stack = NULL;     \
		error_raise(__VA_ARGS__, NULL); \
	} while (0)

/*
 * For GUC check hooks, which report instead of raising: sets the GUC's error
 * code, message and hint, the detail where there is a fact for it, and returns false.
 */
extern bool error_report_guc(AttestError code, const char *fact);

#endif /* ATTEST_CORE_ERRORS_H */
