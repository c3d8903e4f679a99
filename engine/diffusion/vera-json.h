#pragma once

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/**
 * vera_json_parse:
 * @text: @length bytes, not terminated
 *
 * Reads plain JSON from a file that is not trusted. Unlike #JsonParser alone it refuses deep nesting (the parser recurses),
 * a member that an object names twice, bytes that are not UTF-8, and the comments and quotes that JSON does not have.
 *
 * Returns: (transfer full): a parser whose root is an object, or %NULL
 */
JsonParser *vera_json_parse(const char *text, gsize length);

/** vera_json_parse_file: the same on a file of at most 64 MiB. Returns: (transfer full): a parser, or %NULL */
JsonParser *vera_json_parse_file(const char *path);

/** vera_json_get_string: Returns: (transfer none): member @name if it is a string, otherwise @fallback */
const char *vera_json_get_string(JsonObject *object, const char *name, const char *fallback);

/** vera_json_get_boolean: Returns: member @name if it is true or false, otherwise @fallback */
gboolean vera_json_get_boolean(JsonObject *object, const char *name, gboolean fallback);

G_END_DECLS
