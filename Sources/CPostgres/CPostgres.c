#include "CPostgres.h"

#include <dlfcn.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <string.h>

#define EACH_FUNCTION(DO) \
    DO(PQconnectStart) DO(PQconnectPoll) DO(PQfinish) DO(PQstatus) DO(PQsslInUse) DO(PQhost) \
    DO(PQsocket) DO(PQerrorMessage) DO(PQsetnonblocking) DO(PQenterPipelineMode) DO(PQsendPrepare) \
    DO(PQsendQueryPrepared) DO(PQpipelineSync) DO(PQflush) DO(PQconsumeInput) DO(PQisBusy) \
    DO(PQgetResult) DO(PQresultStatus) DO(PQresultErrorField) DO(PQntuples) DO(PQgetisnull) \
    DO(PQgetvalue) DO(PQgetlength) DO(PQclear) DO(PQnotifies) DO(PQfreemem) DO(PQconninfoParse) \
    DO(PQconninfoFree) DO(PQsetErrorVerbosity) DO(PQnfields)

// The functions under their own names, to be found at run time.
#define DECLARE(name) static __typeof__(name) *name##_;
EACH_FUNCTION(DECLARE)

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool is_loaded;

static void load(void) {
    void *library = dlopen("libpq.so.5", RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) return;
    bool has_all = true;
#define FIND(name) has_all = (*(void **)&name##_ = dlsym(library, #name)) != NULL && has_all;
    EACH_FUNCTION(FIND)
    is_loaded = has_all;
}

bool postgres_load(void) {
    pthread_once(&once, load);
    return is_loaded;
}

PGconn *postgres_connect(const char *url) { return PQconnectStart_(url); }

enum postgres_step postgres_connect_poll(PGconn *connection) {
    switch (PQconnectPoll_(connection)) {
    case PGRES_POLLING_READING: return postgres_step_read;
    case PGRES_POLLING_WRITING: return postgres_step_write;
    case PGRES_POLLING_OK: return postgres_step_done;
    default: return postgres_step_failed;
    }
}

void postgres_finish(PGconn *connection) { PQfinish_(connection); }
bool postgres_is_broken(const PGconn *connection) { return PQstatus_(connection) == CONNECTION_BAD; }
bool postgres_is_encrypted(PGconn *connection) { return PQsslInUse_(connection) != 0; }
const char *postgres_host(const PGconn *connection) { return PQhost_(connection); }
int postgres_socket(const PGconn *connection) { return PQsocket_(connection); }
const char *postgres_error(const PGconn *connection) { return PQerrorMessage_(connection); }

bool postgres_begin_pipelines(PGconn *connection) {
    PQsetErrorVerbosity_(connection, PQERRORS_TERSE);
    return PQsetnonblocking_(connection, 1) == 0 && PQenterPipelineMode_(connection) == 1;
}

bool postgres_send_prepare(PGconn *connection, const char *name, const char *sql) {
    return PQsendPrepare_(connection, name, sql, 0, NULL) == 1;
}

bool postgres_send(PGconn *connection, const char *name, int count, const char *const *values, const int *lengths) {
    int formats[32];
    if (count > 32) return false;
    for (int index = 0; index < count; index++) formats[index] = 1;
    return PQsendQueryPrepared_(connection, name, count, values, lengths, formats, 1) == 1;
}

bool postgres_send_sync(PGconn *connection) { return PQpipelineSync_(connection) == 1; }
int postgres_flush(PGconn *connection) { return PQflush_(connection); }
bool postgres_consume(PGconn *connection) { return PQconsumeInput_(connection) == 1; }
bool postgres_is_busy(PGconn *connection) { return PQisBusy_(connection) == 1; }
PGresult *postgres_next_result(PGconn *connection) { return PQgetResult_(connection); }

enum postgres_result postgres_status(const PGresult *result) {
    switch (PQresultStatus_(result)) {
    case PGRES_COMMAND_OK: return postgres_result_done;
    case PGRES_TUPLES_OK: return postgres_result_rows;
    case PGRES_PIPELINE_SYNC: return postgres_result_sync;
    case PGRES_PIPELINE_ABORTED: return postgres_result_aborted;
    default: return postgres_result_failed;
    }
}

const char *postgres_state(const PGresult *result) { return PQresultErrorField_(result, PG_DIAG_SQLSTATE); }
const char *postgres_message(const PGresult *result) { return PQresultErrorField_(result, PG_DIAG_MESSAGE_PRIMARY); }
int postgres_column_count(const PGresult *result) { return PQnfields_(result); }
int postgres_row_count(const PGresult *result) { return PQntuples_(result); }
bool postgres_is_null(const PGresult *result, int row, int column) { return PQgetisnull_(result, row, column) == 1; }
const char *postgres_value(const PGresult *result, int row, int column) { return PQgetvalue_(result, row, column); }
int postgres_length(const PGresult *result, int row, int column) { return PQgetlength_(result, row, column); }
void postgres_clear(PGresult *result) { PQclear_(result); }

bool postgres_take_notification(PGconn *connection) {
    PGnotify *notification = PQnotifies_(connection);
    if (notification == NULL) return false;
    PQfreemem_(notification);
    return true;
}

int postgres_option(const char *url, const char *name, char *value, size_t size) {
    PQconninfoOption *options = PQconninfoParse_(url, NULL);
    if (options == NULL) return -1;
    int length = 0;
    for (PQconninfoOption *option = options; option->keyword != NULL; option++) {
        if (strcmp(option->keyword, name) != 0 || option->val == NULL) continue;
        length = (int)strlen(option->val);
        if (size > 0) strncpy(value, option->val, size);
    }
    PQconninfoFree_(options);
    return length;
}
