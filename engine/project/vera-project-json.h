#pragma once

#include <json-glib/json-glib.h>

#include "engine/project/vera-project-state.h"

G_BEGIN_DECLS

/** The format that this program writes, and the newest that it reads. */
#define VERA_PROJECT_FORMAT 1

/**
 * VeraProjectReader: takes the members of one JSON object, remembers which were known, and says
 * what is wrong with which.
 *
 * Getters leave the target as it is when the member is missing or null. After the first error they
 * do nothing; the last call on every object is vera_project_reader_end().
 */
typedef struct _VeraProjectReader {
    JsonObject *object;
    const char *kind;
    guint number; /* from 1; 0 for the only one of its kind */
    const struct _VeraProjectReader *parent;
    GPtrArray *known;
    GError **error; /* never NULL */
} VeraProjectReader;

typedef void (*VeraProjectReadFunc)(VeraProjectReader *reader, gpointer target);

void vera_project_reader_init(VeraProjectReader *self,
                              JsonObject *object,
                              const char *kind,
                              GError **error);
void vera_project_reader_fail(const VeraProjectReader *self, const char *member, const char *what);
gboolean vera_project_reader_has_failed(const VeraProjectReader *self);
void vera_project_reader_get_string(VeraProjectReader *self, const char *member, char **target);
void vera_project_reader_get_boolean(VeraProjectReader *self, const char *member, gboolean *target);
void vera_project_reader_get_int64(VeraProjectReader *self, const char *member, gint64 *target);
void vera_project_reader_get_int(VeraProjectReader *self, const char *member, int *target);
void vera_project_reader_get_uint64(VeraProjectReader *self, const char *member, guint64 *target);
void vera_project_reader_get_double(VeraProjectReader *self, const char *member, double *target);
void vera_project_reader_get_float(VeraProjectReader *self, const char *member, float *target);

/** vera_project_reader_get_object: reads an object member with @read. Returns: whether it is there
 */
gboolean vera_project_reader_get_object(VeraProjectReader *self,
                                        const char *member,
                                        const char *kind,
                                        VeraProjectReadFunc read,
                                        gpointer target);

/** vera_project_reader_get_objects: reads every object of an array member with @read. */
void vera_project_reader_get_objects(VeraProjectReader *self,
                                     const char *member,
                                     const char *kind,
                                     VeraProjectReadFunc read,
                                     gpointer target);

/** vera_project_reader_end: puts the members that nobody asked for into @extra, as JSON; %NULL if
 * there are none. */
void vera_project_reader_end(VeraProjectReader *self, char **extra);

/** vera_project_json_set_string: writes nothing for %NULL. */
void vera_project_json_set_string(JsonObject *object, const char *member, const char *value);

/** vera_project_json_set_float: writes the shortest decimal that reads back as @value. */
void vera_project_json_set_float(JsonObject *object, const char *member, float value);

/** vera_project_json_format_float: @buffer takes G_ASCII_DTOSTR_BUF_SIZE bytes. Returns: the
 * shortest decimal, in @buffer */
const char *vera_project_json_format_float(char *buffer, float value);

/** vera_project_json_add_extra: puts back what vera_project_reader_end() kept, also inside objects
 * that are there; other members that are there win. */
void vera_project_json_add_extra(JsonObject *object, const char *extra);

/** vera_region_to_json: Returns: (transfer full): the region as a project file holds it */
JsonObject *vera_region_to_json(const VeraRegion *self);

/** vera_region_read_json_cb: a #VeraProjectReadFunc; @target is a VeraRegion ** that takes a new
 * region. */
void vera_region_read_json_cb(VeraProjectReader *reader, gpointer target);

/**
 * vera_project_state_to_json:
 * @self: a state that vera_project_state_check() accepts
 * @base_dir: (nullable): folder that paths are made relative to; %NULL keeps them absolute
 *
 * Returns: (transfer full): the object that is a project file
 */
JsonObject *vera_project_state_to_json(const VeraProjectState *self, const char *base_dir);

/**
 * vera_project_state_from_json:
 * @object: the object that is a project file
 * @base_dir: folder that relative paths start from
 * @error: return location for a #GError
 *
 * Errors: %VERA_ENGINE_ERROR_BAD_INPUT, %VERA_ENGINE_ERROR_UNSUPPORTED (made by a newer program);
 * fragments of a sentence, the caller names the file.
 *
 * Returns: (transfer full): the state, or %NULL
 */
VeraProjectState *
vera_project_state_from_json(JsonObject *object, const char *base_dir, GError **error);

/** vera_project_json_to_text: Returns: (transfer full): @object on many lines for a file, or on one
 * for a journal */
char *vera_project_json_to_text(JsonObject *object, gboolean is_pretty);

G_END_DECLS
