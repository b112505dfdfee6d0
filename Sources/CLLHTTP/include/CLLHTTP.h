// llhttp as GatewayCore needs it: one message at a time, its head as offsets into the caller's bytes.
//
// The header names nothing of llhttp's own, so that Swift code sees the same declarations with every version of it and
// needs none of its include paths.

#ifndef POSTERN_CLLHTTP_H
#define POSTERN_CLLHTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Where a header field stands in the bytes of a head.
typedef struct postern_field {
    uint32_t name_start;
    uint32_t name_count;
    uint32_t value_start;
    uint32_t value_count;
} postern_field;

/// What llhttp read in a head.
typedef struct postern_head {
    /// The request target, relative to the head's first byte.
    uint32_t target_start;
    uint32_t target_count;
    uint32_t field_count;
    uint16_t status;
    uint8_t http_major;
    uint8_t http_minor;
    /// The body that follows: 0 for none or chunks.
    uint64_t content_length;
    bool is_head_request;
    bool is_connect_request;
    bool is_options_request;
    bool has_content_length;
    bool has_transfer_encoding;
    bool is_chunked;
    bool keeps_alive;
    /// Whether the message ended with its head.
    bool is_complete;
} postern_head;

typedef struct postern_parser postern_parser;

/// A parser for requests or for responses; NULL when memory is out.
postern_parser *postern_parser_create(bool reads_responses);
void postern_parser_destroy(postern_parser *parser);

/// Parses the `count` bytes of one whole head, from the start line to the empty line, and forgets every message before
/// it. `skips_body` says that this response has no body whatever its head tells. Fills `head` and at most `capacity`
/// of `fields`. Returns false when the bytes are not exactly one head, or when there are more fields.
bool postern_parser_head(
    postern_parser *parser, const uint8_t *bytes, size_t count, bool skips_body, postern_head *head,
    postern_field *fields, size_t capacity);

/// Parses `count` bytes that follow the head. Returns false when they are not part of the message's body; sets
/// `is_complete` when the last of them ends the message. Bytes beyond the end of the message are an error.
bool postern_parser_body(postern_parser *parser, const uint8_t *bytes, size_t count, bool *is_complete);

/// The version that is linked in, as `major * 10000 + minor * 100 + patch`.
int postern_parser_version(void);

#endif
