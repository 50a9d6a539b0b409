/*
 * keyring_command.c
 *		The worker that runs attest.keyring_command, and checks the keyring at the start.
 *
 * What the command printed lies in shared memory, as text.  That gives nothing away
 * that was not there: every backend that opens a value holds these keys.  A run that
 * fails after a good one leaves the last output in use, and says so in the log.
 */
#include "vault/keyring_command.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"
#include "vault/key_epoch.h"

#define WAIT_STEP 20000L /* us */

typedef struct Output
{
	LWLock *lock;
	uint64 runs;
	uint64 number; /* of the good runs */
	size_t length;
	char text[KEYRING_MAX_BYTES];
	char what[KEYRING_FACT_MAX]; /* what was wrong with the last run */
} Output;

/* An administrator sets it where a key store, not a file, keeps the keys. */
static char *keyring_command = NULL;

/* Raised where that store answers slowly. */
static int keyring_command_timeout = 10;

static Output *output = NULL;
static shmem_request_hook_type previous_request = NULL;
static shmem_startup_hook_type previous_startup = NULL;

static void
request_memory(void)
{
	if (previous_request)
		previous_request();
	RequestAddinShmemSpace(MAXALIGN(sizeof(Output)));
	RequestNamedLWLockTranche("attest_keyring", 1);
}

static void
start_memory(void)
{
	bool found;

	if (previous_startup)
		previous_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	output = ShmemInitStruct("attest keyring", sizeof(Output), &found);
	if (!found)
	{
		memset(output, 0, sizeof(Output));
		output->lock = &GetNamedLWLockTranche("attest_keyring")->lock;
	}
	LWLockRelease(AddinShmemInitLock);
}

bool
keyring_command_is_set(void)
{
	return keyring_command != NULL && keyring_command[0] != '\0';
}

void
keyring_command_init(void)
{
	BackgroundWorker worker = {.bgw_flags = BGWORKER_SHMEM_ACCESS,
							   .bgw_start_time = BgWorkerStart_PostmasterStart};

	if (!process_shared_preload_libraries_in_progress)
		return;
	DefineCustomStringVariable(
		"attest.keyring_command", gettext_noop("The command that prints the keyring."),
		gettext_noop("Used in place of attest.keyring_file."), &keyring_command, "", PGC_POSTMASTER,
		GUC_SUPERUSER_ONLY, NULL, NULL, NULL);
	DefineCustomIntVariable("attest.keyring_command_timeout",
							gettext_noop("Time that attest.keyring_command may take."), NULL,
							&keyring_command_timeout, 10, 1, 600, PGC_SIGHUP, GUC_UNIT_S, NULL,
							NULL, NULL);
	previous_request = shmem_request_hook;
	shmem_request_hook = request_memory;
	previous_startup = shmem_startup_hook;
	shmem_startup_hook = start_memory;

	worker.bgw_restart_time = keyring_command_is_set() ? 5 : BGW_NEVER_RESTART;
	strlcpy(worker.bgw_name, "attest keyring", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "attest keyring", BGW_MAXLEN);
	strlcpy(worker.bgw_library_name, "attest", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "attest_keyring_main", BGW_MAXLEN);
	RegisterBackgroundWorker(&worker);
}

/* --- for the backends --- */

uint64
keyring_command_number(void)
{
	uint64 number;

	if (output == NULL)
		return 0;
	LWLockAcquire(output->lock, LW_SHARED);
	number = output->number;
	LWLockRelease(output->lock);
	return number;
}

/* At the start of the server the first run may still be under way. */
static void
wait_for_first_run(void)
{
	TimestampTz until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
													keyring_command_timeout * INT64CONST(1000));
	uint64 runs = 0;

	while (runs == 0 && GetCurrentTimestamp() < until)
	{
		LWLockAcquire(output->lock, LW_SHARED);
		runs = output->runs;
		LWLockRelease(output->lock);
		if (runs == 0)
			pg_usleep(WAIT_STEP);
	}
}

bool
keyring_command_output(char text[KEYRING_MAX_BYTES], size_t *length, uint64 *number,
					   char what[KEYRING_FACT_MAX])
{
	strlcpy(what, "the library is not preloaded", KEYRING_FACT_MAX);
	if (output == NULL)
		return false;
	wait_for_first_run();
	LWLockAcquire(output->lock, LW_SHARED);
	*number = output->number;
	*length = output->length;
	memcpy(text, output->text, output->length);
	strlcpy(what, output->runs == 0 ? "it has not ended yet" : output->what, KEYRING_FACT_MAX);
	LWLockRelease(output->lock);
	return *number > 0;
}

/* --- running it --- */

/* In the child: the command, with its output in the pipe. */
static void
become_command(const char *command, int out)
{
	int nothing = open("/dev/null", O_RDONLY);
	sigset_t none;

	(void) setsid();
	sigemptyset(&none);
	(void) sigprocmask(SIG_SETMASK, &none, NULL);
	for (int number = 1; number < NSIG; number++)
		(void) signal(number, SIG_DFL);
	if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0)
		_exit(126);
	execl("/bin/sh", "sh", "-c", command, (char *) NULL);
	_exit(127);
}

/* Reads until the end; false with what went wrong. */
static bool
read_until(int fd, TimestampTz until, char *text, size_t *length, char *what)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	for (*length = 0;;)
	{
		long left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), until);
		ssize_t got;

		if (left <= 0)
		{
			strlcpy(what, "it took longer than attest.keyring_command_timeout", KEYRING_FACT_MAX);
			return false;
		}
		if (poll(&poll_fd, 1, (int) Min(left, 1000)) <= 0)
			continue;
		got = read(fd, text + *length, KEYRING_MAX_BYTES - *length);
		if (got == 0)
			return true;
		if (got > 0)
			*length += (size_t) got;
		if (*length == KEYRING_MAX_BYTES)
		{
			strlcpy(what, "it printed more than a keyring can hold", KEYRING_FACT_MAX);
			return false;
		}
	}
}

/* Waits for the command, which it ends first where it is late; whether it said that all is well. */
static bool
end_command(pid_t child, TimestampTz until, bool in_time, char *what)
{
	int status = 0;

	while (in_time && waitpid(child, &status, WNOHANG) == 0)
	{
		in_time = GetCurrentTimestamp() < until;
		pg_usleep(WAIT_STEP);
		if (!in_time)
			strlcpy(what, "it closed its output, but did not end in time", KEYRING_FACT_MAX);
	}
	if (!in_time)
	{
		(void) kill(-child, SIGKILL);
		(void) kill(child, SIGKILL);
		(void) waitpid(child, &status, 0);
		return false;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	snprintf(what, KEYRING_FACT_MAX, "it ended with status %d",
			 WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	return false;
}

bool
keyring_run_command(const char *command, char text[KEYRING_MAX_BYTES], size_t *length,
					char what[KEYRING_FACT_MAX])
{
	TimestampTz until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
													keyring_command_timeout * INT64CONST(1000));
	int ends[2];
	pid_t child;
	bool read_all;

	strlcpy(what, "it cannot be started", KEYRING_FACT_MAX);
	if (pipe(ends) != 0)
		return false;
	child = fork();
	if (child == 0)
	{
		close(ends[0]);
		become_command(command, ends[1]);
	}
	close(ends[1]);
	if (child < 0)
	{
		close(ends[0]);
		return false;
	}
	read_all = read_until(ends[0], until, text, length, what);
	close(ends[0]);
	return end_command(child, until, read_all, what);
}

/* False with what is wrong with the text; nothing of it is shown. */
static bool
is_keyring(const char *text, size_t length, char *what)
{
	Keyring parsed;
	const char *fault;
	int line;
	bool good = keyring_parse(text, length, &parsed, &line, &fault);

	crypto_wipe(&parsed, sizeof(parsed));
	if (!good)
		snprintf(what, KEYRING_FACT_MAX, "line %d of its output: %s", line, fault);
	return good;
}

static void
publish(const char *text, size_t length, const char *what)
{
	bool changed = false;

	LWLockAcquire(output->lock, LW_EXCLUSIVE);
	output->runs++;
	strlcpy(output->what, what, KEYRING_FACT_MAX);
	if (what[0] == '\0' && (length != output->length || memcmp(text, output->text, length) != 0))
	{
		crypto_wipe(output->text, sizeof(output->text));
		memcpy(output->text, text, length);
		output->length = length;
		output->number++;
		changed = true;
	}
	LWLockRelease(output->lock);
	/* What was opened by a key that is gone now is opened no more. */
	if (changed)
		key_epoch_advance();
}

static void
run_and_publish(void)
{
	char text[KEYRING_MAX_BYTES];
	char what[KEYRING_FACT_MAX] = "";
	size_t length = 0;

	if (keyring_run_command(keyring_command, text, &length, what) && is_keyring(text, length, what))
		what[0] = '\0';
	publish(text, length, what);
	crypto_wipe(text, sizeof(text));
	if (what[0] != '\0')
		ereport(LOG, (errmsg("attest.keyring_command gave no keyring: %s", what)));
}

/* --- the worker --- */

static void
log_fault_of_file(void)
{
	KeyringFault fault = {0};

	if (keyring_path()[0] != '\0' && keyring_current(&fault) == NULL)
		/* In one line: the doctor asks for a terse log, without details. */
		ereport(LOG, (errmsg("the keyring of attest cannot be used: %s (file \"%s\": %s %s)",
							 attest_errors[fault.code].message, keyring_path(), fault.first,
							 fault.second)));
}

void
attest_keyring_main(Datum arg)
{
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();
	if (!keyring_command_is_set())
	{
		log_fault_of_file();
		return;
	}
	run_and_publish();
	while (!ShutdownRequestPending)
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH, -1L, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
			run_and_publish();
		}
	}
}
