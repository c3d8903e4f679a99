#pragma once

#include <glib.h>

/** vera_tokenizer_get_entity: Returns: the character of the HTML reference &@name; (@length bytes), 0 if there is none */
gunichar vera_tokenizer_get_entity(const char *name, gsize length);
