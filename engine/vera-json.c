#include "config.h"

#include "engine/vera-json.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/vera-engine-error.h"

#define VERA_JSON_MAX_DEPTH 16
#define VERA_JSON_MAX_FILE (64u << 20)

/* Counts the members that each object was given; more than it has in the end means that one came
 * twice. */
typedef struct {
    GHashTable *n_given;
    gboolean has_duplicate;
} VeraJsonMembers;

static void
vera_json_count_member_cb(JsonParser *parser,
                          JsonObject *object,
                          const char *name,
                          gpointer user_data)
{
    VeraJsonMembers *members = user_data;
    guint n = GPOINTER_TO_UINT(g_hash_table_lookup(members->n_given, object)) + 1;

    g_hash_table_insert(members->n_given, object, GUINT_TO_POINTER(n));
    if (n > json_object_get_size(object))
        members->has_duplicate = TRUE;
}

/* Outside of strings only what JSON itself is made of, never nested deeper than the limit, and one
 * value alone: the parser leaks the first of two. */
static gboolean
vera_json_is_plain(const char *text, gsize length)
{
    gboolean is_string = FALSE;
    gboolean is_over = FALSE;
    int depth = 0;

    for (gsize i = 0; i < length; i++) {
        if (is_over && !g_ascii_isspace(text[i]))
            return FALSE;
        if (is_string) {
            if (text[i] == '\\')
                i++;
            else if (text[i] == '"')
                is_string = FALSE;
            continue;
        }
        if (text[i] == '"')
            is_string = TRUE;
        else if (text[i] == '{' || text[i] == '[')
            depth++;
        else if (text[i] == '}' || text[i] == ']')
            depth--;
        else if (!g_ascii_isalnum(text[i]) &&
                 (text[i] == '\0' || strchr(" \t\r\n,:+-.", text[i]) == NULL))
            return FALSE;
        if (depth > VERA_JSON_MAX_DEPTH || depth < 0)
            return FALSE;
        is_over = is_over || (depth == 0 && (text[i] == '}' || text[i] == ']'));
    }
    return !is_string && depth == 0;
}

JsonParser *
vera_json_parse(const char *text, gsize length)
{
    g_autoptr(JsonParser) parser = json_parser_new();
    VeraJsonMembers members = {g_hash_table_new(NULL, NULL), FALSE};
    gboolean ok = length <= G_MAXINT32 && g_utf8_validate(text, (gssize)length, NULL) &&
                  vera_json_is_plain(text, length);
    JsonNode *root;

    g_signal_connect(parser, "object-member", G_CALLBACK(vera_json_count_member_cb), &members);
    ok = ok && json_parser_load_from_data(parser, text, (gssize)length, NULL) &&
         !members.has_duplicate;
    g_signal_handlers_disconnect_by_data(parser, &members);
    g_hash_table_unref(members.n_given);
    root = ok ? json_parser_get_root(parser) : NULL;
    return root != NULL && JSON_NODE_HOLDS_OBJECT(root) ? g_steal_pointer(&parser) : NULL;
}

JsonParser *
vera_json_parse_file(const char *path, GError **error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    g_autoptr(GMappedFile) file = NULL;
    JsonParser *parser = NULL;
    struct stat facts;

    if (fd < 0 || fstat(fd, &facts) != 0) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT, "%s", g_strerror(errno));
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    if (S_ISREG(facts.st_mode) && facts.st_size > 0 && facts.st_size <= VERA_JSON_MAX_FILE)
        file = g_mapped_file_new_from_fd(fd, FALSE, NULL);
    close(fd);
    if (file != NULL)
        parser = vera_json_parse(g_mapped_file_get_contents(file), g_mapped_file_get_length(file));
    if (parser == NULL)
        g_set_error_literal(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                            "it is not a plain JSON object");
    return parser;
}

char *
vera_json_path_to_text(const char *path)
{
    g_autofree char *absolute = NULL;

    /* A name that looks like a URI would not come back as the file that it is. */
    if (g_utf8_validate(path, -1, NULL) && !g_str_has_prefix(path, "file:"))
        return g_strdup(path);
    absolute = g_canonicalize_filename(path, NULL);
    return g_filename_to_uri(absolute, NULL, NULL);
}

char *
vera_json_path_from_text(const char *text)
{
    return g_str_has_prefix(text, "file:") ? g_filename_from_uri(text, NULL, NULL) : g_strdup(text);
}

char *
vera_json_quote_path(const char *path)
{
    g_autofree char *text = vera_json_path_to_text(path);
    g_autoptr(JsonNode) node = json_node_new(JSON_NODE_VALUE);

    json_node_set_string(node, text);
    return json_to_string(node, FALSE);
}

static JsonNode *
vera_json_get_value(JsonObject *object, const char *name, GType type)
{
    JsonNode *node = json_object_get_member(object, name);

    return node != NULL && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == type
               ? node
               : NULL;
}

const char *
vera_json_get_string(JsonObject *object, const char *name, const char *fallback)
{
    JsonNode *node = vera_json_get_value(object, name, G_TYPE_STRING);

    return node ? json_node_get_string(node) : fallback;
}

gboolean
vera_json_get_boolean(JsonObject *object, const char *name, gboolean fallback)
{
    JsonNode *node = vera_json_get_value(object, name, G_TYPE_BOOLEAN);

    return node ? json_node_get_boolean(node) : fallback;
}

gint64
vera_json_get_int(JsonObject *object, const char *name, gint64 fallback)
{
    JsonNode *node = vera_json_get_value(object, name, G_TYPE_INT64);

    return node ? json_node_get_int(node) : fallback;
}

double
vera_json_get_double(JsonObject *object, const char *name, double fallback)
{
    JsonNode *node = vera_json_get_value(object, name, G_TYPE_DOUBLE);

    if (node == NULL)
        node = vera_json_get_value(object, name, G_TYPE_INT64);
    return node ? json_node_get_double(node) : fallback;
}
