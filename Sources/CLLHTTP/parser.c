#include "CLLHTTP.h"

#include <llhttp.h>
#include <stdlib.h>
#include <string.h>

struct postern_parser {
    llhttp_t machine;
    llhttp_settings_t settings;
    // The head being read, and where its results go: set only while `postern_parser_head` runs.
    const char *start;
    postern_head *head;
    postern_field *fields;
    size_t capacity;
    bool skips_body;
    bool head_is_complete;
    bool message_is_complete;
};

static postern_parser *owner(llhttp_t *machine) { return machine->data; }

static int on_url(llhttp_t *machine, const char *at, size_t count) {
    postern_parser *parser = owner(machine);
    parser->head->target_start = (uint32_t)(at - parser->start);
    parser->head->target_count = (uint32_t)count;
    return 0;
}

static int on_header_field(llhttp_t *machine, const char *at, size_t count) {
    postern_parser *parser = owner(machine);
    // Trailers have no place in a head: their lines are checked by whoever reads the chunks.
    if (parser->head == NULL) return 0;
    if (parser->head->field_count >= parser->capacity) return HPE_USER;
    postern_field *field = &parser->fields[parser->head->field_count++];
    field->name_start = (uint32_t)(at - parser->start);
    field->name_count = (uint32_t)count;
    field->value_start = field->name_start;
    field->value_count = 0;
    return 0;
}

static int on_header_value(llhttp_t *machine, const char *at, size_t count) {
    postern_parser *parser = owner(machine);
    if (parser->head == NULL) return 0;
    if (parser->head->field_count == 0) return HPE_USER;
    postern_field *field = &parser->fields[parser->head->field_count - 1];
    field->value_start = (uint32_t)(at - parser->start);
    field->value_count = (uint32_t)count;
    return 0;
}

static int on_headers_complete(llhttp_t *machine) {
    postern_parser *parser = owner(machine);
    if (parser->head == NULL) return HPE_USER;
    postern_head *head = parser->head;
    head->status = (uint16_t)machine->status_code;
    head->http_major = machine->http_major;
    head->http_minor = machine->http_minor;
    head->is_head_request = machine->type == HTTP_REQUEST && machine->method == HTTP_HEAD;
    head->is_connect_request = machine->type == HTTP_REQUEST && machine->method == HTTP_CONNECT;
    head->is_options_request = machine->type == HTTP_REQUEST && machine->method == HTTP_OPTIONS;
    head->has_content_length = (machine->flags & F_CONTENT_LENGTH) != 0;
    head->has_transfer_encoding = (machine->flags & F_TRANSFER_ENCODING) != 0;
    head->is_chunked = (machine->flags & F_CHUNKED) != 0;
    head->content_length = head->has_content_length ? machine->content_length : 0;
    head->keeps_alive = llhttp_should_keep_alive(machine) != 0;
    parser->head_is_complete = true;
    // RFC 9112 §6.3 rule 1: these never have a body, whatever length they announce.
    bool is_bodiless = machine->type == HTTP_RESPONSE
        && (head->status / 100 == 1 || head->status == 204 || head->status == 304);
    return parser->skips_body || is_bodiless ? 1 : 0;
}

// Stops at the message's last byte: what follows is a message of its own.
static int on_message_complete(llhttp_t *machine) {
    owner(machine)->message_is_complete = true;
    return HPE_PAUSED;
}

postern_parser *postern_parser_create(bool reads_responses) {
    postern_parser *parser = calloc(1, sizeof *parser);
    if (parser == NULL) return NULL;
    llhttp_settings_init(&parser->settings);
    parser->settings.on_url = on_url;
    parser->settings.on_header_field = on_header_field;
    parser->settings.on_header_value = on_header_value;
    parser->settings.on_headers_complete = on_headers_complete;
    parser->settings.on_message_complete = on_message_complete;
    llhttp_init(&parser->machine, reads_responses ? HTTP_RESPONSE : HTTP_REQUEST, &parser->settings);
    parser->machine.data = parser;
    return parser;
}

void postern_parser_destroy(postern_parser *parser) { free(parser); }

// Feeds bytes and says whether all of them belonged to the message.
static bool feed(postern_parser *parser, const uint8_t *bytes, size_t count) {
    const char *start = (const char *)bytes;
    llhttp_errno_t error = llhttp_execute(&parser->machine, start, count);
    if (error == HPE_OK) return true;
    // The message ended, or an offered upgrade does: both are left to the caller, if nothing follows.
    if (error != HPE_PAUSED && error != HPE_PAUSED_UPGRADE) return false;
    return parser->message_is_complete && llhttp_get_error_pos(&parser->machine) == start + count;
}

bool postern_parser_head(
    postern_parser *parser, const uint8_t *bytes, size_t count, bool skips_body, postern_head *head,
    postern_field *fields, size_t capacity) {
    memset(head, 0, sizeof *head);
    llhttp_reset(&parser->machine);
    parser->start = (const char *)bytes;
    parser->head = head;
    parser->fields = fields;
    parser->capacity = capacity;
    parser->skips_body = skips_body;
    parser->head_is_complete = false;
    parser->message_is_complete = false;
    bool is_good = feed(parser, bytes, count);
    head->is_complete = parser->message_is_complete;
    parser->start = NULL;
    parser->head = NULL;
    parser->fields = NULL;
    parser->capacity = 0;
    return is_good && parser->head_is_complete;
}

bool postern_parser_body(postern_parser *parser, const uint8_t *bytes, size_t count, bool *is_complete) {
    bool is_good = feed(parser, bytes, count);
    *is_complete = parser->message_is_complete;
    return is_good;
}

int postern_parser_version(void) {
    return LLHTTP_VERSION_MAJOR * 10000 + LLHTTP_VERSION_MINOR * 100 + LLHTTP_VERSION_PATCH;
}
