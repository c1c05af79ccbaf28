/* gzip: what goes in comes out, and each way to be wrong has its name. */
#include "support_format.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/body.h"
#include "base/buf.h"
#include "base/mem.h"
#include "format/gzip.h"

#define PLAIN 200000

static char plain[PLAIN];
static struct buf packed = BUF_INIT(1 << 20);

static int fill_plain(void **state)
{
    struct dice dice = { 1 };

    (void)state;
    for (size_t i = 0; i < sizeof plain; i++)
        plain[i] = (char)("abcdefgh \n"[dice_next(&dice) % 10]);
    return 0;
}

static void pack(const void *data, size_t len, struct buf *out)
{
    AUTO(source_free) struct source *from = source_of_memory(data, len);
    struct buf_sink to = sink_of_buf(out);
    struct err err = { 0 };

    buf_clear(out);
    assert_true(gzip_pack(from, &to.sink, &err));
}

/* In pieces of this many octets. */
static bool unpack(const void *data, size_t len, size_t piece,
                   const struct gzip_limits *limits, struct buf *out, struct err *err)
{
    struct buf_sink to = sink_of_buf(out);
    AUTO(gzip_free) struct gzip *gzip = gzip_unpacker(&to.sink, limits);
    const char *p = data;

    buf_clear(out);
    while (len > 0) {
        size_t step = len < piece ? len : piece;

        if (!gzip_sink(gzip)->write(gzip_sink(gzip), p, step, err))
            return false;
        p += step;
        len -= step;
    }
    return gzip_end(gzip, err);
}

static void test_round_trip_and_one_form(void **state)
{
    static const size_t sizes[] = { 0, 1, 100, 16384, 65536, PLAIN };
    AUTO(buf_free) struct buf again = BUF_INIT(1 << 20), out = BUF_INIT(1 << 20);
    struct err err = { 0 };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        pack(plain, sizes[i], &packed);
        pack(plain, sizes[i], &again);
        assert_int_equal(packed.len, again.len);
        assert_memory_equal(packed.data, again.data, packed.len);
        /* ID1 ID2 CM FLG MTIME(4) XFL OS */
        assert_memory_equal(packed.data, "\x1F\x8B\x08\0\0\0\0\0\0\xFF", 10);
        assert_true(unpack(packed.data, packed.len, i == 1 ? 1 : 977, NULL, &out, &err));
        assert_int_equal(out.len, sizes[i]);
        assert_memory_equal(buf_str(&out), plain, sizes[i]);
    }
}

static void expect(const char *data, size_t len, const char *code)
{
    static const size_t pieces[] = { 1, 7, 1 << 20 };

    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        AUTO(buf_free) struct buf out = BUF_INIT(1 << 20);
        struct err err = { 0 };

        assert_false(unpack(data, len, pieces[i], NULL, &out, &err));
        assert_code(&err, code);
        assert_int_equal(err.kind, ERR_REJECT);
    }
}

static void test_truncation_at_each_length(void **state)
{
    (void)state;
    pack(plain, 3000, &packed);
    for (size_t len = 0; len < packed.len; len++) {
        AUTO(buf_free) struct buf out = BUF_INIT(4000);
        struct err err = { 0 };

        assert_false(unpack(packed.data, len, 1 << 20, NULL, &out, &err));
        assert_code(&err, "gzip.truncated");
    }
}

static void test_wrong_checksum_length_and_bits(void **state)
{
    (void)state;
    pack(plain, 3000, &packed);
    for (size_t back = 1; back <= 8; back++) { /* CRC32 and ISIZE */
        packed.data[packed.len - back] ^= 1;
        expect(packed.data, packed.len, "gzip.damaged");
        packed.data[packed.len - back] ^= 1;
    }
    packed.data[packed.len / 2] ^= 0x55;
    expect(packed.data, packed.len, "gzip.damaged");
}

static void test_something_behind(void **state)
{
    (void)state;
    pack(plain, 3000, &packed);
    buf_addc(&packed, 0);
    expect(packed.data, packed.len, "gzip.trailing");
    packed.len--;
    buf_add(&packed, packed.data, packed.len); /* a second member */
    expect(packed.data, packed.len, "gzip.trailing");
}

static void test_other_formats(void **state)
{
    unsigned char out[4000];
    uLongf len = sizeof out;
    char changed[4];

    (void)state;
    assert_int_equal(compress(out, &len, (const Bytef *)plain, 3000), Z_OK);
    expect((char *)out, len, "gzip.not-gzip");         /* zlib */
    expect((char *)out + 2, len - 6, "gzip.not-gzip"); /* raw deflate */
    expect("PK\x03\x04 something", 15, "gzip.not-gzip");
    expect("\x1F\x9D\x90", 3, "gzip.not-gzip"); /* compress */
    pack(plain, 10, &packed);
    memcpy(changed, packed.data, 4);
    packed.data[2] = 7;
    expect(packed.data, packed.len, "gzip.header");
    packed.data[2] = 8;
    packed.data[3] = 0x20;
    expect(packed.data, packed.len, "gzip.header");
}

/* Other writers set a name, a time, a header checksum. */
static void test_headers_of_others(void **state)
{
    unsigned char out[4000];
    z_stream z = { 0 };
    Bytef name[] = "scan.pdf", comment[] = "c";
    gz_header header = { .name = name, .comment = comment, .time = 1, .hcrc = 1 };
    AUTO(buf_free) struct buf plain_again = BUF_INIT(4000);
    struct err err = { 0 };

    (void)state;
    deflateInit2(&z, 9, Z_DEFLATED, 31, 9, Z_DEFAULT_STRATEGY);
    deflateSetHeader(&z, &header);
    z.next_in = (Bytef *)plain;
    z.avail_in = 2000;
    z.next_out = out;
    z.avail_out = sizeof out;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    assert_true(unpack(out, z.total_out, 1, NULL, &plain_again, &err));
    assert_int_equal(plain_again.len, 2000);
    expect((char *)out, z.total_out - 1, "gzip.truncated");
    deflateEnd(&z);
}

/* n MiB of zeros, packed. */
static void pack_zeros(unsigned mib, struct buf *out)
{
    static const char zeros[1 << 20];
    struct buf_sink to = sink_of_buf(out);
    AUTO(gzip_free) struct gzip *gzip = gzip_packer(&to.sink);
    struct err err = { 0 };

    for (; mib > 0; mib--)
        assert_true(gzip_sink(gzip)->write(gzip_sink(gzip), zeros, sizeof zeros, &err));
    assert_true(gzip_end(gzip, &err));
}

/* Counts what comes through: the caps must hold while inflating. */
struct counter {
    struct sink sink;
    uint64_t octets;
};

static bool count(struct sink *sink, const void *data, size_t len, struct err *err)
{
    (void)data;
    (void)err;
    ((struct counter *)sink)->octets += len;
    return true;
}

static void test_bombs(void **state)
{
    AUTO(buf_free) struct buf bomb = BUF_INIT(4 << 20);
    struct gzip_limits generous = gzip_limits_part;
    struct counter counter = { { count }, 0 };
    struct err err = { 0 };

    (void)state;
    pack_zeros(80, &bomb);
    AUTO(source_free) struct source *from = source_of_memory(bomb.data, bomb.len);

    assert_false(gzip_unpack(from, &counter.sink, NULL, NULL, &err));
    assert_code(&err, "gzip.ratio");
    assert_true(counter.octets <= (1 << 20) + (1 << 14)); /* stopped at the first look */
    counter.octets = 0;
    generous.ratio = 2000;
    assert_false(gzip_unpack(from, &counter.sink, &generous, NULL, &err));
    assert_code(&err, "gzip.too-large");
    assert_true(counter.octets <= UINT64_C(64) << 20);
    counter.octets = 0;
    generous.octets = UINT64_C(80) << 20;
    assert_true(gzip_unpack(from, &counter.sink, &generous, &counter.octets, &err));
    assert_int_equal(counter.octets, UINT64_C(80) << 20);
}

static void test_small_repetitive_content_is_no_bomb(void **state)
{
    AUTO(buf_free) struct buf small = BUF_INIT(1 << 20), out = BUF_INIT(1 << 20);
    struct err err = { 0 };

    (void)state;
    pack_zeros(1, &small); /* 1000 to 1, but only a MiB */
    assert_true(unpack(small.data, small.len, 100, NULL, &out, &err));
}

static void load(const struct source *from, struct buf *out)
{
    struct err err = { 0 };

    buf_clear(out);
    if (!source_load(from, out, &err))
        fail_msg("%s", err.text);
    assert_int_equal(from->size, out->len);
}

static void test_sources(void **state)
{
    AUTO(source_free) struct source *from = source_of_memory(plain, sizeof plain);
    AUTO(buf_free) struct buf out = BUF_INIT(1 << 20);
    struct err err = { 0 };
    AUTO(source_free) struct source *small = gzip_packed(from, &err);
    AUTO(source_free) struct source *large = gzip_unpacked(small, NULL, &err);

    (void)state;
    pack(plain, sizeof plain, &packed);
    for (int again = 0; again < 2; again++) {
        load(small, &out);
        assert_int_equal(out.len, packed.len);
        assert_memory_equal(out.data, packed.data, packed.len);
        load(large, &out);
        assert_int_equal(out.len, sizeof plain);
        assert_memory_equal(out.data, plain, sizeof plain);
    }
    assert_null(gzip_unpacked(from, NULL, &err));
    assert_code(&err, "gzip.not-gzip");
}

static void test_mutations_never_pass_as_good(void **state)
{
    struct dice dice = { 5 };

    (void)state;
    pack(plain, 3000, &packed);
    for (int i = 0; i < 3000; i++) {
        AUTO(mem_free) char *copy = mem_dup(packed.data, packed.len);
        AUTO(buf_free) struct buf out = BUF_INIT(1 << 21);
        struct err err = { 0 };

        dice_mutate(&dice, copy, packed.len);
        if (unpack(copy, packed.len, 1 << 20, NULL, &out, &err)) {
            assert_int_equal(out.len, 3000);
            assert_memory_equal(out.data, plain,
                                3000); /* only the header's idle octets */
        }
    }
    buf_free(&packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip_and_one_form),
        cmocka_unit_test(test_truncation_at_each_length),
        cmocka_unit_test(test_wrong_checksum_length_and_bits),
        cmocka_unit_test(test_something_behind),
        cmocka_unit_test(test_other_formats),
        cmocka_unit_test(test_headers_of_others),
        cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_small_repetitive_content_is_no_bomb),
        cmocka_unit_test(test_sources),
        cmocka_unit_test(test_mutations_never_pass_as_good),
    };

    return cmocka_run_group_tests(tests, fill_plain, NULL);
}
