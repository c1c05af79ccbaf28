/* What the tests of this folder share. */
#include "support_model.h"

#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "format/xml.h"

#define FILE_MAX (8 * 1024 * 1024)

void load(const char *path, struct buf *out)
{
    struct err err;

    *out = (struct buf)BUF_INIT(FILE_MAX);
    if (!file_read(path, out, &err))
        fail_msg("%s", err.text);
}

struct codes *shipped_codes(void)
{
    struct err err = { 0 };
    AUTO(fileset_free) struct fileset *files = fileset_load(LISTS_FOLDER, &err);
    struct codes *codes = files == NULL ? NULL : codes_load(files, &err);

    if (codes == NULL)
        fail_msg("%s", err.text);
    return codes;
}

struct path_table *shipped_paths(void)
{
    AUTO(buf_free) struct buf xsd = BUF_INIT(FILE_MAX);
    struct err err = { 0 };
    struct path_table *table;

    load(SCHEMA_FILE, &xsd);
    table = path_compile(xsd.data, xsd.len, &err);
    if (table == NULL)
        fail_msg("%s", err.text);
    return table;
}

xmlDoc *sample(const char *name)
{
    AUTO(buf_free) struct buf octets = BUF_INIT(FILE_MAX);
    AUTO(mem_free) char *path = mem_printf("%s/%s", SAMPLES_FOLDER, name);
    struct err err = { 0 };
    xmlDoc *doc;

    xml_init();
    load(path, &octets);
    doc = xml_parse_utf8(octets.data, octets.len, NULL, &err);
    if (doc == NULL)
        fail_msg("%s: %s", name, err.text);
    return doc;
}

uint32_t dice_next(struct dice *dice)
{
    dice->state =
        dice->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(dice->state >> 33);
}

void dice_mutate(struct dice *dice, char *data, size_t len)
{
    unsigned n = 1 + dice_next(dice) % 4;

    while (n-- > 0)
        data[dice_next(dice) % len] = (char)dice_next(dice);
}
