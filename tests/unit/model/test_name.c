/* Names: one line taken apart, scripts, look-alikes, spellings, Latin letters. */
#include "support_model.h"

#include <string.h>

#include "model/name.h"

#define TEXT_MAX 4096

struct split_row {
    const char *name, *line, *surname, *given, *patronymic;
    bool sure;
};

static struct split_row splits[] = {
    { "three words", "Попеску Андрій Васильович", "Попеску", "Андрій", "Васильович",
      true },
    { "a woman", "Шевчук Наталія Іванівна", "Шевчук", "Наталія", "Іванівна", true },
    { "-йович", "Бондар Денис Сергійович", "Бондар", "Денис", "Сергійович", true },
    { "-ївна", "Бондар Ганна Сергіївна", "Бондар", "Ганна", "Сергіївна", true },
    { "Belarusian", "Русу Марыя Іванаўна", "Русу", "Марыя", "Іванаўна", true },
    { "Latin letters", "Shevchenko Oksana Petrivna", "Shevchenko", "Oksana", "Petrivna",
      true },
    { "capitals", "ШЕВЧУК НАТАЛІЯ ІВАНІВНА", "ШЕВЧУК", "НАТАЛІЯ", "ІВАНІВНА", true },
    { "no patronymic", "Попеску Ірина", "Попеску", "Ірина", NULL, true },
    { "a double surname with blank", "Нечуй Левицький Іван Семенович", "Нечуй Левицький",
      "Іван", "Семенович", false },
    { "a double surname with hyphen", "Нечуй-Левицький Іван Семенович", "Нечуй-Левицький",
      "Іван", "Семенович", true },
    { "three words without patronymic", "Popescu Ana Maria", "Popescu Ana", "Maria", NULL,
      false },
    { "a surname like a patronymic", "Петрович Іван", "Петрович", "Іван", NULL, true },
    { "given name and patronymic?", "Іван Петрович", "Іван", "Петрович", NULL, false },
    { "one word", "Шевчук", "Шевчук", NULL, NULL, false },
    { "many blanks", "  Шевчук   Наталія  Іванівна ", "Шевчук", "Наталія", "Іванівна",
      true },
};

static void check_part(const char *part, const char *want)
{
    if (want == NULL)
        assert_null(part);
    else
        assert_string_equal(part, want);
}

static void test_split(void **state)
{
    const struct split_row *row = *state;
    AUTO(name_split_free) struct name_split split = { 0 };

    assert_true(name_split(row->line, &split));
    check_part(split.part[NAME_SURNAME], row->surname);
    check_part(split.part[NAME_GIVEN], row->given);
    check_part(split.part[NAME_PATRONYMIC], row->patronymic);
    assert_null(split.part[NAME_FATHER]);
    assert_int_equal(split.sure, row->sure);
}

static void test_split_of_nothing(void **state)
{
    AUTO(name_split_free) struct name_split split = { 0 };
    char many[200];

    (void)state;
    assert_false(name_split("", &split));
    assert_false(name_split("   ", &split));
    memset(many, 'a', sizeof many - 1);
    many[sizeof many - 1] = '\0';
    for (size_t i = 1; i < sizeof many - 1; i += 2)
        many[i] = ' ';
    assert_false(name_split(many, &split)); /* a hundred words are no name */
}

static void test_join(void **state)
{
    AUTO(buf_free) struct buf out = BUF_INIT(TEXT_MAX);

    (void)state;
    name_join("Попеску", "Андрій", "Васильович", &out);
    assert_string_equal(buf_str(&out), "Попеску Андрій Васильович");
    buf_clear(&out);
    name_join("Lungu", NULL, "", &out);
    assert_string_equal(buf_str(&out), "Lungu");
}

static void test_scripts(void **state)
{
    (void)state;
    assert_int_equal(script_of("Șevciuc Ënver"), SCRIPT_LATIN);
    assert_int_equal(script_of("Знам'янка"), SCRIPT_CYRILLIC);
    assert_int_equal(script_of("Знамʼянка"), SCRIPT_CYRILLIC);
    assert_int_equal(script_of("12-34"), SCRIPT_NONE);
    assert_int_equal(script_of("Αθήνα"), SCRIPT_OTHER);
    assert_int_equal(script_of("Gjokё"),
                     SCRIPT_MIXED); /* with a Cyrillic letter at the end */
    assert_true(script_mixed_word("Gjokё"));
    assert_false(script_mixed_word("Popescu Андрій")); /* two words, each of one script */
    assert_false(script_mixed_word("Popescu-Андрій"));
    assert_string_equal(script_code(SCRIPT_CYRILLIC), "Cyrl");
}

struct text_row {
    const char *from, *to;
    bool changed;
};

static void check_rows(const struct text_row *rows, size_t count,
                       bool (*change)(const char *, struct buf *))
{
    for (size_t i = 0; i < count; i++) {
        AUTO(buf_free) struct buf out = BUF_INIT(TEXT_MAX);

        assert_int_equal(change(rows[i].from, &out), rows[i].changed);
        assert_string_equal(buf_str(&out), rows[i].to);
    }
}

static void test_lookalikes(void **state)
{
    static const struct text_row rows[] = {
        { "АВС", "ABC", true }, { "РВ1", "PB1", true },  { "Gjokё", "Gjokë", true },
        { "Ю", "Ю", false },    { "ABC", "ABC", false },
    };

    (void)state;
    check_rows(rows, COUNT_OF(rows), lookalike_to_latin);
}

static void test_comma_letters(void **state)
{
    static const struct text_row rows[] = {
        { "Şoldăneşti, Ţurcan", "Șoldănești, Țurcan", true },
        { "ţară", "țară", true },
        { "Șoldănești", "Șoldănești", false },
    };

    (void)state;
    check_rows(rows, COUNT_OF(rows), name_comma_letters);
}

static void test_apostrophes(void **state)
{
    static const struct text_row rows[] = {
        { "Знам'янка", "Знамʼянка", true },
        { "Знам’янка", "Знамʼянка", true },
        { "Знамʼянка", "Знамʼянка", false },
        { "'у лапках'", "'у лапках'", false },
    };

    (void)state;
    check_rows(rows, COUNT_OF(rows), name_apostrophes);
}

static void test_fold(void **state)
{
    static const struct {
        const char *a, *b;
        bool same;
    } rows[] = {
        { "Shqipëri", "SHQIPERI", true },
        { "Maqedoni e Veriut", " maqedoni  e veriut ", true },
        { "Pa shtetësi", "pa shtetesi", true },
        { "Знам'янка", "ЗНАМʼЯНКА", true },
        { "Ўладзімір", "ўладзімір", true },
        { "Moldavi", "Moldova", false },
        { "и", "і", false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(buf_free) struct buf a = BUF_INIT(TEXT_MAX);
        AUTO(buf_free) struct buf b = BUF_INIT(TEXT_MAX);

        text_fold(rows[i].a, &a);
        text_fold(rows[i].b, &b);
        assert_int_equal(strcmp(buf_str(&a), buf_str(&b)) == 0, rows[i].same);
    }
}

static void test_plain_latin(void **state)
{
    AUTO(buf_free) struct buf out = BUF_INIT(TEXT_MAX);

    (void)state;
    assert_true(name_plain_latin("Ștefan Çelë-O’Hara", &out));
    assert_string_equal(buf_str(&out), "Stefan Cele-O'Hara");
    buf_clear(&out);
    buf_adds(&out, "before");
    assert_false(name_plain_latin("Șевчук", &out));
    assert_string_equal(buf_str(&out), "before");
}

struct translit_row {
    const char *from, *to;
    enum translit rule;
};

static struct translit_row transliterations[] = {
    { "Згурський", "Zghurskyi", TRANSLIT_UA_2010 },
    { "Знам'янка", "Znamianka", TRANSLIT_UA_2010 },
    { "Знамʼянка", "Znamianka", TRANSLIT_UA_2010 },
    { "Наталія", "Nataliia", TRANSLIT_UA_2010 },
    { "Єнакієве", "Yenakiieve", TRANSLIT_UA_2010 },
    { "Гаєвич", "Haievych", TRANSLIT_UA_2010 },
    { "ЩЕРБАК", "SHCHERBAK", TRANSLIT_UA_2010 },
    { "Щербак-Юрченко", "Shcherbak-Yurchenko", TRANSLIT_UA_2010 },
    { "Бабрыковіч Аляксандр", "Babrykovich Aliaksandr", TRANSLIT_BY_2010 },
    { "Міховіч Марыя", "Mikhovich Maryia", TRANSLIT_BY_2010 },
    { "Ігар", "Ihar", TRANSLIT_BY_2010 },
    { "СВЯТЛАНА", "SVIATLANA", TRANSLIT_BY_2010 },
    { "МІХАІЛ", "MIKHAIL", TRANSLIT_BY_2010 },
    { "Вераб'ёў", "Vierabjow", TRANSLIT_BY_2010 },
    { "Мария Щукина", "Mariia Shchukina", TRANSLIT_RU_ICAO },
};

static void test_transliterate(void **state)
{
    const struct translit_row *row = *state;
    AUTO(buf_free) struct buf out = BUF_INIT(TEXT_MAX);

    assert_true(name_transliterate(row->from, row->rule, &out));
    assert_string_equal(buf_str(&out), row->to);
}

static void test_transliterate_unknown(void **state)
{
    AUTO(buf_free) struct buf out = BUF_INIT(TEXT_MAX);
    enum translit rule;

    (void)state;
    assert_false(name_transliterate("Ўладзімір", TRANSLIT_UA_2010, &out));
    buf_clear(&out);
    assert_true(name_transliterate("Popescu Андрій", TRANSLIT_UA_2010, &out));
    assert_string_equal(buf_str(&out), "Popescu Andrii");
    assert_true(translit_for("uk", &rule));
    assert_string_equal(translit_name(rule), "UA-55-2010");
    assert_false(translit_for("ro", &rule));
}

int main(void)
{
    enum {
        FIXED = 9,
        SPLITS = COUNT_OF(splits),
        ALL = FIXED + SPLITS + COUNT_OF(transliterations)
    };
    struct CMUnitTest tests[ALL] = {
        cmocka_unit_test(test_split_of_nothing),
        cmocka_unit_test(test_join),
        cmocka_unit_test(test_scripts),
        cmocka_unit_test(test_lookalikes),
        cmocka_unit_test(test_comma_letters),
        cmocka_unit_test(test_apostrophes),
        cmocka_unit_test(test_fold),
        cmocka_unit_test(test_plain_latin),
        cmocka_unit_test(test_transliterate_unknown),
    };
    size_t n = 9;

    for (size_t i = 0; i < COUNT_OF(splits); i++)
        tests[n++] = (struct CMUnitTest){ .name = splits[i].name,
                                          .test_func = test_split,
                                          .initial_state = &splits[i] };
    for (size_t i = 0; i < COUNT_OF(transliterations); i++)
        tests[n++] = (struct CMUnitTest){ .name = transliterations[i].from,
                                          .test_func = test_transliterate,
                                          .initial_state = &transliterations[i] };
    return _cmocka_run_group_tests("name", tests, n, NULL, NULL);
}
