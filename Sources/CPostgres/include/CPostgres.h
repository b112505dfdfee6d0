#ifndef CPOSTGRES_H
#define CPOSTGRES_H

#include <stdbool.h>
#include <stddef.h>

// libpq, loaded when a hub first needs it: a sidecar, which is the same program, does without it and the twenty
// libraries behind it. Each function is libpq's own under another name (PostgreSQL 15, chapter 34).

typedef struct pg_conn PGconn;
typedef struct pg_result PGresult;

/// What libpq says of one result, as far as this project tells results apart.
enum postgres_result {
    postgres_result_done,
    postgres_result_rows,
    postgres_result_sync,
    postgres_result_aborted,
    postgres_result_failed,
};

/// What the next step of a connection waits for.
enum postgres_step { postgres_step_failed, postgres_step_read, postgres_step_write, postgres_step_done };

/// Loads libpq; false when it is not there or older than version 14, which has no pipeline mode. May be called again.
bool postgres_load(void);

PGconn *postgres_connect(const char *url);
enum postgres_step postgres_connect_poll(PGconn *connection);
void postgres_finish(PGconn *connection);
bool postgres_is_broken(const PGconn *connection);
bool postgres_is_encrypted(PGconn *connection);
/// The server's name, address or socket directory.
const char *postgres_host(const PGconn *connection);
int postgres_socket(const PGconn *connection);
const char *postgres_error(const PGconn *connection);

/// Makes the connection one that never blocks and takes pipelines; false when it cannot.
bool postgres_begin_pipelines(PGconn *connection);
bool postgres_send_prepare(PGconn *connection, const char *name, const char *sql);
/// Sends a prepared statement with binary parameters, and asks for a binary result.
bool postgres_send(PGconn *connection, const char *name, int count, const char *const *values, const int *lengths);
bool postgres_send_sync(PGconn *connection);
/// 0: all is sent; 1: something is left; -1: the connection is broken.
int postgres_flush(PGconn *connection);
bool postgres_consume(PGconn *connection);
bool postgres_is_busy(PGconn *connection);
PGresult *postgres_next_result(PGconn *connection);

enum postgres_result postgres_status(const PGresult *result);
/// The five characters of SQLSTATE, or NULL.
const char *postgres_state(const PGresult *result);
const char *postgres_message(const PGresult *result);
int postgres_row_count(const PGresult *result);
int postgres_column_count(const PGresult *result);
bool postgres_is_null(const PGresult *result, int row, int column);
const char *postgres_value(const PGresult *result, int row, int column);
int postgres_length(const PGresult *result, int row, int column);
void postgres_clear(PGresult *result);

/// Takes a notification that has arrived, if there is one.
bool postgres_take_notification(PGconn *connection);

/// Copies the value of an option, such as "host", out of a connection URL, with a zero behind it if there is room.
/// 0: there is none; -1: the URL cannot be read; else the length, which may be more than `size`.
int postgres_option(const char *url, const char *name, char *value, size_t size);

#endif
