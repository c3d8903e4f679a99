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

/**
 * vera_json_parse_file:
 * @path: a regular file of at most 64 MiB
 * @error: return location for a #GError of %VERA_ENGINE_ERROR_BAD_INPUT, the end of a sentence without its full stop
 *
 * Returns: (transfer full): a parser as of vera_json_parse(), or %NULL
 */
JsonParser *vera_json_parse_file(const char *path, GError **error);

/** vera_json_path_to_text: JSON is UTF-8, names of files need not be. Returns: (transfer full): @path itself where it is UTF-8,
 * otherwise its URI */
char *vera_json_path_to_text(const char *path);

/** vera_json_path_from_text: Returns: (transfer full) (nullable): the path that vera_json_path_to_text() got; %NULL where a URI
 * is none of a file */
char *vera_json_path_from_text(const char *text);

/** vera_json_quote_path: Returns: (transfer full): what vera_json_path_to_text() gives, in quotes and escaped */
char *vera_json_quote_path(const char *path);

/** vera_json_get_string: Returns: (transfer none): member @name if it is a string, otherwise @fallback */
const char *vera_json_get_string(JsonObject *object, const char *name, const char *fallback);

/** vera_json_get_boolean: Returns: member @name if it is true or false, otherwise @fallback */
gboolean vera_json_get_boolean(JsonObject *object, const char *name, gboolean fallback);

/** vera_json_get_int: Returns: member @name if it is a whole number, otherwise @fallback */
gint64 vera_json_get_int(JsonObject *object, const char *name, gint64 fallback);

/** vera_json_get_double: Returns: member @name if it is a number, otherwise @fallback */
double vera_json_get_double(JsonObject *object, const char *name, double fallback);

G_END_DECLS
