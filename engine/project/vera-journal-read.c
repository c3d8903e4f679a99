#include "config.h"

#include "engine/project/vera-journal.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "engine/project/vera-project-json.h"
#include "engine/vera-json.h"

#define VERA_JOURNAL_SUM_LENGTH 64

/* The object of one line; NULL when it is cut off or was changed. */
static JsonParser *
vera_journal_parse_line(const char *line, gsize length)
{
    const char *json = line + VERA_JOURNAL_SUM_LENGTH + 1;
    g_autofree char *sum = NULL;

    if (length < VERA_JOURNAL_SUM_LENGTH + 1 || line[VERA_JOURNAL_SUM_LENGTH] != ' ')
        return NULL;
    length -= VERA_JOURNAL_SUM_LENGTH + 1;
    sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)json, length);
    return memcmp(sum, line, VERA_JOURNAL_SUM_LENGTH) == 0 ? vera_json_parse(json, length) : NULL;
}

static JsonObject *
vera_journal_get_root(JsonParser *parser)
{
    return json_node_get_object(json_parser_get_root(parser));
}

static gboolean
vera_journal_read_header(const char *line, gsize length, VeraJournalContents *contents)
{
    g_autoptr(JsonParser) parser = vera_journal_parse_line(line, length);
    const char *uri;

    if (parser == NULL)
        return TRUE;
    if (json_object_get_int_member_with_default(vera_journal_get_root(parser), "vera_journal", 0) !=
        VERA_JOURNAL_FORMAT)
        return FALSE;
    uri = vera_json_get_string(vera_journal_get_root(parser), "project", NULL);
    contents->project_path = uri ? g_filename_from_uri(uri, NULL, NULL) : NULL;
    contents->sha256 =
        g_strdup(vera_json_get_string(vera_journal_get_root(parser), "sha256", NULL));
    return TRUE;
}

/* Puts an entry into @contents; entries that are not whole change nothing. */
static gboolean
vera_journal_read_entry(const char *line, gsize length, VeraJournalContents *contents)
{
    g_autoptr(JsonParser) parser = vera_journal_parse_line(line, length);
    JsonObject *object = parser ? vera_journal_get_root(parser) : NULL;
    JsonNode *node = object ? json_object_get_member(object, "state") : NULL;
    VeraProjectState *state;

    if (node == NULL || !JSON_NODE_HOLDS_OBJECT(node))
        return FALSE;
    state = vera_project_state_from_json(json_node_get_object(node), "/", NULL);
    if (state == NULL)
        return FALSE;
    contents->state = state;
    contents->name = g_strdup(vera_json_get_string(object, "name", NULL));
    contents->time = json_object_get_int_member_with_default(object, "time", 0);
    contents->n_changes = (guint)json_object_get_int_member_with_default(object, "n_changes", 1);
    contents->is_modified = vera_json_get_boolean(object, "is_modified", TRUE);
    return TRUE;
}

/* The last whole entry is looked for from the end: a journal may be long. */
static void
vera_journal_read_last(const char *text, gsize begin, gsize length, VeraJournalContents *contents)
{
    gsize end = length;

    while (end > begin) {
        const char *newline = memrchr(text + begin, '\n', end - 1 - begin);
        gsize start = newline ? (gsize)(newline - text) + 1 : begin;
        if (text[end - 1] == '\n' &&
            vera_journal_read_entry(text + start, end - 1 - start, contents))
            return;
        end = start;
    }
}

static gboolean
vera_journal_is_free(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    gboolean is_free = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) == 0;

    if (fd >= 0)
        close(fd);
    return is_free;
}

gboolean
vera_journal_read(const char *path, VeraJournalContents *contents)
{
    g_autoptr(GMappedFile) file = NULL;
    const char *text, *newline;
    gsize length;

    memset(contents, 0, sizeof *contents);
    if (!vera_journal_is_free(path) || (file = g_mapped_file_new(path, FALSE, NULL)) == NULL)
        return FALSE;
    text = g_mapped_file_get_contents(file);
    length = g_mapped_file_get_length(file);
    newline = length ? memchr(text, '\n', length) : NULL;
    if (newline == NULL)
        return TRUE;
    if (!vera_journal_read_header(text, (gsize)(newline - text), contents))
        return FALSE;
    vera_journal_read_last(text, (gsize)(newline - text) + 1, length, contents);
    return TRUE;
}

void
vera_journal_contents_clear(VeraJournalContents *contents)
{
    g_free(contents->project_path);
    g_free(contents->sha256);
    vera_project_state_unref(contents->state);
    g_free(contents->name);
    memset(contents, 0, sizeof *contents);
}
